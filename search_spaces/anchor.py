"""The space of ABPN (Du et al. 2021) and its many descendants: a stack of convolutions.

head conv -> `depth` convs -> perhaps one conv of output width -> last conv, joined somewhere by
the input image (the anchor) -> limit, depth-to-space. While training, convolutions may have a form.
"""

from nas.graph import Activation, Concat, Conv2d, Graph, GraphBuilder
from nas.graph.blocks import anchor, output
from nas.space import Choice, Option, Pick, Space

UPSAMPLED = ("copies", "nearest_conv", "conv")
AS_IT_IS = ("input", "input_and_head")
EXPANDING = ("rep_block", "collapsible", "rrrb", "double_branch", "ecb")
FIXED_FORMS = ("repvgg", "dbb", "batch_norm")

CHOICES = (
    Choice("width", (12, 16, 20, 24, 28, 32, 35, 36, 40, 48), about="channels of the body"),
    Choice("head_kernel", (3, 5), about="kernel of the first conv"),
    Choice("depth", tuple(range(1, 13)), about="number of 3x3 convs after the first"),
    Choice("extra", ("none", "conv"), about="a 3x3 conv of output width before the last conv"),
    Choice("last_kernel", (3, 5), about="kernel of the last conv"),
    Choice(
        "anchor",
        ("none", *UPSAMPLED, *AS_IT_IS),
        about="image that joins the end: upsampled, or as it is, alone or beside the first conv",
    ),
    Choice("anchor_kernel", (1, 3), when={"anchor": ("conv",)}, about="of the trained anchor"),
    Choice(
        "anchor_form",
        ("plain", "kernel_network"),
        when={"anchor": ("conv",)},
        about="whether a network makes the anchor's kernel while training",
    ),
    Choice(
        "join",
        ("add", "concat", "concat_mix", "concat_last"),
        when={"anchor": UPSAMPLED},
        about="add after the last conv; concat before it, also with a 1x1 between; concat, 1x1",
    ),
    Choice(
        "concat",
        ("concat", "concat_mix", "concat_last"),
        when={"anchor": AS_IT_IS},
        about="the same, but an image of three channels cannot be added",
    ),
    Choice(
        "limit",
        ("before", "after", "relu", "conv", "none"),
        about="clip before or after depth-to-space, ReLU, a conv for the upper end, or nothing",
    ),
    Choice("form", ("plain", *FIXED_FORMS, *EXPANDING), about="how convolutions train"),
    Choice("expansion", (2, 4, 8, 9, 16), when={"form": EXPANDING}, about="width inside the form"),
    Choice(
        "form_on",
        ("body", "body_and_last", "all"),
        when={"form": (*FIXED_FORMS, *(form for form in EXPANDING if form != "ecb"))},
        about="which convs have the form; ecb has the 3x3 convs of the body only",
    ),
)


def build(pick: Pick, scale: int) -> Graph:
    """The network of one pick."""
    g = GraphBuilder(channels=3)
    outputs = 3 * scale**2
    join = pick.get("join") or pick.get("concat")
    image = _anchor(g, pick, scale)

    x = head = g.append(_conv(pick, pick.width, "head", kernel=pick.head_kernel), g.input)
    for _ in range(pick.depth):
        x = g.append(_conv(pick, pick.width, "body"), x)
    if pick.extra == "conv":
        x = g.append(_conv(pick, outputs, "extra"), x)
    last = _conv(pick, outputs, "last", kernel=pick.last_kernel)
    if join == "concat_last":
        x, last = g.append(last, x), Conv2d(outputs, kernel=1)
    if join and join != "add":
        skips = (*image, head) if pick.anchor == "input_and_head" else image
        x = g.append(Concat(), x, *skips)
    if join == "concat_mix":
        x = g.append(Conv2d(pick.width, kernel=1), x)
    added = image[0] if join == "add" else None
    return g.graph(output(g, x, last, scale=scale, limit=pick.limit, add=added))


def _anchor(g: GraphBuilder, pick: Pick, scale: int) -> tuple[int, ...]:
    """What stands for the image at the join; nothing without an anchor."""
    if pick.anchor == "none":
        return ()
    if pick.anchor in AS_IT_IS:
        return (g.input,)
    if pick.anchor == "conv":
        conv = Conv2d(3 * scale**2, kernel=pick.anchor_kernel, form=pick.anchor_form)
        return (g.append(conv, g.input),)
    return (anchor(g, pick.anchor, scale=scale),)


def _conv(pick: Pick, features: int, place: str, *, kernel: int = 3) -> Conv2d:
    """A conv of the trunk at `place`, with the form that it has there."""
    on = {"body": ("body",), "body_and_last": ("body", "last")}.get(pick.get("form_on", "body"))
    activation: Activation = "none" if place == "last" else "relu"
    if on and place not in on:
        return Conv2d(features, kernel=kernel, activation=activation)
    expansion = pick.get("expansion", 1)
    return Conv2d(
        features, kernel=kernel, activation=activation, form=pick.form, expansion=expansion
    )


