"""The networks of the mobile super-resolution challenges of 2021 and 2022, and what is around them.

One tree: the family comes first, then the choices of that family. `anchor`, `gblock` and `hxnet`
are spaces of their own; the others are here. Every family ends in a limit and depth-to-space.
"""

from nas.graph import (
    Activation,
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    Relu,
    ResizeNearest,
    SpaceToDepth,
)
from nas.graph.blocks import anchor, output, relu_convs, residual
from nas.space import Choice, Option, Pick, Space, load_space, union

WIDTHS = (12, 16, 20, 24, 26, 28, 32, 36, 40, 48)
SCALES = (2, 3, 4)
ANCHOR = Choice("anchor", ("none", "copies", "nearest_conv"), about="upsampled image to be added")
LIMIT = Choice("limit", ("before", "after", "relu", "none"), about="clip, its place, ReLU, nothing")


def added(g: GraphBuilder, pick: Pick, scale: int) -> int | None:
    """The anchor, if there is one."""
    return None if pick.anchor == "none" else anchor(g, pick.anchor, scale=scale)


def build_branches(pick: Pick, scale: int) -> Graph:
    """Antins_cv: two branches of convs, added in feature space."""
    g = GraphBuilder(channels=3)
    image = added(g, pick, scale)
    outputs = 3 * scale**2
    meeting = pick.width if pick.meeting == "body" else outputs
    head = g.chain(g.input, *relu_convs(pick.width))
    early = relu_convs(pick.width, pick.depth - 1)
    left = g.chain(head, *early, Conv2d(meeting, activation="relu"))
    right = g.chain(head, *early, Conv2d(meeting, activation=pick.right_end))
    x = g.append(Add(), left, right)
    return g.graph(output(g, x, Conv2d(outputs), scale=scale, limit=pick.limit, add=image))


ANTINS: dict[str, Option] = {
    "width": 24,
    "depth": 2,
    "meeting": "body",
    "right_end": "none",
    "anchor": "none",
    "limit": "none",
}
BRANCHES = Space(
    "branches",
    (
        Choice("width", WIDTHS, about="channels"),
        Choice("depth", (1, 2, 3, 4), about="convs of each branch"),
        Choice("meeting", ("body", "output"), about="width at which the branches are added"),
        Choice("right_end", ("none", "relu"), about="activation that ends the second branch"),
        ANCHOR,
        LIMIT,
    ),
    build_branches,
    scales=SCALES,
    known={
        "Antins_cv": ANTINS,
        "Antins_cv-27branch": ANTINS | {"meeting": "output"},
    },
)


def build_long_skip(pick: Pick, scale: int) -> Graph:
    """BilibiliAI, MobileSR: a sum around the middle convs, in feature space."""
    g = GraphBuilder(channels=3)
    image = added(g, pick, scale)
    convs = relu_convs(pick.width, 1 if pick.stem == "conv" else 2)
    if pick.stem == "two_heads":
        heads = [g.append(conv, g.input) for conv in convs]
        point = Conv2d(pick.width, kernel=1, activation="relu")
        early = g.append(point, g.append(Concat(), *heads))
    else:
        early = g.chain(g.input, *convs)
    x = residual(g, early, *relu_convs(pick.width, pick.depth))
    last = Conv2d(3 * scale**2)
    return g.graph(output(g, x, last, scale=scale, limit=pick.limit, add=image))


def long_skip(stem: str, width: int, depth: int) -> dict[str, Option]:
    """A published network with a long skip."""
    return {"stem": stem, "width": width, "depth": depth, "anchor": "copies", "limit": "after"}


LONG_SKIP = Space(
    "long_skip",
    (
        Choice(
            "stem",
            ("conv", "two_convs", "two_heads"),
            about="before the sum: convs, or two side by side mixed by a 1x1 conv",
        ),
        Choice("width", WIDTHS, about="channels"),
        Choice("depth", tuple(range(1, 13)), about="convs inside the sum"),
        ANCHOR,
        LIMIT,
    ),
    build_long_skip,
    scales=SCALES,
    known={
        "BilibiliAI": long_skip("two_heads", 28, 6),
        "MobileSR-CDFM": long_skip("two_convs", 26, 8),
        "MobileSR-CDFM-c28": long_skip("two_convs", 28, 8),
    },
)


def build_blocks(pick: Pick, scale: int) -> Graph:
    """TinySRNet, FastSR, PureConvSR while it trains: residual blocks that stay in the graph."""
    g = GraphBuilder(channels=3)
    skip = pick.get("skip") or pick.get("folded_skip")
    source = g.input if pick.fold == 1 else g.append(SpaceToDepth(pick.fold), g.input)
    factor = pick.fold * scale
    image = None
    if skip == "copies":
        image = anchor(g, "copies", scale=scale)
    elif skip in SKIP_KERNELS:
        image = g.append(Conv2d(3 * factor**2, kernel=SKIP_KERNELS[skip]), source)

    x = g.chain(source, *relu_convs(pick.width))
    for _ in range(pick.blocks):
        x = _block(g, x, pick)
    x = g.append(Conv2d(3 * factor**2), x)
    if image is not None:
        x = g.append(Add(), x, image)
    x = g.append(DepthToSpace(factor), x)
    if skip == "nearest":
        x = g.append(Add(), x, g.append(ResizeNearest(scale), g.input))
    return g.graph(g.append(Clip(), x) if pick.limit == "after" else x)


