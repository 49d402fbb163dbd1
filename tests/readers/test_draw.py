import random
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from nas.graph import Conv2d, Graph, GraphBuilder, Shape
from nas.readers.cost import macs_of, parameters_of
from nas.readers.draw import KINDS, draw_svg, look_of
from nas.readers.layout import lay_out
from nas.space import load_space
from nas.zoo import ENTRIES

SVG = "{http://www.w3.org/2000/svg}"


def nodes_of(svg: str) -> list[int]:
    return [
        int(g.attrib["data-node"])
        for g in ElementTree.fromstring(svg).iter(f"{SVG}g")
        if g.attrib["class"] == "node"
    ]


def random_graphs(count: int) -> list[Graph]:
    space, rng = load_space("hxnet"), random.Random(11)
    return [space.graph(space.sample(rng)) for _ in range(count)]


@pytest.mark.parametrize("table", [look_of, macs_of, parameters_of], ids=lambda t: t.reader)
def test_reader_covers_the_vocabulary(table):
    assert table.missing() == frozenset()


@pytest.mark.parametrize("name", ENTRIES)
def test_zoo_drawing_is_xml_with_each_node_once(name):
    graph = ENTRIES[name].build()
    assert sorted(nodes_of(draw_svg(graph, title=name))) == list(range(len(graph.nodes)))


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
    assert drawn.count('stroke-dasharray="5 3"') == 1
    assert "fixed kernel, never trained" in drawn
    assert "output pixels (x3)" in drawn
    plain = GraphBuilder()
    same_size = draw_svg(plain.graph(plain.append(Conv2d(3), plain.input)))
    assert "output pixels" not in same_size
    assert "fixed" not in same_size


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
