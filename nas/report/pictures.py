"""Details of validation crops side by side: bicubic, best published, winner, ground truth."""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from nas.data.metrics import psnr_db
from nas.data.resample import Pixels
from nas.report.contest import Contest
from nas.report.crops import Crops, Detail, most_different
from nas.report.parts import name_of, number, soft

__all__ = ["pictures"]

_EDGE, _COUNT = 72, 4  # high-resolution pixels, which the page shows 3 times as large; details
_ABSENT = (
    "This run holds no pictures of its finalists: searches keep them since a later version, or a "
    "file of them is damaged."
)


def pictures(contest: Contest, crops: Crops | None) -> str:
    """The details with how they were picked; a sentence where the run holds none."""
    if not contest.converted:
        return soft("No network was converted yet.")
    if crops is None:
        return soft(_ABSENT)
    winner, rival = contest.winner, contest.rival
    mine = crops.by_trial[int(winner["number"])]
    columns = [("bicubic interpolation", crops.bicubic)]
    if rival is not None:
        columns.append((f"best published, {name_of(rival)}", crops.by_trial[int(rival["number"])]))
    columns.append((f"winner, {name_of(winner)}", mine))
    other = columns[-2]  # bicubic, where the winner is itself published
    details = most_different(mine, other[1], edge=_EDGE, count=_COUNT)
    columns.append(("ground truth", crops.truth))
    rows = "".join(_row(detail, columns, crops.truth) for detail in details)
    named = other[0] if rival is None else "the best published network"
    return soft(_how_picked(crops, named, len(details))) + rows


def _how_picked(crops: Crops, other: str, count: int) -> str:
    edge = min(_EDGE, crops.truth.shape[1])
    return (
        f"The {count} of {len(crops.truth)} validation crops, and in each the {edge}x{edge} "
        f"pixels, where the winner differs most from {other} by squared error, whoever is nearer "
        "to the truth there. So they show the largest differences, not usual ones. Pixels are "
        "enlarged without smoothing; networks are the converted INT8 files run by LiteRT; dB are "
        "the PSNR of the detail."
    )


def _row(detail: Detail, columns: list[tuple[str, Pixels]], truth: Pixels) -> str:
    wanted = detail.of(truth)
    shown = "".join(_view(detail, name, detail.of(images), wanted) for name, images in columns)
    return f'<h3>Crop {detail.crop + 1}</h3><div class="views">{shown}</div>'


def _view(detail: Detail, name: str, pixels: Pixels, wanted: Pixels) -> str:
    is_truth = np.array_equal(pixels, wanted)
    told = "" if is_truth else f"{number(psnr_db(pixels, wanted))} dB"
    alt = f"{detail.edge}x{detail.edge} pixels of validation crop {detail.crop + 1}: {name}"
    if told:
        alt += f", {told} from the ground truth"
    return (
        f'<figure><img src="{_data_uri(pixels)}" width="{detail.edge}" height="{detail.edge}" '
        f'alt="{escape(alt)}"><figcaption>{escape(name)}<br><b>{told}</b></figcaption></figure>'
    )


def _data_uri(pixels: Pixels) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
