"""The space of SRResNet and EDSR with the bit widths of FQSR (Wang et al. 2021).

extraction: first conv; mapping: residual blocks and the conv after them; reconstruction: convs
with depth-to-space, last conv. Each of the three has its bits, and so have the sums.
"""

from nas.graph import (
    Activation,
    Add,
    Conv2d,
    DepthToSpace,
    Form,
    Graph,
    GraphBuilder,
    Op,
    Prelu,
    Relu,
)
from nas.graph.blocks import residual
from nas.space import Choice, Option, Pick, Space

BITS = (8, 6, 4)

CHOICES = (
    Choice("width", (16, 24, 32, 48, 64), about="channels"),
    Choice("blocks", (1, 2, 3, 4, 6, 8, 10, 12, 16), about="number of residual blocks"),
    Choice("head_kernel", (3, 9), about="kernel of the first conv"),
    Choice("last_kernel", (3, 9), about="kernel of the last conv"),
    Choice("activation", ("relu", "prelu"), about="inside a block; prelu has one slope"),
    Choice("outer", ("none", "same"), about="activation after the first conv and each upsampling"),
    Choice("norm", ("none", "batch_norm"), about="whether convs of the mapping train normalised"),
    Choice("long_skip", ("add", "none"), about="sum around all blocks"),
    Choice(
        "upsampling",
        ("steps", "once"),
        about="a conv and depth-to-space for each prime factor of the scale, then the last conv; "
        "or the last conv and one depth-to-space",
    ),
    Choice("extraction_bits", BITS, about="of the first conv"),
    Choice("mapping_bits", BITS, about="of the convs in and after the blocks"),
    Choice("reconstruction_bits", BITS, about="of upsampling convs and the last one"),
    Choice("skip_bits", BITS, about="of the sums"),
)


def build(pick: Pick, scale: int) -> Graph:
    """The network of one pick."""
    g = GraphBuilder(channels=3)
    outer = pick.activation if pick.outer == "same" else "none"
    first = _conv(pick.width, outer, kernel=pick.head_kernel, bits=pick.extraction_bits)
    x = early = g.chain(g.input, *first)

    form: Form = "batch_norm" if pick.norm == "batch_norm" else "plain"
    mapping = Conv2d(pick.width, form=form, bits=pick.mapping_bits)
    inside = _conv(pick.width, pick.activation, form=form, bits=pick.mapping_bits)
    for _ in range(pick.blocks):
        x = residual(g, x, *inside, mapping, bits=pick.skip_bits)
    x = g.append(mapping, x)
    if pick.long_skip == "add":
        x = g.append(Add(bits=pick.skip_bits), x, early)

    bits, kernel = pick.reconstruction_bits, pick.last_kernel
    if pick.upsampling == "once":
        wide = Conv2d(3 * scale**2, kernel=kernel, bits=bits)
        return g.graph(g.chain(x, wide, DepthToSpace(scale)))
    for factor in (2, 2) if scale == 4 else (scale,):
        x = g.chain(x, Conv2d(pick.width * factor**2, bits=bits), DepthToSpace(factor))
        if outer != "none":
            x = g.append(ACTIVATIONS[outer], x)
    return g.graph(g.append(Conv2d(3, kernel=kernel, bits=bits), x))


ACTIVATIONS: dict[str, Op] = {"relu": Relu(), "prelu": Prelu(shared=True)}


def _conv(
    features: int, activation: str, *, kernel: int = 3, form: Form = "plain", bits: int
) -> tuple[Op, ...]:
    """A conv and its activation, fused where it can be."""
    fused: Activation = "relu" if activation == "relu" else "none"
    conv = Conv2d(features, kernel=kernel, activation=fused, form=form, bits=bits)
    return (conv, ACTIVATIONS[activation]) if activation == "prelu" else (conv,)


EDSR: dict[str, Option] = {
    "width": 64,
    "blocks": 16,
    "head_kernel": 3,
    "last_kernel": 3,
    "activation": "relu",
    "outer": "none",
    "norm": "none",
    "long_skip": "add",
    "upsampling": "steps",
    "extraction_bits": 8,
    "mapping_bits": 8,
    "reconstruction_bits": 8,
    "skip_bits": 8,
}

space = Space(
    name="residual",
    choices=CHOICES,
    build=build,
    scales=(2, 3, 4),
    known={"FQSR-EDSR": EDSR},  # the zoo has it at x2 and x4
    about="SRResNet, EDSR and around them, fully quantised: blocks and bits of each part",
    distinct_at=(2, 3, 4),
)
