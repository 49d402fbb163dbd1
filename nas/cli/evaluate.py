"""`nas evaluate`: PSNR and SSIM of upscalers on a folder of images."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.counted import counted
from nas.cli.tables import print_json, print_table

if TYPE_CHECKING:  # importing them takes numpy
    from nas.evaluate.images import EvaluationSet
    from nas.evaluate.results import Result
    from nas.evaluate.scores import ImageScore
    from nas.evaluate.statistics import Mean
    from nas.evaluate.upscaler import Upscaler

__all__ = ["evaluate"]

_USUAL_SCALE = 3  # of baselines alone
_JPEG_NOTE = "figures include its artefacts"


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="bicubic, nearest, a .tflite or .keras file, the folder of a trained network, or "
            "a finished run. Others are compared with the first.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str, typer.Option(help="Folder of HR images, or with HR and LR in it; or bundled.")
    ],
    scale: Annotated[
        int | None, typer.Option(help="Of baselines alone, default 3; others know theirs.")
    ] = None,
    white: Annotated[
        int | None,
        typer.Option("--range", metavar="1|255", help="White in files of floats; default: tried."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder for upscaled images and close-ups.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """PSNR and SSIM of upscaled images, as papers on super-resolution report them.

    A folder runs in float; give its model.tflite for the figures of the integer network.
    """
    from nas.evaluate.images import load_images
    from nas.evaluate.results import facts

    if white not in (None, 1, 255):
        raise _usage(f"--range {white} is no range of images", "give 1 or 255")
    if out and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise _usage(f"{out} exists", "give --out a new folder")
    upscalers = _load(models, scale, white)
    images = load_images(
        data,
        scale=upscalers[0].scale,
        on_skip=lambda line: typer.echo(f"skipped {line}", err=True),
    )
    with _new_folder(out) as folder:
        results = _score(upscalers, images, folder)
        if folder:
            _draw_close_ups(results, images, folder)
    if as_json:
        print_json(facts(results, images))
    elif len(results) == 1:
        _print_images(results[0], images)
    else:
        _print_comparison(results, images)


def _load(models: list[str], scale: int | None, white: int | None) -> "list[Upscaler]":
    """All models, of one scale."""
    from nas.evaluate.upscaler import BASELINES, load_upscaler

    if len(set(models)) < len(models):
        raise _usage("a model is named twice", "name each once")
    loaded = {
        name: load_upscaler(_path(name), scale=scale, white=white)
        for name in models
        if name not in BASELINES
    }
    named = {upscaler.scale: name for name, upscaler in loaded.items()}
    if len(named) > 1:
        (one, first), (other, second), *_ = named.items()
        raise _usage(f"{first} upscales x{one}, {second} x{other}", "compare networks of one scale")
    shared = next(iter(named), _USUAL_SCALE if scale is None else scale)
    return [loaded.get(name) or load_upscaler(name, scale=shared) for name in models]


def _path(name: str) -> Path:
    """A path as it stands, else the run of that name if there is one."""
    from nas.errors import RunError
    from nas.search.folder import find_run

    path = Path(name).expanduser()
    if path.exists():
        return path
    try:
        return find_run(name)
    except RunError:
        return path


@contextmanager
def _new_folder(out: Path | None) -> Iterator[Path | None]:
    """Where pictures go; it becomes `out` when all are there."""
    from nas.search.folder import whole_folder, why

    if out is None:
        yield None
        return
    try:
        with whole_folder(out) as folder:
            yield folder
    except OSError as error:
        hint = "free the disk, or give another --out"
        raise _usage(f"{out} cannot be written: {why(error)}", hint) from error


def _score(
    upscalers: "list[Upscaler]", images: "EvaluationSet", folder: Path | None
) -> "list[Result]":
    from nas.evaluate.pictures import folder_names, write_image
    from nas.evaluate.results import Result

    results = [Result(upscaler, []) for upscaler in upscalers]
    folders = folder_names([upscaler.name for upscaler in upscalers])
    steps = _steps(results, images)
    total = len(results) * len(images.pairs)
    for result, score, made in counted(steps, total, _in_words):
        result.scores.append(score)
        if folder:
            write_image(folder / folders[result.upscaler.name], score.name, made)
    return results


_Step = tuple["Result", "ImageScore", Any]


def _steps(results: "list[Result]", images: "EvaluationSet") -> Iterator[_Step]:
    from nas.evaluate.scores import upscaled_and_scored

    for result in results:
        upscaler = result.upscaler
        for score, made in upscaled_and_scored(upscaler, images.pairs, upscaler.scale):
            yield result, score, made


def _in_words(step: _Step) -> str:
    result, score, _ = step
    return f"{result.upscaler.name}: {score.name}, {score.psnr_y_db:.2f} dB"


def _draw_close_ups(results: "list[Result]", images: "EvaluationSet", folder: Path) -> None:
    from nas.evaluate.pictures import CLOSE_UP_FOLDER, folder_names, write_close_ups

    names = folder_names([result.upscaler.name for result in results])
    places = {model: folder / name for model, name in names.items()}
    write_close_ups(folder / CLOSE_UP_FOLDER, images.pairs, places, results[0].upscaler.scale)


def _print_images(result: "Result", images: "EvaluationSet") -> None:
    """The figures of one upscaler, image by image, and their means."""
    from nas.evaluate.scores import FIGURES

    rows = [
        (
            score.name,
            *(_number(getattr(score, figure), figure) for figure in FIGURES),
            f"{score.seconds:.3f}",
            f"JPEG: {_JPEG_NOTE}" if score.name in images.jpegs else "",
        )
        for score in result.scores
    ]
    upscaler = result.upscaler
    title = f"{upscaler.name} x{upscaler.scale} ({upscaler.how}) on {images.name}"
    print_table(["image", *FIGURES.values(), "seconds", "note"], rows, title=title)
    means = [
        (label, *_mean_cells(result.mean(figure), figure)) for figure, label in FIGURES.items()
    ]
    print_table([f"mean of {len(rows)}", "mean", "from", "to"], means)
    _print_notes(images)


def _print_comparison(results: "list[Result]", images: "EvaluationSet") -> None:
    """The means of several upscalers, and how far each is from the first."""
    main = "psnr_y_db"
    rows = [
        (
            result.upscaler.name,
            *_mean_cells(result.mean(main), main),
            *_mean_cells(result.difference(results[0], main), main, sign="+"),
            *(_number(result.mean(figure).mean, figure) for figure in ("psnr_rgb_db", "ssim_y")),
            f"{result.mean('seconds').mean:.3f}",
            result.upscaler.how,
        )
        for result in results
    ]
    columns = ["model", "PSNR Y", "from", "to", "to first", "from", "to", "PSNR RGB", "SSIM Y"]
    title = f"x{results[0].upscaler.scale} on {images.name}, means of {len(images.pairs)} images"
    print_table([*columns, "seconds", "runs as"], rows, title=title)
    _print_notes(images)


def _print_notes(images: "EvaluationSet") -> None:
    from nas.evaluate.statistics import METHOD

    typer.echo(f"from, to: {METHOD}; of a difference, image by image")
    if count := len(images.jpegs):
        typer.echo(f"JPEG: {count} of {len(images.pairs)} originals; {_JPEG_NOTE}")


def _mean_cells(mean: "Mean", figure: str, *, sign: str = "") -> list[str]:
    return [_number(value, figure, sign=sign) for value in (mean.mean, mean.low, mean.high)]


def _number(value: float, figure: str, *, sign: str = "") -> str:
    """A figure as papers print it; "-" where there is none."""
    if value != value:  # NaN
        return "-"
    return f"{value:{sign}.4f}" if figure == "ssim_y" else f"{value:{sign}.2f}"


def _usage(message: str, hint: str) -> Exception:
    from nas.errors import UsageError

    return UsageError(message, hint)
