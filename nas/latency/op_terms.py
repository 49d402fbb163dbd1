"""What the time of one op is made of: terms of its kernel, and the laws that may put them together.

Arithmetic, reading and writing go on side by side, so an op takes about as long as the slowest of
them; a p-norm leaves room for what overlaps badly. What each term counts is here, what a unit of it
costs is fitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

import numpy as np

from nas.latency.arrays import Array
from nas.readers.kernels import BRICK, CONVS, Kernel

__all__ = ["LAWS", "PARTS", "TERMS", "Law", "design", "law_costs"]

Part = Literal["arithmetic", "reading", "writing", "starting"]
TERMS: dict[str, Part] = {  # what is counted (values of one byte, unless said otherwise): when
    "macs": "arithmetic",  # rounded up as the law says
    "launches": "starting",  # one for each group
    "bricks_read": "reading",  # by 1x1 kernels
    "bricks_read_around": "reading",  # by larger kernels, which need the pixels around as well
    "linear_read": "reading",
    "linear_read_wide": "reading",  # pixels longer than a burst
    "linear_read_around": "reading",
    "image_read": "reading",
    "bursts_read": "reading",  # beginnings of bursts, each as many values as a full one holds
    "bursts_read_around": "reading",
    "bricks_written": "writing",
    "linear_written": "writing",
    "bursts_written": "writing",
    "boxes_written": "writing",  # whole images of which a part is written
    "images_entered": "reading",
    "adds": "reading",
    "points": "reading",
    "linear_points": "reading",
    "copies": "reading",
    "repeats": "reading",
    "moves": "reading",
}
PARTS: tuple[Part, ...] = ("arithmetic", "reading", "writing", "starting")
_READ_BURST = 32  # values; longest that a pixel in a file's order is read in
_WRITE_BURST = 16
_HALF_BRICK = 8


@dataclass(frozen=True, slots=True)
class Law:
    """What no coefficient says.

    Args:
        macs: How a machine rounds its arithmetic up: "channels" to bricks in and half bricks out,
            "patches_8" and "patches_16" to whole patches of a kernel where these are shorter, and
            so many channels out.
        refetch: The input is read again for each so many output channels; 0 where it is kept.
        split: Whether reading and writing go on side by side, or one after the other.
        power: Of the norm.
    """

    macs: Literal["channels", "patches_8", "patches_16"]
    refetch: int
    split: bool
    power: int


LAWS = tuple(
    Law(macs, refetch, split, power)  # type: ignore[arg-type]
    for macs, refetch, split, power in product(
        ("channels", "patches_8", "patches_16"), (0, 16, 32), (False, True), (2, 4)
    )
)


def design(kernels: Sequence[Kernel], law: Law) -> Array:
    """Kernels x `TERMS`."""
    return np.array([_row(kernel, law) for kernel in kernels]).reshape(-1, len(TERMS))


def law_costs(rows: Array, coefficients: Array, law: Law) -> tuple[Array, Array]:
    """The cost of each op, and its slope by the logarithm of each coefficient.

    Args:
        rows: As `design` gives them.
        coefficients: Milliseconds per unit of each term.
        law: That of `rows`.
    """
    terms = rows * coefficients
    part_of = np.array([_part(part, law) for part in TERMS.values()])
    last = PARTS.index("starting")
    parts = np.stack([terms[:, part_of == part].sum(axis=1) for part in range(last)], axis=1)
    largest = np.maximum(parts.max(axis=1, keepdims=True), 1e-300)
    norm = ((parts / largest) ** law.power).sum(axis=1, keepdims=True) ** (1 / law.power) * largest
    weights = (parts / np.maximum(norm, 1e-300)) ** (law.power - 1)
    weights = np.hstack([weights, np.ones((len(rows), 1))])
    return norm[:, 0] + terms[:, part_of == last].sum(axis=1), terms * weights[:, part_of]


@lru_cache(maxsize=2**16)  # random networks share most kernels
def _row(kernel: Kernel, law: Law) -> Array:
    terms = _conv_terms(kernel, law) if kernel.kind in CONVS else _other_terms(kernel)
    return np.array([terms.get(name, 0.0) for name in TERMS])


def _part(part: Part, law: Law) -> int:
    return PARTS.index("reading" if part == "writing" and not law.split else part)


def _conv_terms(kernel: Kernel, law: Law) -> dict[str, float]:
    around = "_around" if kernel.size > 1 else ""
    again = 1
    if law.refetch and (around or kernel.reads == "image"):
        again = -(-kernel.cout // law.refetch)
    terms = {"macs": _macs(kernel, law), "launches": float(kernel.groups)}
    values = float(kernel.read_values * again)
    if kernel.reads == "image":
        terms["image_read"] = values
    elif kernel.reads == "plain" or kernel.cin == BRICK:
        terms[f"bricks_read{around}"] = values * _up(kernel.cin, BRICK) / kernel.cin
    else:
        wide = "_wide" if kernel.cin > _READ_BURST and not around else ""
        terms[f"linear_read{around or wide}"] = values
        burst = _read_burst(kernel.cin, bool(around))
        if burst != kernel.cin:
            terms[f"bursts_read{around}"] = values / burst * _READ_BURST
    return terms | _write_terms(kernel)


def _write_terms(kernel: Kernel) -> dict[str, float]:
    values = float(kernel.written_values)
    if kernel.writes == "plain":
        return {"bricks_written": values * _up(kernel.cout, BRICK) / kernel.cout}
    box = float(kernel.pixels_out * kernel.box_out * kernel.groups)
    terms = {"linear_written": values, "boxes_written": box}
    burst = min(_WRITE_BURST, _up(kernel.cout, _HALF_BRICK))
    if burst != kernel.cout:
        terms["bursts_written"] = values / burst * _WRITE_BURST
    return terms


_TERM_OF = {
    "input": "images_entered",
    "add": "adds",
    "multiply": "adds",
    "repeat": "repeats",
    "concat": "copies",
    "slice": "copies",
    "depth_to_space": "moves",
    "space_to_depth": "moves",
    "resize_nearest": "moves",
    "resize_bicubic": "moves",
}  # others work on single values


def _other_terms(kernel: Kernel) -> dict[str, float]:
    term, values = _TERM_OF.get(kernel.kind, "points"), float(kernel.written_values)
    if kernel.kind == "concat":
        values = _in_bursts(kernel.copied, kernel.copied // kernel.pixels_out, kernel.writes)
    elif term == "points" and kernel.reads == "linear":
        term, values = "linear_points", _in_bursts(kernel.read_values, kernel.cin, "linear")
    return {term: values, "launches": 1.0}


def _in_bursts(values: int, channels: int, layout: str) -> float:
    if layout != "linear" or not channels:
        return float(values)
    return values / min(_WRITE_BURST, _up(channels, _HALF_BRICK)) * _WRITE_BURST


def _read_burst(channels: int, around: bool) -> int:
    """Values that come at once; where little is lost, larger kernels take whole bricks."""
    burst = min(_READ_BURST, _up(channels, _HALF_BRICK))
    if around and burst > BRICK and 3 * _up(channels, _READ_BURST) >= 4 * channels:
        return BRICK
    return burst


def _macs(kernel: Kernel, law: Law) -> float:
    area = kernel.size**2
    pixels = kernel.pixels_in if kernel.kind == "transposed_conv" else kernel.pixels_out
    products = float(pixels * kernel.groups)
    if law.macs == "channels":
        area = _up(area, 4) if area > 1 else 1
        return area * _up(kernel.cin, BRICK) * _up(kernel.cout, _HALF_BRICK) * products
    narrow = kernel.cin <= _HALF_BRICK
    patch = _up(area, 4) * (_HALF_BRICK if narrow else _up(kernel.cin, BRICK))
    block = 8 if law.macs == "patches_8" else 16
    return min(area * _up(kernel.cin, 32), patch) * _up(kernel.cout, block) * products


def _up(count: int, by: int) -> int:
    return -(-count // by) * by
