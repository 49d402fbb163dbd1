"""From the name of a network, a file or a folder to a function that upscales images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nas.data.resample import Pixels, upscale_bicubic
from nas.errors import RunError, UsageError, UserError
from nas.evaluate.tiles import Piece, Run, Tiling, in_pieces, in_tiles, whole
from nas.quantize.quiet import quiet

__all__ = ["BASELINES", "Upscaler", "load_upscaler", "upscale_nearest"]

_TFLITE_MAGIC, _ZIP_MAGIC = b"TFL3", b"PK"


@dataclass(frozen=True, slots=True)
class Upscaler:
    """Upscales images of any size.

    Args:
        name: As a person gave it.
        scale: Whole factor between LR and HR.
        how: What runs, and how it reads images, in words.
        run: Upscales an image that is cut as `tiling_of` says.
        tiling_of: How to cut an image of so many LR rows and columns; mostly not at all.
    """

    name: str
    scale: int
    how: str
    run: Run
    tiling_of: Callable[[int, int], Tiling] = whole

    def __call__(self, image: Pixels) -> Pixels:
        """uint8 [height, width, 3] -> uint8 [scale height, scale width, 3]."""
        tiling = self.tiling_of(*image.shape[:2])
        return in_tiles(self.run, image, scale=self.scale, tiling=tiling)

    def pieces(self, image: Pixels) -> Iterator[Piece]:
        """The same tile by tile, for images that are large; as many as the tiling counts."""
        tiling = self.tiling_of(*image.shape[:2])
        return in_pieces(self.run, image, scale=self.scale, tiling=tiling)


def upscale_nearest(image: Pixels, scale: int) -> Pixels:
    """Each pixel becomes `scale` x `scale` equal pixels."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


BASELINES = {
    "bicubic": (upscale_bicubic, "as MATLAB's imresize"),
    "nearest": (upscale_nearest, "copies of pixels"),
}


def load_upscaler(
    model: str | Path, *, scale: int | None = None, white: int | None = None
) -> Upscaler:
    """What a person means by `model`, ready to run on the CPU.

    Args:
        model: `bicubic` or `nearest`; a `.tflite` or `.keras` file; a folder with a trained network
            (`graph.txt` and `weights.safetensors`), which runs in float; or the folder of a
            finished search, for its `best/`.
        scale: Of a baseline; anything else knows its own, and must have this one if it is given.
        white: Of a file that reads or writes floats: 1 or 255. By default both are tried on a
            synthetic image, and what upscales it better counts.

    Raises:
        UsageError: There is no such model, it upscales no RGB images, or by another factor.
        RunError: A folder that holds no trained network, or a damaged one.
    """
    name = str(model)
    if name in BASELINES:
        return _baseline(name, scale)
    path = Path(model).expanduser()
    found = _from_folder(name, path) if path.is_dir() else _from_file(name, path, white)
    if scale is not None and found.scale != scale:
        raise UsageError(
            f"{name} upscales x{found.scale}, not x{scale}", "leave --scale out, or name another"
        )
    return found


def _baseline(name: str, scale: int | None) -> Upscaler:
    if scale is None or scale < 2:
        raise UsageError(f"{name} needs a scale of 2 or more", "such as --scale 3")
    function, how = BASELINES[name]
    return Upscaler(name, scale, how, lambda image: function(image, scale))


def _from_folder(name: str, folder: Path) -> Upscaler:
    from nas.evaluate.torch_network import float_upscaler
    from nas.quantize.stored import is_stored, load_stored

    if not is_stored(folder):
        if not is_stored(folder / "best"):
            unfinished = (folder / "config.json").is_file()
            raise RunError(
                f"{folder} holds no trained network",
                f"finish it with `nas search --run {folder} --resume`"
                if unfinished
                else "give a folder with graph.txt and weights.safetensors, or a file",
            )
        folder = folder / "best"
    stored = load_stored(folder)
    return float_upscaler(stored.graph, stored.weights, name=name)


def _from_file(name: str, path: Path, white: int | None) -> Upscaler:
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except FileNotFoundError:
        raise UsageError(
            f"there is no model {name}",
            f"give {' or '.join(BASELINES)}, a .tflite or .keras file, a trained network's folder, "
            "or a finished run",
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "check its rights") from error
    try:
        if start[4:8] == _TFLITE_MAGIC:
            from nas.evaluate.tflite_file import tflite_upscaler

            return tflite_upscaler(path, name=name, white=white)
        if start.startswith(_ZIP_MAGIC):
            with quiet():  # TensorFlow greets whoever loads it
                from nas.evaluate.keras_file import keras_upscaler

            return keras_upscaler(path, name=name, white=white)
    except UserError as error:
        raise UsageError(f"{name}: {error.message}", error.hint) from error
    raise UsageError(
        f"{name} is neither a TensorFlow Lite file nor a Keras file", "convert the network to one"
    )
