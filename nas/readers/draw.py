"""A picture that a person reads: boxes in layers from the image down to the output, as SVG.

Inputs of a concat enter its box in their order, so that swapped groups are seen to cross.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from nas.graph import (
    FORMS,
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    Input,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Shape,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
    op_text,
)
from nas.readers.cost import parameters_of
from nas.readers.layout import Lane, lay_out
from nas.readers.table import OpTable

__all__ = ["Look", "draw_svg", "look_of"]

Point = tuple[float, float]

BOX_WIDTH, BOX_HEIGHT, PITCH = 178, 38, 70
MARGIN, TITLE_HEIGHT, LEGEND_HEIGHT = 24, 30, 22
LEGEND_WIDTH, PORT = 200, 34  # a column of the legend; between two edges that enter a box
INK, EDGE, LARGE_EDGE = "#1c2530", "#9aa5b4", "#5f3cab"
HEIGHT, WIDTH = 360, 640  # shapes in the tooltips are those of the challenges

KINDS = {  # fill, line and name in the legend; the order is the legend's
    "image": ("#eef1f5", "#5f6b7a", "image"),
    "spatial": ("#cfe1f9", "#235a9f", "conv over pixels"),
    "pointwise": ("#cbeee5", "#17735f", "conv 1x1"),
    "frozen": ("#f1f1ea", "#57574a", "fixed kernel, never trained"),
    "move": ("#fde7c7", "#a3610f", "copies or picks channels"),
    "value": ("#f9d6de", "#a52f4d", "arithmetic on values"),
    "pixels": ("#e3d9f7", "#5f3cab", "changes the resolution"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """What stands in a box.

    Args:
        label: What the op does.
        kind: Colours the box.
        note: A second, smaller line.
        form: Of a train-time block, what it consists of while it trains.
    """

    label: str
    kind: str
    note: str = ""
    form: str = ""


look_of = OpTable[Look]("draw")


@look_of.on(Input)
def input_look(op: Input) -> Look:
    return Look("image", "image")


@look_of.on(Conv2d)
def conv_look(op: Conv2d) -> Look:
    parts = [f"conv {op.kernel}x{op.kernel}"]
    if op.activation != "none":
        parts.append(op.activation)
    notes = []
    if op.groups > 1:
        notes.append(f"in {op.groups} groups")
    if op.stride > 1:
        notes.append(f"stride {op.stride}")
    if op.form != "plain":
        times = f" x{op.expansion}" if op.expansion > 1 else ""
        notes.append(f"trains as {op.form.replace('_', ' ')}{times}")
    about = FORMS[op.form].about if op.form != "plain" else ""
    kind = "pointwise" if op.kernel == 1 else "spatial"
    return Look(" ".join([*parts, *_bits(op.bits)]), kind, ", ".join(notes), about)


def _bits(bits: int) -> list[str]:
    return [f"{bits} bit"] if bits < 8 else []


@look_of.on(TransposedConv2d)
def transposed_conv_look(op: TransposedConv2d) -> Look:
    return Look(f"transposed {op.kernel}x{op.kernel}, x{op.stride}", "spatial")


@look_of.on(BatchNorm)
def batch_norm_look(op: BatchNorm) -> Look:
    return Look("batch norm", "value")


@look_of.on(NearestConv2d)
def nearest_look(op: NearestConv2d) -> Look:
    return Look("nearest 1x1 fixed", "frozen")


@look_of.on(Repeat)
def repeat_look(op: Repeat) -> Look:
    return Look(f"copy {op.times} times", "move")


@look_of.on(Slice)
def slice_look(op: Slice) -> Look:
    return Look(f"channels {op.begin}..{op.begin + op.size - 1}", "move")


@look_of.on(Concat)
def concat_look(op: Concat) -> Look:
    return Look("concat", "move")


@look_of.on(Add)
def add_look(op: Add) -> Look:
    return Look(" ".join(["add", *_bits(op.bits)]), "value")


@look_of.on(Multiply)
def multiply_look(op: Multiply) -> Look:
    return Look("multiply", "value")


@look_of.on(LeakyRelu)
def leaky_relu_look(op: LeakyRelu) -> Look:
    return Look(f"leaky relu {op.slope:g}", "value")


@look_of.on(Prelu)
def prelu_look(op: Prelu) -> Look:
    return Look("prelu, one slope" if op.shared else "prelu", "value")


@look_of.on(Tanh, Sigmoid)
def curve_look(op: Tanh | Sigmoid) -> Look:
    return Look(type(op).__name__.lower(), "value")


@look_of.on(GlobalAveragePool)
def pool_look(op: GlobalAveragePool) -> Look:
    return Look("mean of all pixels", "value")


@look_of.on(SpaceToDepth)
def space_to_depth_look(op: SpaceToDepth) -> Look:
    return Look(f"space to depth /{op.block}", "pixels")


@look_of.on(ResizeNearest, ResizeBicubic)
def resize_look(op: ResizeNearest | ResizeBicubic) -> Look:
    kind = "nearest" if isinstance(op, ResizeNearest) else "bicubic"
    return Look(f"{kind} x{op.factor}", "pixels")


@look_of.on(Relu)
def relu_look(op: Relu) -> Look:
    return Look("relu", "value")


@look_of.on(Clip)
def clip_look(op: Clip) -> Look:
    return Look(f"clip {op.low:g}..{op.high:g}", "value")


@look_of.on(DepthToSpace)
def depth_to_space_look(op: DepthToSpace) -> Look:
    return Look(f"depth to space x{op.block}", "pixels")


def draw_svg(graph: Graph, *, title: str = "") -> str:
    """The picture of a graph as one self-contained `<svg>` element.

    Boxes are coloured by kind; numbers on the edges count channels, and edges are the wider the
    more they carry. A convolution that trains as a block has a double outline. What runs at the
    output's resolution stands on a tinted band. Each box tells its full op, shape and parameters,
    and its train-time form, to a mouse that rests on it.

    Args:
        graph: Any graph; `look_of` reads every op.
        title: A line above the picture.

    Example:
        >>> from nas.graph import Conv2d, GraphBuilder
        >>> g = GraphBuilder()
        >>> draw_svg(g.graph(g.append(Conv2d(27), g.input))).count('class="node"')
        2
    """
    shapes = graph.shapes(HEIGHT, WIDTH)
    x_of = lay_out(graph, box=BOX_WIDTH + 24, lane=34)
    left = min(x_of.values()) - BOX_WIDTH / 2 - MARGIN
    width = max(max(x_of.values()) + BOX_WIDTH / 2 + MARGIN - left, 2 * (LEGEND_WIDTH + MARGIN))
    left -= (width - (max(x_of.values()) + BOX_WIDTH / 2 + MARGIN - left)) / 2
    top = MARGIN + (TITLE_HEIGHT if title else 0)
    place: dict[Lane, Point] = {
        lane: (x - left, top + PITCH * lane.layer) for lane, x in x_of.items()
    }
    bottom = max(y for _, y in place.values()) + PITCH
    used = _keys([look_of(node.op) for node in graph.nodes])
    height = bottom + LEGEND_HEIGHT * ((len(used) + 1) // 2) + MARGIN / 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" '
            'font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12.5">',
            f"<title>{escape(title or f'network {graph.digest}')}</title>",
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
            *([_text(width / 2, MARGIN + 2, title, size=16)] if title else ()),
            *_band(shapes, place, width),
            *_edges(graph, shapes, place),
            *(_box(graph, shapes, lane.source, *xy) for lane, xy in place.items() if lane.is_box),
            *_legend(used, width, bottom),
            "</svg>",
        ]
    )


def _band(shapes: tuple[Shape, ...], place: dict[Lane, Point], width: float) -> Iterator[str]:
    """The tinted band below which every box is at the output's resolution, if there is one."""
    if shapes[-1].height <= shapes[0].height:
        return
    small = [xy[1] for lane, xy in place.items() if shapes[lane.source].height < shapes[-1].height]
    first = max(small) + PITCH - (PITCH - BOX_HEIGHT) / 2
    last = max(y for _, y in place.values()) + BOX_HEIGHT + 12
    yield (
        f'<rect x="8" y="{first:.1f}" width="{width - 16:.1f}" height="{last - first:.1f}" '
        'rx="8" fill="#f3effc"/>'
    )
    times = shapes[-1].height // shapes[0].height
    boxes = [x for x, y in place.values() if y > first]
    left = sum(boxes) / len(boxes) > width / 2  # where there is room
    x, anchor = (18.0, "start") if left else (width - 18, "end")
    yield _text(x, first + 15, f"output pixels (x{times})", anchor=anchor, size=11, fill=LARGE_EDGE)