def known(width: int, depth: int, **changes: Option) -> dict[str, Option]:
    """ABPN's kind of network but for what is named."""
    picked: dict[str, Option] = {
        "width": width,
        "head_kernel": 3,
        "depth": depth,
        "extra": "conv",
        "last_kernel": 3,
        "anchor": "copies",
        "join": "add",
        "limit": "after",
        "form": "plain",
    }
    return picked | changes


def learned(width: int, depth: int, kernel: int = 3, **changes: Option) -> dict[str, Option]:
    """A trained convolution of the image is the anchor."""
    anchored: dict[str, Option] = {
        "anchor": "conv",
        "anchor_kernel": kernel,
        "anchor_form": "plain",
    }
    return known(width, depth, **(anchored | changes))


def plain(width: int, depth: int, **changes: Option) -> dict[str, Option]:
    """No anchor, no extra conv, the clip before depth-to-space."""
    bare: dict[str, Option] = {"anchor": "none", "extra": "none", "limit": "before"}
    picked = known(width, depth, **(bare | changes))
    return {name: picked[name] for name in picked if name != "join"}


def concatenated(width: int, depth: int, concat: str, **changes: Option) -> dict[str, Option]:
    """The image as it is, concatenated."""
    joined: dict[str, Option] = {"anchor": "input", "concat": concat}
    return plain(width, depth, **(joined | changes))


def form(name: str, on: str, expansion: int = 0) -> dict[str, Option]:
    """Choices of a train-time form."""
    inside: dict[str, Option] = {"expansion": expansion} if expansion else {}
    return {"form": name, "form_on": on} | inside


KNOWN = {
    "ABPN": known(28, 4),
    "SCSRN": concatenated(32, 5, "concat", **form("rep_block", "body", 8)),
    "RPQ": plain(35, 3, **form("collapsible", "all", 4)),
    "PureConvSR": plain(32, 3, limit="conv"),
    "HOPN": plain(28, 4),
    "BOE": plain(28, 5),
    "EMSRNet": plain(28, 5, limit="none"),
    "GenMedia-SkipSkip": concatenated(28, 4, "concat_last", anchor="input_and_head", extra="conv"),
    "Vccip-DBRepNet": known(28, 6, extra="none", anchor="nearest_conv", **form("dbb", "body")),
    "NCNet": known(32, 4, anchor="nearest_conv"),
    "DoubleZ": learned(28, 5, limit="relu"),
    "JeremyKwon": learned(28, 3, limit="relu"),
    "Lab216": learned(32, 6, extra="none"),
    "TOVB-RBPN": known(28, 4, **form("repvgg", "all")),
    "ABPN++": known(28, 4),
    "Rtsisr2022": known(32, 4, **form("repvgg", "all")),
    "Klab_SR": known(20, 6),
    "ACSR": known(28, 11, extra="none", last_kernel=5, **form("rep_block", "body_and_last", 9)),
    "ICL": known(28, 4, **form("rrrb", "body", 2)),
    "JustATry-c12": known(12, 4),
    "Noahtcv": learned(28, 5, extra="none", anchor_form="kernel_network"),
    "PRPSR": plain(36, 5, head_kernel=5, **form("repvgg", "body")),
    "SCSRN-1x1fuse": concatenated(32, 5, "concat_mix", **form("rep_block", "body", 8)),
    "RPQ-unpruned-d5": plain(48, 3, **form("collapsible", "all", 4)),
    "HOPN-5x32": plain(32, 3),
    "BOE-27tail": plain(28, 4, extra="conv"),
    "EMSRNet-literal5": plain(36, 3, limit="relu"),
    "EMSRNet-5plus1": plain(32, 4, limit="none"),
    "GenMedia-x9concat": known(28, 4, join="concat_last", limit="before"),
    "Vccip-x9": known(28, 6, extra="none", **form("dbb", "body")),
    "DoubleZ-c32": learned(32, 4, 1, limit="relu"),
    "Lab216-27tail": learned(32, 5),
    "Klab_SR-8conv": known(20, 6, extra="none"),
    "ACSR-32x9": known(32, 9, extra="none", last_kernel=5, **form("rep_block", "body_and_last", 8)),
    "JustATry-c20": known(20, 4),
}

space = Space(
    name="anchor",
    choices=CHOICES,
    build=build,
    scales=(2, 3, 4),
    known=KNOWN,
    about="ABPN and around it: a stack of convs, any anchor, any join, any train-time form",
    distinct_at=(3,),  # 12 or 48 channels are the output width of scale 2 or 4, as `extra` is
)
