"""Terms of kernels worked out by hand, and slopes that agree with differences."""

from dataclasses import replace

import numpy as np
import pytest

from nas.latency.op_terms import LAWS, TERMS, Law, design, law_costs
from nas.readers.kernels import Kernel

LAW = Law("channels", refetch=16, split=True, power=4)
CONV = Kernel(
    kind="conv",
    size=3,
    groups=1,
    cin=20,
    cout=40,
    pixels_in=100,
    pixels_out=100,
    reads="plain",
    writes="plain",
    box_in=20,
    box_out=40,
    copied=0,
    fused=True,
)
MACS = 100 * 12 * 32 * 40  # pixels, 9 -> 12, 20 -> 32 channels in, 40 out
CASES = [
    (
        "bricks",
        CONV,
        {
            "macs": MACS,
            "launches": 1,
            "bricks_read_around": 100 * 32 * 3,  # once for each 16 of 40 channels
            "bricks_written": 100 * 48,
        },
    ),
    (
        "a 1x1 kernel reads once",
        replace(CONV, size=1),
        {
            "macs": 100 * 32 * 40,
            "launches": 1,
            "bricks_read": 100 * 32,
            "bricks_written": 100 * 48,
        },
    ),
    (
        "linear, in bursts of 24 in and 16 out, into an image of 50 channels",
        replace(CONV, size=1, reads="linear", writes="linear", box_out=50),
        {
            "macs": 100 * 32 * 40,
            "launches": 1,
            "linear_read": 100 * 20,
            "bursts_read": 100 * 20 / 24 * 32,
            "linear_written": 100 * 40,
            "bursts_written": 100 * 40,
            "boxes_written": 100 * 50,
        },
    ),
    (
        "longer than a burst, and as long as one",
        replace(CONV, size=1, cin=48, cout=16, reads="linear", writes="linear", box_out=16),
        {
            "macs": 100 * 48 * 16,
            "launches": 1,
            "linear_read_wide": 100 * 48,
            "bursts_read": 100 * 48,
            "linear_written": 100 * 16,
            "boxes_written": 100 * 16,
        },
    ),
    (
        "the image",
        replace(CONV, size=1, cin=3, reads="image"),
        {
            "macs": 100 * 16 * 40,
            "launches": 1,
            "image_read": 100 * 3 * 3,
            "bricks_written": 100 * 48,
        },
    ),
    (
        "groups",
        replace(CONV, groups=2, cin=16, cout=16, reads="linear"),
        {
            "macs": 2 * 100 * 12 * 16 * 16,
            "launches": 2,
            "bricks_read_around": 2 * 100 * 16,
            "bricks_written": 2 * 100 * 16,
        },
    ),
    ("a sum", replace(CONV, kind="add"), {"adds": 100 * 40, "launches": 1}),
    ("on single values", replace(CONV, kind="clip"), {"points": 100 * 40, "launches": 1}),
    (
        "on single values that lie as in a file",
        replace(CONV, kind="clip", cin=3, cout=3, reads="linear"),
        {"linear_points": 100 * 3 * 2, "launches": 1},  # half a brick at a time
    ),
    (
        "copies of 6 channels into an image as in a file",
        replace(CONV, kind="concat", copied=600, writes="linear"),
        {"copies": 100 * 12, "launches": 1},
    ),
]


@pytest.mark.parametrize(("kernel", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_terms_by_hand(kernel: Kernel, expected: dict[str, float]) -> None:
    (row,) = design([kernel], LAW)
    assert {name: x for name, x in zip(TERMS, row, strict=True) if x} == pytest.approx(expected)


ROUNDED = [  # how, what of CONV
    ("channels", 100 * 12 * 32 * 40),
    ("patches_8", 100 * (9 * 32) * 40),  # shorter than a patch of 12 x 32
    ("patches_16", 100 * (9 * 32) * 48),
]


@pytest.mark.parametrize(("macs", "products"), ROUNDED)
def test_arithmetic_is_rounded_as_the_law_says(macs: str, products: int) -> None:
    (row,) = design([CONV], replace(LAW, macs=macs))  # type: ignore[arg-type]
    assert row[0] == products


def test_the_slowest_part_decides() -> None:
    coefficients = np.zeros(len(TERMS))
    coefficients[list(TERMS).index("macs")] = 3.0
    coefficients[list(TERMS).index("bricks_read")] = 4.0
    row = np.zeros((1, len(TERMS)))
    row[0, list(TERMS).index("macs")] = row[0, list(TERMS).index("bricks_read")] = 1.0
    law = replace(LAW, power=2)
    assert law_costs(row, coefficients, law)[0] == pytest.approx([5.0])
    coefficients[list(TERMS).index("launches")] = 2.0
    row[0, list(TERMS).index("launches")] = 1.0
    assert law_costs(row, coefficients, law)[0] == pytest.approx([7.0])  # before the rest starts


@pytest.mark.parametrize("law", LAWS[::5])
def test_slopes_agree_with_differences(law: Law) -> None:
    rows = design([kernel for _, kernel, _ in CASES], law)
    logs = np.log(np.random.default_rng(0).uniform(1e-6, 1e-5, len(TERMS)))
    costs, slopes = law_costs(rows, np.exp(logs), law)
    for place in range(len(TERMS)):
        step = np.zeros(len(TERMS))
        step[place] = 1e-6
        moved, _ = law_costs(rows, np.exp(logs + step), law)
        assert (moved - costs) / 1e-6 == pytest.approx(slopes[:, place], rel=1e-3, abs=1e-8)