def _edges(graph: Graph, shapes: tuple[Shape, ...], place: dict[Lane, Point]) -> Iterator[str]:
    """All lines first, then their numbers, so that no line strikes a number out."""
    boxes = {lane.source: xy for lane, xy in place.items() if lane.is_box}
    numbers = []
    for position, node in enumerate(graph.nodes):
        ways = {i: _way(place, boxes, i, position) for i in dict.fromkeys(node.inputs)}
        sources = list(ways)
        if not isinstance(node.op, Concat):  # whose order means nothing
            sources.sort(key=lambda i: ways[i][-1])
        x, y = boxes[position]
        apart = min(PORT, BOX_WIDTH / len(sources)) if sources else PORT
        for port, i in enumerate(sources):
            points = [*ways[i], (x + apart * (port - (len(sources) - 1) / 2), y)]
            large = shapes[i].height > shapes[0].height
            yield _curve(points, shapes[i].channels, LARGE_EDGE if large else EDGE)
            numbers.append(_number(*_number_place(points), shapes[i].channels))
    yield from numbers


def _way(
    place: dict[Lane, Point], boxes: dict[int, Point], source: int, target: int
) -> list[Point]:
    """From the foot of a box through the lanes of the edge, without its end."""
    x, y = boxes[source]
    points = [(x, y + BOX_HEIGHT)]
    lanes = [lane for lane in place if (lane.source, lane.target) == (source, target)]
    for lane in sorted(lanes, key=lambda lane: lane.layer):
        x, y = place[lane]
        points.extend([(x, y), (x, y + BOX_HEIGHT)])
    return points


