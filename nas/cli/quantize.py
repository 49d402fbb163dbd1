"""`nas quantize`: the INT8 file of a trained network."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from nas.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from torch import Tensor

    from nas.quantize.method import Method
    from nas.quantize.stored import StoredNetwork

__all__ = ["quantize"]


def quantize(
    network: Annotated[Path, typer.Argument(help="Folder that `nas train` or `export` wrote.")],
    out: Annotated[Path, typer.Option(help="New folder for the file and its figures.")],
    data: Annotated[str, typer.Option(help="Folders of images, or bundled.")] = "bundled",
    valid: Annotated[str | None, typer.Option(help="Folders of images to measure on.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="plain, equalize, bias-correction, feedback, readout, refit or best; default: the "
            "grids that training found, else best."
        ),
    ] = None,
    calibration: Annotated[
        str | None, typer.Option(help="minmax, percentile, mse or entropy; default: the method's.")
    ] = None,
    per_tensor: Annotated[bool, typer.Option(help="One scale for each kernel.")] = False,
    activations: Annotated[
        int, typer.Option(help="Bits: 8, or 16 for files that are float at both ends.")
    ] = 8,
    representative: Annotated[
        str, typer.Option(help="What sets the ranges: all, search, or a folder of images.")
    ] = "all",
    size: Annotated[str, typer.Option(help="Input of the file, height x width.")] = "360x640",
    sensitivity: Annotated[
        bool, typer.Option(help="What plain rounding of each layer costs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Quantise a trained network, convert it, and run the file."""
    from nas.data.sets import load_dataset
    from nas.quantize.quiet import quiet
    from nas.quantize.stored import load_stored
    from nas.search.folder import whole_folder

    with quiet():  # TensorFlow announces itself
        from nas.export.int8 import images_of, make_int8
    _check_out(out)
    stored = load_stored(network)
    given = method or calibration or per_tensor or activations != 8 or representative != "all"
    chosen = _method(method, calibration, per_tensor, activations)
    learned = stored.grid is not None and not given
    if learned:
        typer.echo("taking the grids that training found", err=True)
    dataset = load_dataset(
        data,
        scale=stored.graph.scale,
        lr_patch=32,
        valid=valid,
        on_skip=lambda line: typer.echo(f"skipped {line}", err=True),
    )
    seen = _representative(representative, stored, [pair.lr for pair in dataset.train])
    with whole_folder(out) as partial:
        figures = make_int8(
            stored,
            images_of(dataset, stored.graph.scale, seen),
            partial,
            method=None if learned else chosen,
            input_size=_input_size(size),
            sensitivity=sensitivity,
        )
        if sensitivity:
            from nas.report.sensitivity import write_sensitivity

            write_sensitivity(partial / "sensitivity.html", figures["sensitivity"])
    if as_json:
        print_json(figures)
    else:
        _show(out, figures)


def _check_out(out: Path) -> None:
    from nas.errors import UsageError

    if out.exists():
        raise UsageError(f"{out} exists", "give --out a new folder")


def _method(
    name: str | None, calibration: str | None, per_tensor: bool, activations: int
) -> "Method":
    from dataclasses import replace
    from typing import get_args, get_type_hints

    from nas.errors import UsageError
    from nas.quantize.calibration import Calibration
    from nas.quantize.method import METHODS

    if name is not None and name not in METHODS:
        raise UsageError(f"there is no method {name!r}", f"--method is one of {', '.join(METHODS)}")
    if activations not in (8, 16):
        raise UsageError(f"{activations} bits are not known", "--activations is 8 or 16")
    bits: Literal[8, 16] = 16 if activations == 16 else 8
    found = replace(METHODS[name or "best"], per_channel=not per_tensor, activation_bits=bits)
    if calibration is None:
        return found
    kinds = get_args(get_type_hints(Calibration)["kind"])
    if calibration not in kinds:
        raise UsageError(
            f"there is no calibration {calibration!r}",
            f"--calibration is one of {', '.join(kinds)}",
        )
    return replace(found, calibration=Calibration(cast(Any, calibration)), alternatives=())


def _representative(
    wanted: str, stored: "StoredNetwork", training: Sequence[Any]
) -> "list[Tensor] | None":
    """Images that set the ranges; None: patches of all training images."""
    from nas.data.images import list_images, read_image
    from nas.graph.rewrites import fold_batch_norm
    from nas.quantize.representative import rank
    from nas.readers.to_torch import image_tensor

    if wanted == "all":
        return None
    if wanted != "search":
        files = list_images(Path(wanted))
        if not files:
            from nas.errors import DataError

            hint = "--representative takes all, search, or a folder"
            raise DataError(f"no images in {wanted}", hint)
        return [image_tensor(read_image(file)[None]) for file in files]
    images = [image_tensor(_centre(lr)[None].copy()) for lr in training]
    typer.echo(f"looking for the best of {len(images)} crops", err=True)
    best = rank(*fold_batch_norm(stored.graph, stored.weights), images)[0]
    return [images[best]]


def _centre(image: Any) -> Any:
    """At most 64x64 pixels: as good a choice as among whole images, in a third of the time."""
    top, left = (max(side - 64, 0) // 2 for side in image.shape[:2])
    return image[top : top + 64, left : left + 64]


def _input_size(text: str) -> tuple[int, int]:
    from nas.errors import UsageError

    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found or "0" in found.groups():
        raise UsageError(f"{text!r} is no size", "--size is height x width, such as 360x640")
    return int(found[1]), int(found[2])


def _show(out: Path, figures: Mapping[str, Any]) -> None:
    drop = figures["psnr_float_db"] - figures["psnr_litert_db"]
    print_table(
        ("float dB", "simulation dB", "file by LiteRT dB", "drop dB", "bytes"),
        [
            (
                f"{figures['psnr_float_db']:.3f}",
                f"{figures['psnr_simulation_db']:.3f}",
                f"{figures['psnr_litert_db']:.3f}",
                f"{drop:.3f}",
                f"{figures['size_bytes']:,}",
            )
        ],
    )
    if layers := figures.get("sensitivity"):
        print_table(
            ("layer", "only its weights dB", "only its output dB", "all but it, gained dB"),
            [
                (
                    f"{layer['position']} {layer['op']}",
                    *(
                        "-" if layer[kind] is None else f"{layer[kind]:+.3f}"
                        for kind in ("weights_db", "activations_db", "without_db")
                    ),
                )
                for layer in layers
            ],
        )
    typer.echo(f"wrote {out}", err=True)
