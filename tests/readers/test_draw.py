"""Drawings: each node once, nothing on top of anything, train-time forms are seen."""

import random
import time
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given

from nas.graph import (
    FORMS,
    Add,
    Concat,
    Conv2d,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    Multiply,
    Op,
    ResizeNearest,
    Shape,
    Tanh,
)
from nas.readers.cost import macs_of, parameters_of
from nas.readers.draw import BOX_HEIGHT, BOX_WIDTH, KINDS, draw_svg, look_of
from nas.readers.layout import lay_out
from nas.space import load_space
from nas.zoo import ENTRIES
from tests.strategies import formed_convs, graphs

SVG = "{http://www.w3.org/2000/svg}"


def nodes_of(svg: str) -> list[int]:
    return [
        int(g.attrib["data-node"])
        for g in ElementTree.fromstring(svg).iter(f"{SVG}g")
        if g.attrib["class"] == "node"
    ]


def chain(*ops: Op) -> Graph:
    g = GraphBuilder()
    return g.graph(g.chain(g.input, *ops))


def boxes_of(svg: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom of each box and of each number on an edge."""
    root = ElementTree.fromstring(svg)
    found = []
    for g in root.iter(f"{SVG}g"):
        rect = g.find(f"{SVG}rect")
        x, y, width, height = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    for text in root.iter(f"{SVG}text"):
        if "paint-order" in text.attrib:  # a number; 6.5 is the width of a digit
            x, y, half = float(text.attrib["x"]), float(text.attrib["y"]), len(text.text) * 6.5 / 2
            found.append((x - half, y - 9, x + half, y))
    return found


def touch(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def random_graphs(count: int) -> list[Graph]:
    space, rng = load_space("hxnet"), random.Random(11)
    return [space.graph(space.sample(rng)) for _ in range(count)]


@pytest.mark.parametrize("table", [look_of, macs_of, parameters_of], ids=lambda t: t.reader)
def test_reader_covers_the_vocabulary(table):
    assert table.missing() == frozenset()


@pytest.mark.parametrize("name", ENTRIES)
def test_zoo_drawing_is_xml_with_each_node_once_and_nothing_overlaps(name):
    graph = ENTRIES[name].build()
    drawn = draw_svg(graph, title=name)
    assert sorted(nodes_of(drawn)) == list(range(len(graph.nodes)))
    assert [pair for pair in combinations(boxes_of(drawn), 2) if touch(*pair)] == []


@given(graph=graphs())
def test_any_drawing_is_xml_with_each_node_once_and_nothing_overlaps(graph):
    drawn = draw_svg(graph)
    assert sorted(nodes_of(drawn)) == list(range(len(graph.nodes)))
    assert [pair for pair in combinations(boxes_of(drawn), 2) if touch(*pair)] == []


def test_long_network_is_drawn_soon_and_its_trunk_is_straight():
    g = GraphBuilder()
    head = x = g.append(Conv2d(64), g.input)
    for _ in range(25):
        x = g.append(Add(), x, g.chain(x, Conv2d(64, activation="relu"), Conv2d(64), Tanh()))
    graph = g.graph(g.append(Add(), x, head))
    start = time.perf_counter()
    drawn = draw_svg(graph)
    assert time.perf_counter() - start < 5
    boxes = [box for box in boxes_of(drawn) if box[2] - box[0] == BOX_WIDTH]
    assert len(boxes) == len(graph.nodes) == 2 + 25 * 4 + 1
    assert len({box[0] for box in boxes}) == 1  # one column: no skip pushes the trunk aside
    assert width_of(drawn) < 600


def width_of(svg: str) -> float:
    return float(ElementTree.fromstring(svg).attrib["width"])


def test_numbers_of_crossing_edges_stand_apart():
    g = GraphBuilder()
    a, b = (g.append(Conv2d(128, kernel=k), g.input) for k in (1, 3))
    both = (g.append(op, a, b) for op in (Add(), Multiply()))
    boxes = boxes_of(draw_svg(g.graph(g.append(Concat(), *both))))
    assert [pair for pair in combinations(boxes, 2) if touch(*pair)] == []


def test_ports_of_a_wide_concat_stay_on_its_box():
    g = GraphBuilder()
    parts = [g.append(Conv2d(4), g.input) for _ in range(12)]
    graph = g.graph(g.append(Concat(), *parts))
    root = ElementTree.fromstring(draw_svg(graph))
    left, top, right, _ = boxes_of(draw_svg(graph))[len(graph.nodes) - 1]
    ends = [path.attrib["d"].split()[-2:] for path in root.iter(f"{SVG}path")]
    ports = [float(x) for x, y in ends if float(y) == top]
    assert len(set(ports)) == 12
    assert left < min(ports)
    assert max(ports) < right


def test_random_drawings_are_xml_with_each_node_once():
    for graph in random_graphs(200):
        assert sorted(nodes_of(draw_svg(graph))) == list(range(len(graph.nodes)))


def test_boxes_and_lanes_of_a_layer_never_overlap():
    for graph in [*random_graphs(40), ENTRIES["XLSR"].build(), ENTRIES["BilibiliAI"].build()]:
        places = lay_out(graph, box=200, lane=34)
        layers: dict[int, list[tuple[float, float]]] = {}
        for lane, x in places.items():
            layers.setdefault(lane.layer, []).append((x, 200 if lane.is_box else 34))
        for layer in layers.values():
            layer.sort()
            for (x, width), (next_x, next_width) in pairwise(layer):
                assert next_x - x >= (width + next_width) / 2 - 1e-6


def test_each_edge_tells_its_channels():
    graph = ENTRIES["XCAT"].build()
    texts = [text.text for text in ElementTree.fromstring(draw_svg(graph)).iter(f"{SVG}text")]
    # image 2 edges; slices of 28 twice for 2 blocks; groups 21 and 7 into conv and concat
    assert texts.count("3") == 2
    assert texts.count("21") == 2 * 2
    assert texts.count("7") == 2 * 2
    assert texts.count("28") == 2 * 2 + 1  # and into conv2
    assert texts.count("27") == 1 + 1 + 1 + 2  # anchor; conv2; conv3; add, clip


def test_groups_of_xcat_stand_in_their_order_and_the_trunk_is_straight():
    graph = ENTRIES["XCAT"].build()
    x = {lane.source: v for lane, v in lay_out(graph, box=200, lane=34).items() if lane.is_box}
    text = [type(node.op).__name__ for node in graph.nodes]
    slices = {n: graph.nodes[n].op.begin for n, kind in enumerate(text) if kind == "Slice"}
    assert len({round(x[n]) for n, begin in slices.items() if begin == 0}) == 1
    assert max(x[n] for n, begin in slices.items() if begin == 0) < min(
        x[n] for n, begin in slices.items() if begin > 0
    )
    trunk = [n for n, kind in enumerate(text) if kind in ("Concat", "Add", "Clip", "DepthToSpace")]
    assert len({round(x[n], 3) for n in trunk}) == 1


def test_fixed_kernels_and_output_pixels_are_marked():
    drawn = draw_svg(ENTRIES["XCAT"].build())
    assert drawn.count('stroke-dasharray="5 3"') == 1 + 1  # a box and its line in the legend
    assert "fixed kernel, never trained" in drawn
    assert "output pixels (x3)" in drawn
    plain = GraphBuilder()
    same_size = draw_svg(plain.graph(plain.append(Conv2d(3), plain.input)))
    assert "output pixels" not in same_size
    assert "fixed" not in same_size


@pytest.mark.parametrize("op", [Conv2d(3, stride=2), GlobalAveragePool()], ids=str)
def test_output_that_is_smaller_than_the_image_has_no_band(op):
    assert "output pixels" not in draw_svg(chain(op))


def test_train_time_block_has_two_outlines_a_note_and_a_line_in_the_legend():
    drawn = draw_svg(chain(Conv2d(3), Conv2d(8, form="rrrb", expansion=2), Conv2d(3)))
    root = ElementTree.fromstring(drawn)
    nodes = [g for g in root.iter(f"{SVG}g") if g.attrib["class"] == "node"]
    assert [len(g.findall(f"{SVG}rect")) for g in nodes] == [1, 1, 2, 1]
    assert [text.text for text in nodes[2].findall(f"{SVG}text")] == [
        "conv 3x3",
        "trains as rrrb x2",
    ]
    legend = [text.text for text in root.findall(f"{SVG}text") if "paint-order" not in text.attrib]
    assert legend == ["image", "conv over pixels", "train-time block"]
    assert "train-time" not in draw_svg(chain(Conv2d(3)))


def test_two_lines_of_a_box_lie_in_it_one_below_the_other():
    drawn = ElementTree.fromstring(draw_svg(chain(Conv2d(8, stride=2))))
    node = [g for g in drawn.iter(f"{SVG}g") if g.attrib["class"] == "node"][-1]
    top = float(node.find(f"{SVG}rect").attrib["y"])
    label, note = (
        [float(text.attrib[k]) for k in ("y", "font-size")] for text in node.findall(f"{SVG}text")
    )  # letters stand 0.8 of their size above the line and hang 0.2 below it
    assert top + 3 < label[0] - 0.8 * label[1]
    assert label[0] + 0.2 * label[1] < note[0] - 0.8 * note[1]
    assert note[0] + 0.2 * note[1] < top + BOX_HEIGHT - 3


def test_second_outline_lies_inside_the_first():
    drawn = ElementTree.fromstring(draw_svg(chain(Conv2d(8, form="rrrb"))))
    node = [g for g in drawn.iter(f"{SVG}g") if g.attrib["class"] == "node"][-1]
    outer, inner = (
        [float(rect.attrib[k]) for k in ("x", "y", "width", "height")]
        for rect in node.findall(f"{SVG}rect")
    )
    assert [b - a for a, b in zip(outer, inner, strict=True)] == [3, 3, -6, -6]
    assert outer[2:] == [BOX_WIDTH, BOX_HEIGHT]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "plain"])
def test_tooltip_of_a_train_time_block_tells_what_it_consists_of(form):
    root = ElementTree.fromstring(draw_svg(chain(Conv2d(4, form=form))))
    titles = [g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g")]
    parameters = 9 * 3 * 4 + 4
    assert titles[1] == (
        f"1: conv(4, form={form}), 360x640x4, {parameters} parameters; "
        f"trains as {FORMS[form].about}"
    )


LABELS = [  # op, first and second line of its box
    (Conv2d(8), "conv 3x3", ""),
    (Conv2d(8, kernel=5, activation="relu", bits=4), "conv 5x5 relu 4 bit", ""),
    (Conv2d(8, groups=4, stride=2), "conv 3x3", "in 4 groups, stride 2"),
    (Conv2d(8, form="repvgg"), "conv 3x3", "trains as repvgg"),
    (Conv2d(8, form="kernel_network"), "conv 3x3", "trains as kernel network"),
    (Add(), "add", ""),
    (Add(bits=6), "add 6 bit", ""),
    (Tanh(), "tanh", ""),
    (ResizeNearest(3), "nearest x3", ""),
]


@pytest.mark.parametrize(("op", "label", "note"), LABELS, ids=[str(op) for op, _, _ in LABELS])
def test_label_of_an_op(op, label, note):
    assert (look_of(op).label, look_of(op).note) == (label, note)


@given(op=formed_convs())
def test_lines_of_a_train_time_block_fit_its_box(op):
    look = look_of(op)
    for text, size in ((look.label, 12.5), (look.note, 10.5)):
        assert len(text) * size * 0.55 < BOX_WIDTH - 16


def test_title_is_escaped():
    g = GraphBuilder()
    root = ElementTree.fromstring(draw_svg(g.graph(g.append(Conv2d(3), g.input)), title="a<b & c"))
    assert root.findtext(f"{SVG}title") == "a<b & c"


def test_tooltip_tells_op_shape_and_parameters():
    g = GraphBuilder()
    drawn = draw_svg(g.graph(g.append(Conv2d(16), g.input)))
    parameters = 3 * 3 * 3 * 16 + 16
    assert f"1: conv(16), {Shape(360, 640, 16)}, {parameters} parameters" in drawn


def test_every_look_has_a_colour():
    ops = {node.op for entry in ENTRIES.values() for node in entry.build().nodes}
    assert {look_of(op).kind for op in ops} <= set(KINDS)
