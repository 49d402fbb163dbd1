"""What to do with a run next, as commands to copy."""

import shlex
from collections.abc import Iterator
from html import escape

from nas.report import evidence
from nas.report.contest import Contest
from nas.report.files import RunFiles
from nas.report.parts import commands, soft

__all__ = ["advice"]

_STEPS = 20_000  # of the example; recipes ask for hundreds of thousands


def advice(files: RunFiles, contest: Contest) -> str:
    """The part of the page: finish, measure, train longer, export, look."""
    return "".join(
        f"<h3>{escape(title)}</h3>{content}" for title, content in _parts(files, contest)
    )


def _parts(files: RunFiles, contest: Contest) -> Iterator[tuple[str, str]]:
    run = shlex.quote(str(files.folder))
    if not files.finalists:
        about = "It goes on where it stopped; nothing that was finished is lost."
        yield "Finish the search", soft(about) + commands([f"nas search --run {run} --resume"])
    yield "Measure these networks", evidence.worth(files)
    yield "Train the winner longer, on your images", _longer(files, contest, run)
    if files.finalists:
        about = "Keras model, uint8 TensorFlow Lite file, text form, weights and figures."
        yield "Take its files", soft(about) + commands([f"nas export {run} --out package"])
        about = "PHOTO is a picture of yours; the result is what the quantised network makes of it."
        look = f"nas upscale PHOTO --network {run} --out upscaled.png"
        yield "See it on your own picture", soft(about) + commands([look])


def _longer(files: RunFiles, contest: Contest, run: str) -> str:
    fetch, images = [], _images(files)
    if not images:
        fetch, images = ["nas data fetch div2k"], "--data data/DIV2K"
    about = (
        f"The search trained it for {contest.winner['steps']:,.0f} steps. `nas recipes list` has "
        "the recipes of published networks; --budget-steps shortens them, without it they train as "
        "published."
    )
    number = f"{contest.winner['number']:.0f}"
    return soft(about) + commands(
        [
            *fetch,
            f"nas train --network {run}#{number} --recipe l1 {images} --budget-steps {_STEPS} "
            "--out winner",
            f"nas quantize winner {images} --out winner-int8 --sensitivity",
            f"nas evaluate winner winner-int8/model.tflite bicubic {images}",
        ]
    )


def _images(files: RunFiles) -> str:
    """Options that name the images of the run; "" where they were those that come along."""
    data, valid = files.config.get("data", "bundled"), files.config.get("valid")
    if data == "bundled":
        return ""
    options = f"--data {shlex.quote(str(data))}"
    return options + (f" --valid {shlex.quote(str(valid))}" if valid else "")
