"""XLSR (Ayazoglu 2021), the winner of Mobile AI 2021."""

from functools import partial

from nas.graph import Clip, Concat, Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.zoo.entry import Entry
from nas.zoo.figures import XLSR_PAPER, Figure, printed_parameters, report_2021, xcat_table

__all__ = ["ENTRIES"]


def xlsr(*, gblocks: int = 3, clip: bool = True) -> Graph:
    """Four shallow heads, group-convolution blocks, and a shallow conv of the image at the end."""
    g = GraphBuilder(channels=3)
    heads = [g.append(Conv2d(8, activation="relu"), g.input) for _ in range(4)]
    x = g.chain(g.append(Concat(), *heads), Conv2d(32, kernel=1))
    for _ in range(gblocks):
        x = g.chain(x, Conv2d(32, groups=4, activation="relu"), Conv2d(32, kernel=1))
    skip = g.append(Conv2d(16), g.input)
    x = g.chain(g.append(Concat(), x, skip), Conv2d(32, kernel=1, activation="relu"), Conv2d(27))
    return g.graph(g.chain(x, *[Clip()] * clip, DepthToSpace(3)))


XLSR = Entry(
    "XLSR",
    partial(xlsr),
    f"{XLSR_PAPER}, section 3",
    "exact",
    team="Aselsan Research",
    year=2021,
    recipe="xlsr",
    published=(
        printed_parameters("22K", f"{XLSR_PAPER}, Table 1"),
        Figure("psnr_float_val_db", 30.10, f"{XLSR_PAPER}, Table 5"),
        Figure("psnr_uint8_val_db", 29.82, f"{XLSR_PAPER}, Table 5"),
        *report_2021(67, 29.58, 0.86, 0.18, 0.0093, 1278, 44.85, 28.5, 51.02),
        *xcat_table(4, None, None, 370, 210),
        Figure("galaxy_a21s_cpu_ms", 1130, XLSR_PAPER),
        Figure("galaxy_a21s_nnapi_ms", 1150, XLSR_PAPER),
        Figure("galaxy_a21s_gpu_ms", 620, XLSR_PAPER),
    ),
)
LINEAR = XLSR.variant(
    "XLSR-linear",
    partial(xlsr, clip=False),
    "XLSR without the output clip: what its INT8 quality rests on",
    published=(
        Figure("psnr_float_val_db", 30.11, f"{XLSR_PAPER}, Table 2"),
        Figure("psnr_uint8_val_db", 24.72, f"{XLSR_PAPER}, Table 2"),
        Figure("psnr_drop_val_db", 5.39, f"{XLSR_PAPER}, Table 2"),
    ),
    source=f"{XLSR_PAPER}, Table 2",
)

ENTRIES = (XLSR, LINEAR)
