"""Challenge networks of 2022 that are a stack of 3x3 convolutions and nothing else.

Widths and depths that the text leaves open are those that meet the published file size.
"""

from functools import partial

from nas.graph import Clip, Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.graph.blocks import relu_convs
from nas.zoo.entry import Entry
from nas.zoo.figures import REPORT_2022, report_2022

__all__ = ["ENTRIES"]


def plain(*trunk: Conv2d, clip: bool = True) -> Graph:
    """A trunk, and a clip before depth-to-space."""
    g = GraphBuilder(channels=3)
    return g.graph(g.chain(g.input, *trunk, *[Clip()] * clip, DepthToSpace(3)))


HOPN = Entry(
    "HOPN",
    partial(plain, *relu_convs(28, 5), Conv2d(27)),
    f"{REPORT_2022}, section 4.4",
    "inferred",
    "width and depth are only in a figure",
    team="LCVG",
    year=2022,
    recipe="lcvg",
    published=report_2022(48, 29.76, 0.8675, 0.11, 787, 15.0, 52.5, 19.59),
)
BOE = Entry(
    "BOE",
    partial(plain, *relu_convs(28, 6), Conv2d(27)),
    f"{REPORT_2022}, section 4.5",
    "inferred",
    "width and the shape of the last two convs are open",
    team="BOE-IOT-AIBD",
    year=2022,
    recipe="boe-iot-aibd",
    published=report_2022(57, 29.8, 0.8675, 0.19, 877, 16.1, 54.5, 19.27),
)
EMSRNET = Entry(
    "EMSRNet",
    partial(plain, *relu_convs(28, 6), Conv2d(27), clip=False),
    f"{REPORT_2022}, section 4.6",
    "inferred",
    "whether five convs count the first and the last one is open",
    team="NJUST",
    year=2022,
    recipe="njust",
    published=report_2022(57, 29.76, 0.8676, 0.16, 767, 15.8, 48.5, 18.56),
)

ENTRIES = (
    HOPN,
    HOPN.variant("HOPN-5x32", partial(plain, *relu_convs(32, 4), Conv2d(27)), "five convs of 32"),
    BOE,
    BOE.variant(
        "BOE-27tail",
        partial(plain, *relu_convs(28, 5), *relu_convs(27), Conv2d(27)),
        "ABPN's last two convs",
    ),
    EMSRNET,
    EMSRNET.variant(
        "EMSRNet-literal5",
        partial(plain, *relu_convs(36, 4), *relu_convs(27), clip=False),
        "five convs in all, each with ReLU",
    ),
    EMSRNET.variant(
        "EMSRNet-5plus1",
        partial(plain, *relu_convs(32, 5), Conv2d(27), clip=False),
        "five conv-ReLU of 32 and an output conv",
    ),
)
