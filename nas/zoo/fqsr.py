"""The networks that FQSR quantises (Wang et al. 2021): SRResNet, EDSR and SRGAN at x2 and x4."""

from functools import partial

from nas.graph import (
    Add,
    BatchNorm,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Op,
    Prelu,
)
from nas.graph.blocks import relu_convs, residual
from nas.graph.discriminator import discriminator
from nas.zoo.entry import Entry
from nas.zoo.figures import FQSR_PAPER
from nas.zoo.fqsr_tables import EDSR, LITE, SRGAN, SRRESNET, WITHOUT_MAPPING

__all__ = ["ENTRIES"]

SLOPE = Prelu(shared=True)


def doublings(scale: int, *step: Op) -> list[Op]:
    """`step` once for each doubling of the size."""
    return [op for _ in range(scale.bit_length() - 1) for op in step]


def sr_resnet(scale: int, blocks: int | None = 16, width: int = 64) -> Graph:
    """Blocks with batch normalisation, no biases; `blocks` None leaves the whole middle out."""
    g = GraphBuilder(channels=3)
    normed = (Conv2d(width, bias=False), BatchNorm())
    head = g.chain(g.input, Conv2d(width, kernel=9, bias=False), SLOPE)
    x = head
    for _ in range(blocks or 0):
        x = residual(g, x, *normed, SLOPE, *normed)
    if blocks is not None:
        x = g.append(Add(), g.chain(x, *normed), head)
    up = doublings(scale, Conv2d(4 * width, bias=False), DepthToSpace(2), SLOPE)
    return g.graph(g.chain(x, *up, Conv2d(3, kernel=9, bias=False)))


def edsr(scale: int, blocks: int = 16) -> Graph:
    """Blocks with biases and without normalisation."""
    g = GraphBuilder(channels=3)
    head = g.append(Conv2d(64), g.input)
    x = head
    for _ in range(blocks):
        x = residual(g, x, *relu_convs(64), Conv2d(64))
    x = g.append(Add(), g.append(Conv2d(64), x), head)
    return g.graph(g.chain(x, *doublings(scale, Conv2d(256), DepthToSpace(2)), Conv2d(3)))


def entries_at(scale: int) -> tuple[Entry, ...]:
    """The networks of one scale."""
    resnet = Entry(
        f"FQSR-SRResNet-x{scale}",
        partial(sr_resnet, scale),
        f"{FQSR_PAPER}, Table 2",
        "exact",
        "one-slope PReLU and no biases, as in the authors' code",
        team="FQSR",
        year=2021,
        recipe="fqsr-srresnet",
        published=SRRESNET[scale],
    )
    return (
        resnet,
        resnet.variant(
            f"FQSR-SRResNet_Lite-x{scale}",
            partial(sr_resnet, scale, 10),
            "ten blocks by text and code; the published operations fit ten convs",
            LITE[scale],
        ),
        resnet.variant(
            f"FQSR-SRResNet_woM-x{scale}",
            partial(sr_resnet, scale, None),
            "without the mapping module",
            WITHOUT_MAPPING[scale],
        ),
        Entry(
            f"FQSR-EDSR-x{scale}",
            partial(edsr, scale),
            f"{FQSR_PAPER}, Table 3",
            "exact",
            "without the mean shift at both ends",
            team="FQSR",
            year=2021,
            recipe="fqsr-edsr",
            published=EDSR[scale],
        ),
        Entry(
            f"FQSR-SRGAN-G-x{scale}",
            resnet.build,
            f"{FQSR_PAPER}, Table 4",
            "inferred",
            "SRResNet as the generator; loss weights are not published",
            team="FQSR",
            year=2021,
            recipe="fqsr-srgan",
            published=SRGAN[scale],
            reading_of=resnet.name,
        ),
    )


ENTRIES = (
    *entries_at(2),
    *entries_at(4),
    Entry(
        "FQSR-SRGAN-D",
        discriminator,
        f"{FQSR_PAPER}, Table 4",
        "exact",
        "the discriminator of the authors' code; needed to train only",
        team="FQSR",
        year=2021,
        recipe="fqsr-srgan",
    ),
)
