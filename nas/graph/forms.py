"""Train-time forms: what a convolution is made of while it trains.

A form is a sum of branches, a branch is a chain of linear links, so the whole collapses to one
convolution. Here is only what a form consists of; `nas.train.forms` runs, starts and collapses it.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FORMS", "Branch", "Form", "FormTable", "Link"]

Form = Literal[
    "plain",
    "batch_norm",
    "repvgg",
    "rep_block",
    "collapsible",
    "rrrb",
    "double_branch",
    "ecb",
    "dbb",
    "ghost",
    "kernel_network",
]
Filter = Literal["trained", "average", "sobel_x", "sobel_y", "laplacian", "ghost"]
Width = Literal["input", "inside", "half", "output"]


@dataclass(frozen=True, slots=True)
class Link:
    """One linear map in a branch.

    Args:
        kernel: 1, or 0 for the kernel of the convolution.
        width: Channels it writes: those of the input, `expansion` times those of the output, half
            or all of those of the output.
        filter: "trained" is an ordinary convolution. "average" is the mean over the kernel,
            "sobel_x", "sobel_y" and "laplacian" are fixed 3x3 filters of each channel with a
            trained scale and bias. "ghost" passes its input on beside a trained 1x1 of it.
        norm: A batch normalisation follows.
        residual: Its input is added to its output.
    """

    kernel: int
    width: Width
    filter: Filter = "trained"
    norm: bool = False
    residual: bool = False


Branch = tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class FormTable:
    """What a form consists of.

    Args:
        branches: Whose results are added.
        identity: Whether the input is added too, where it has as many channels as the output.
        expands: Whether `Conv2d.expansion` means something.
        about: What it is and where it comes from.
    """

    branches: tuple[Branch, ...]
    identity: bool = False
    expands: bool = False
    about: str = ""


KXK = Link(0, "output")
POINT = Link(1, "output")
EXPAND = Link(0, "inside")
LEAD = Link(1, "inside")

FORMS: dict[str, FormTable] = {
    "plain": FormTable(((KXK,),), about="one convolution"),
    "batch_norm": FormTable(
        ((Link(0, "output", norm=True),),), about="a convolution and its batch normalisation"
    ),
    "repvgg": FormTable(
        ((KXK,), (POINT,)),
        identity=True,
        about="kxk + 1x1 + identity (PRPSR; RepVGG, arXiv:2101.03697, without its norms)",
    ),
    "rep_block": FormTable(
        ((EXPAND, POINT),),
        identity=True,
        expands=True,
        about="1x1(kxk(x)) + identity (SCSRN, ACSR; SESR's block, arXiv:2103.09404)",
    ),
    "collapsible": FormTable(
        ((LEAD, EXPAND, POINT),),
        identity=True,
        expands=True,
        about="1x1(kxk(1x1(x))) + identity (RPQ; SESR's option)",
    ),
    "rrrb": FormTable(
        ((LEAD, Link(0, "inside", residual=True), POINT),),
        identity=True,
        expands=True,
        about="1x1, kxk with identity, 1x1, and an outer identity (ICL)",
    ),
    "double_branch": FormTable(
        ((EXPAND, POINT), (EXPAND, POINT)),
        identity=True,
        expands=True,
        about="two times 1x1(kxk(x)), + identity (PureConvSR)",
    ),
    "ecb": FormTable(
        (
            (KXK,),
            (LEAD, KXK),
            (POINT, Link(0, "output", "sobel_x")),
            (POINT, Link(0, "output", "sobel_y")),
            (POINT, Link(0, "output", "laplacian")),
        ),
        expands=True,
        about="3x3 + 1x1-3x3 + three fixed edge filters after 1x1 (ECBSR, ACM MM 2021)",
    ),
    "dbb": FormTable(
        (
            (Link(0, "output", norm=True),),
            (Link(1, "output", norm=True),),
            (Link(1, "input", norm=True), Link(0, "output", norm=True)),
            (Link(1, "output", norm=True), Link(0, "output", "average", norm=True)),
        ),
        about="diverse branch block: kxk, 1x1, 1x1-kxk, 1x1-average, each normalised "
        "(arXiv:2103.13425)",
    ),
    "ghost": FormTable(
        ((Link(0, "half"), Link(1, "output", "ghost")),),
        about="half the channels, and as many made of them by a 1x1 (after RepGSR)",
    ),
    "kernel_network": FormTable(
        (), about="the kernel is what a network makes of the training images (Noahtcv)"
    ),
}