def _number_place(points: list[Point]) -> Point:
    """In the first lane, where nothing else is; or nearer the start, where no other line crosses.

    The second is the curve's point at t = 0.4.
    """
    (x0, y0), (x1, y1) = points[:2]
    if len(points) > 2:
        return x1, y1 + BOX_HEIGHT / 2
    return x0 + 0.352 * (x1 - x0), y0 + 0.424 * (y1 - y0)


def _curve(points: list[Point], channels: int, colour: str) -> str:
    """Curved between layers, straight within one."""
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for k in range(1, len(points)):
        (x0, y0), (x1, y1) = points[k - 1 : k + 1]
        middle = (y0 + y1) / 2
        curved = f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
        path.append(curved if k % 2 else f"L{x1:.1f} {y1:.1f}")
    width = 1 + min(channels, 64) / 16
    return f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="{width:.2f}"/>'


def _box(graph: Graph, shapes: tuple[Shape, ...], position: int, x: float, y: float) -> str:
    node = graph.nodes[position]
    look = look_of(node.op)
    parameters = parameters_of(node.op, *(shapes[i] for i in node.inputs), shapes[position])
    about = f"{position}: {op_text(node.op)}, {shapes[position]}, {parameters:,} parameters"
    if look.form:
        about += f"; trains as {look.form}"
    left, middle = x - BOX_WIDTH / 2, y + BOX_HEIGHT / 2
    lines = [_text(x, middle + (-1.5 if look.note else 4.3), look.label)]
    if look.note:
        lines.append(_text(x, middle + 11, look.note, size=10.5))
    return (
        f'<g class="node" data-node="{position}"><title>{escape(about)}</title>'
        f"{_outline(left, y, (BOX_WIDTH, BOX_HEIGHT), look.kind, double=bool(look.form))}"
        f"{''.join(lines)}</g>"
    )


def _outline(left: float, top: float, size: Point, kind: str, *, double: bool) -> str:
    """A filled box; its line is dashed where the kernel is fixed, `double` where it trains."""
    fill, line, _ = KINDS[kind]
    dashed = ' stroke-dasharray="5 3"' if kind == "frozen" else ""
    radius = size[1] / 5
    outer = _rect(left, top, size, radius, f'fill="{fill}" stroke="{line}"{dashed}')
    if not double:
        return outer
    inner = (size[0] - 6, size[1] - 6)
    return outer + _rect(left + 3, top + 3, inner, radius / 2, f'fill="none" stroke="{line}"')


def _rect(left: float, top: float, size: Point, radius: float, paint: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{size[0]:g}" height="{size[1]:g}" '
        f'rx="{radius:.1f}" {paint}/>'
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """A line of the legend."""

    kind: str
    name: str
    double: bool = False


def _keys(looks: list[Look]) -> list[_Key]:
    """What the legend explains: the kinds in `looks`, and the double outline if one has it."""
    found = [
        _Key(kind, name) for kind, (_, _, name) in KINDS.items() if kind in {k.kind for k in looks}
    ]
    formed = [look.kind for look in looks if look.form]
    return [*found, *(_Key(kind, "train-time block", double=True) for kind in formed[:1])]


def _legend(keys: list[_Key], width: float, top: float) -> Iterator[str]:
    left = width / 2 - LEGEND_WIDTH
    for place, key in enumerate(keys):
        x, y = left + LEGEND_WIDTH * (place % 2), top + LEGEND_HEIGHT * (place // 2)
        yield _outline(x, y, (22, 14), key.kind, double=key.double)
        yield _text(x + 29, y + 11, key.name, anchor="start")


def _number(x: float, y: float, channels: int) -> str:
    """With a white rim, to stand on its line."""
    return (
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" font-size="11" fill="{INK}" '
        f'stroke="#fff" stroke-width="3.5" paint-order="stroke">{channels}</text>'
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "middle", size: float = 12.5, fill: str = INK
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" '
        f'fill="{fill}">{escape(text)}</text>'
    )