def _block(g: GraphBuilder, x: int, pick: Pick) -> int:
    if pick.block == "two_convs":
        return residual(g, x, *relu_convs(pick.width), Conv2d(pick.width))
    branch = (Conv2d(pick.width * pick.expansion), Conv2d(pick.width, kernel=1))
    return g.chain(g.append(Add(), residual(g, x, *branch), g.chain(x, *branch)), Relu())


def blocks(width: int, fold: int, skip: str) -> dict[str, Option]:
    """A published network of three residual blocks."""
    picked: dict[str, Option] = {"width": width, "blocks": 3, "block": "two_convs", "fold": fold}
    return picked | {"skip" if fold == 1 else "folded_skip": skip, "limit": "after"}


SKIP_KERNELS = {"conv1x1": 1, "conv3x3": 3}
BLOCKS = Space(
    "blocks",
    (
        Choice("width", (8, 12, 16, 24, 28, 29, 32, 40, 48), about="channels"),
        Choice("blocks", tuple(range(1, 9)), about="number of residual blocks"),
        Choice(
            "block",
            ("two_convs", "double_branch"),
            about="x + conv(relu(conv(x))), or relu(x + two times 1x1(3x3(x)))",
        ),
        Choice("expansion", (1, 2, 4), when={"block": ("double_branch",)}, about="inside a branch"),
        Choice("fold", (1, 2), about="2: the body works at half the size"),
        Choice(
            "skip",
            ("none", "conv1x1", "conv3x3", "copies", "nearest"),
            when={"fold": (1,)},
            about="image that is added: a conv of it or copies, or enlarged and added at the end",
        ),
        Choice(
            "folded_skip",
            ("none", "conv1x1", "conv3x3", "nearest"),
            when={"fold": (2,)},
            about="the same where the body works at half the size",
        ),
        Choice("limit", ("after", "none"), about="clip at the end or not"),
    ),
    build_blocks,
    scales=SCALES,
    known={
        "TinySRNet": blocks(32, 2, "conv1x1"),
        "TinySRNet-skip3x3": blocks(32, 2, "conv3x3"),
        "FastSR": blocks(16, 1, "nearest"),
        "PureConvSR-train": blocks(29, 1, "copies") | {"block": "double_branch", "expansion": 2},
    },
)


def build_ghosts(pick: Pick, scale: int) -> Graph:
    """RepGSR: half of the features of a block are made from the other half."""
    g = GraphBuilder(channels=3)
    image = added(g, pick, scale)
    x = g.append(_trained(pick, pick.width, activation="relu"), g.input)
    half = pick.width // 2
    for _ in range(pick.blocks):
        primary = g.append(_trained(pick, half), x)
        ghost = g.append(_trained(pick, half, kernel=pick.ghost_kernel), primary)
        x = g.chain(g.append(Concat(), primary, ghost), Relu())
    last = _trained(pick, 3 * scale**2)
    return g.graph(output(g, x, last, scale=scale, limit=pick.limit, add=image))


def _trained(
    pick: Pick, features: int, *, kernel: int = 3, activation: Activation = "none"
) -> Conv2d:
    """A conv with the form that all of them have."""
    inside = pick.get("expansion", 1)
    return Conv2d(features, kernel=kernel, activation=activation, form=pick.form, expansion=inside)


EXPANDING = ("rep_block", "collapsible", "rrrb", "double_branch")
GHOSTS = Space(
    "ghosts",
    (
        Choice("width", WIDTHS, about="channels"),
        Choice("blocks", tuple(range(1, 13)), about="number of ghost blocks"),
        Choice("ghost_kernel", (1, 3), about="kernel from the first half to the other"),
        ANCHOR,
        LIMIT,
        Choice("form", ("plain", "repvgg", "dbb", *EXPANDING), about="how all convs train"),
        Choice("expansion", (2, 4, 8, 16), when={"form": EXPANDING}, about="width inside a form"),
    ),
    build_ghosts,
    scales=SCALES,
    known={
        "RepGSR": {
            "width": 28,
            "blocks": 8,
            "ghost_kernel": 3,
            "anchor": "none",
            "limit": "none",
            "form": "rep_block",
            "expansion": 16,
        }
    },
)


def hxnet() -> Space:
    """`hxnet`, whose conv after the last block may keep the width of the body."""
    found = load_space("hxnet")
    choices = tuple(
        Choice(c.name, (*c.options, "body3x3"), c.when, c.about) if c.name == "after" else c
        for c in found.choices
    )
    wide = {**found.known["XCAT"], "after": "body3x3"}
    known = {**found.known, "XCAT-readA": wide, "XCAT-readC": wide}
    return Space(found.name, choices, found.build, scales=found.scales, known=known)


space = union(
    "mobile",
    {
        "anchor": load_space("anchor"),
        "gblock": load_space("gblock"),
        "hxnet": hxnet(),
        "long_skip": LONG_SKIP,
        "blocks": BLOCKS,
        "branches": BRANCHES,
        "ghosts": GHOSTS,
    },
    about="the mobile challenge networks of 2021 and 2022, all but one, and around them, by family",
)
