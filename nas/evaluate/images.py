"""The images of an evaluation, and which of them are JPEG files, whose artefacts count as truth."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nas.data.bundled import bundled_validation
from nas.data.folders import load_folder
from nas.data.images import OnSkip, Pair
from nas.data.layouts import find_images, find_parts
from nas.errors import DataError

__all__ = ["BUNDLED", "EvaluationSet", "load_images"]

BUNDLED = "bundled"
_WINDOW = 11  # HR pixels that the SSIM needs within the borders left out
_JPEG_MAGIC = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationSet:
    """Images to evaluate on.

    Args:
        name: Of their folder.
        pairs: At least one, sorted by name.
        jpegs: Names of those of which a file is JPEG, whatever it is called.
    """

    name: str
    pairs: tuple[Pair, ...]
    jpegs: frozenset[str]


def load_images(source: str, *, scale: int, on_skip: OnSkip) -> EvaluationSet:
    """Reads a folder of images in any layout of `nas.data.layouts`, or the bundled photographs.

    Args:
        source: A folder, or "bundled". Of a folder that says what validates, only that is read.
        scale: Whole factor between LR and HR.
        on_skip: Told "name: reason" of each image left out.

    Raises:
        DataError: The folder is missing, or no image in it is usable.
    """
    if source == BUNDLED:
        pairs = bundled_validation(scale)
        names = {pair.name for pair in pairs}
        jpegs = [file.stem for file in _shipped_files() if file.stem in names and _is_jpeg(file)]
        return EvaluationSet(BUNDLED, tuple(pairs), frozenset(jpegs))
    folder = Path(source).expanduser()
    train, valid = find_parts(folder)
    min_lr = -(-(_WINDOW + 2 * scale) // scale)
    pairs = load_folder(valid or train, scale=scale, min_lr=min_lr, on_skip=on_skip)
    used = {pair.name for pair in pairs}
    files = find_images(valid or train, scale).files
    jpegs = [
        hr.name
        for hr, lr in files
        if hr.name in used and (_is_jpeg(hr) or (lr is not None and _is_jpeg(lr)))
    ]
    return EvaluationSet(folder.resolve().name, tuple(pairs), frozenset(jpegs))


def _shipped_files() -> Iterable[Path]:
    """Where the bundled photographs are."""
    spec = find_spec("skimage")
    for root in [] if spec is None else spec.submodule_search_locations or ():
        yield from (Path(root) / "data").glob("*.jpg")


def _is_jpeg(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(_JPEG_MAGIC)) == _JPEG_MAGIC
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}", "check its rights") from error
