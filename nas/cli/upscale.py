"""`nas upscale`: a photograph enlarged by a network."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.counted import counted
from nas.cli.tables import duration

if TYPE_CHECKING:  # importing them takes numpy
    from nas.evaluate.enlarged import Enlarged
    from nas.evaluate.photo import Photo
    from nas.evaluate.tiles import Piece
    from nas.evaluate.upscaler import Upscaler

__all__ = ["upscale"]

_ZOO = "zoo:"
_INT8 = "model.tflite"


def upscale(
    photo: Annotated[
        Path, typer.Argument(help="PNG, JPEG, TIFF, WebP or BMP, of any size.", show_default=False)
    ],
    network: Annotated[
        str,
        typer.Option(
            help="A finished run or RUN#TRIAL, a package of `nas export`, a trained network's "
            "folder, a .tflite or .keras file, or zoo:NAME, which is trained first."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New .png, .jpg or .webp file.")],
) -> None:
    """Enlarge a photograph, in tiles that leave no seams.

    Runs and packages run as the phone would, in INT8. Transparency is enlarged bicubically, the
    colour profile is kept, the EXIF orientation is applied.
    """
    from nas.evaluate.enlarged import Enlarged
    from nas.evaluate.photo import read_photo

    _check_out(out)
    original = read_photo(photo)
    for note in original.notes:
        typer.echo(f"{photo}: {note}", err=True)
    upscaler = _upscaler(network)
    began = time.monotonic()
    enlarged = Enlarged(original, upscaler.scale, out)
    num_tiles = _run(upscaler, original, enlarged)
    if num_tiles > 1:
        typer.echo(f"writing {out}", err=True)  # of a large picture that takes as long again
    enlarged.write()
    height, width = original.rgb.shape[:2]
    tiles = "1 tile" if num_tiles == 1 else f"{num_tiles} tiles"
    typer.echo(
        f"{width}x{height} to {enlarged.size[0]}x{enlarged.size[1]} pixels by {upscaler.name} "
        f"({upscaler.how}), {tiles}, {duration(time.monotonic() - began)}",
        err=True,
    )
    typer.echo(out)


def _run(upscaler: "Upscaler", photo: "Photo", enlarged: "Enlarged") -> int:
    """Adds all pieces; returns of how many tiles they are."""
    height, width = photo.rgb.shape[:2]
    num_tiles = upscaler.tiling_of(height, width).count(height, width)
    pieces = upscaler.pieces(photo.rgb)
    last_row = enlarged.size[1]

    def in_words(piece: "Piece") -> str:
        return f"{piece.top + piece.pixels.shape[0]} of {last_row} rows"

    for piece in counted(pieces, num_tiles, in_words) if num_tiles > 1 else pieces:
        enlarged.add(piece)
    return num_tiles


def _check_out(out: Path) -> None:
    """Before anything slow begins."""
    import os

    from nas.errors import UsageError
    from nas.evaluate.enlarged import check_format

    check_format(out)
    if os.path.lexists(out):
        raise UsageError(f"{out} exists", "give --out a new file")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", "make it, or give another --out")
    if not os.access(out.parent, os.W_OK):
        raise UsageError(f"{out.parent} may not be written to", "give another --out")


def _upscaler(network: str) -> "Upscaler":
    """Whatever a person named, ready to run; integer where there is a choice."""
    from nas.cli.runs import find_run
    from nas.errors import RunError, UsageError
    from nas.evaluate.upscaler import BASELINES, load_upscaler

    path = Path(network).expanduser()
    if network in BASELINES:
        raise UsageError(f"{network} is no network", f"such as {_ZOO}xcat, or a run")
    if network.startswith(_ZOO):
        return _published(network)
    if path.is_file():
        return load_upscaler(path)
    if (chosen := re.fullmatch(r"(.+)#(\d+)", network)) and not path.exists():
        return load_upscaler(_finalist(find_run(chosen[1]), chosen[2]))
    if not path.is_dir():
        try:
            path = find_run(network)
        except RunError as error:
            raise UsageError(
                f"there is no network {network}",
                f"give a run, a folder or file with a network, or {_ZOO}NAME; runs {error.hint}",
            ) from None
    if (path / "config.json").is_file() and (path / "best").is_dir():
        path = path / "best"
    file = path / _INT8
    return load_upscaler(file if file.is_file() else path)


def _finalist(run: Path, trial: str) -> Path:
    from nas.errors import RunError

    folders = run / "finalists"
    if (file := folders / trial / _INT8).is_file():
        return file
    known = sorted(int(path.parent.name) for path in folders.glob(f"*/{_INT8}"))
    raise RunError(
        f"trial {trial} of {run} is no finalist, which are {', '.join(map(str, known)) or 'none'}",
        f"nas export {run} --trial {trial} --out DIR, then --network DIR",
    )


def _published(network: str) -> "Upscaler":
    """Trained now, unless it was before."""
    from dataclasses import replace

    from nas.evaluate.torch_network import check_upscales
    from nas.evaluate.upscaler import load_upscaler
    from nas.search.on_the_spot import CHUNKS, OnTheSpot
    from nas.zoo import zoo_entry

    entry = zoo_entry(network.removeprefix(_ZOO))
    graph = entry.build()
    check_upscales(graph.deployed, network)
    spot = OnTheSpot(entry.name, graph)
    if not spot.is_there:
        typer.echo(
            f"{network} has no published weights here: it is trained as the search does, on the "
            "bundled images, and kept; that takes about half a minute, once",
            err=True,
        )
        for _ in counted(spot.train(), CHUNKS, lambda steps: f"{steps} steps"):
            pass
    file = spot.folder / _INT8
    return replace(load_upscaler(file if file.is_file() else spot.folder), name=network)
