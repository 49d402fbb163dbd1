"""The text form: round trip, and what a wrong line says."""

import pytest
from hypothesis import given

from nas.errors import TextError, UserError
from nas.graph import (
    OPS,
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    Input,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
    op_text,
    parse_text,
    to_text,
)
from nas.zoo import ENTRIES
from tests.strategies import graphs

BRANCHES = """\
0 input(3)
1 conv(4, activation=relu)
2 conv(4, kernel=1, bias=false) < 0
3 concat() < 1, 2
4 slice(2, 3)"""


def branches() -> Graph:
    g = GraphBuilder(channels=3)
    a = g.append(Conv2d(4, activation="relu"), g.input)
    b = g.append(Conv2d(4, kernel=1, bias=False), g.input)
    return g.graph(g.append(Slice(2, 3), g.append(Concat(), a, b)))


def test_text_form_is_golden() -> None:
    assert to_text(branches()) == BRANCHES
    assert parse_text(BRANCHES) == branches()


def test_comments_blank_lines_and_spaces_do_not_matter() -> None:
    spaced = "# a network\n\n" + BRANCHES.replace("\n", "\n\n  ").replace(" < ", "   <") + "\n"
    assert parse_text(spaced) == branches()


@pytest.mark.parametrize("separator", ["\n", "; "])
@pytest.mark.parametrize("name", ENTRIES)
def test_published_network_survives_the_text_form(name: str, separator: str) -> None:
    graph = ENTRIES[name].build()
    text = to_text(graph, separator=separator)
    assert parse_text(text) == graph
    assert text.count("\n") == (len(graph.nodes) - 1 if separator == "\n" else 0)


@given(graph=graphs())
def test_any_graph_survives_the_text_form(graph: Graph) -> None:
    assert parse_text(to_text(graph)) == graph
    assert parse_text(to_text(graph, separator="; ")) == graph


TEXTS: list[tuple[Op, str]] = [
    (Input(3), "input(3)"),
    (Conv2d(8), "conv(8)"),
    (
        Conv2d(8, 5, 2, "relu", False),
        "conv(8, kernel=5, groups=2, activation=relu, bias=false)",
    ),
    (
        Conv2d(8, stride=2, bits=4),
        "conv(8, stride=2, bits=4)",
    ),
    (Conv2d(8, form="rrrb", expansion=2), "conv(8, form=rrrb, expansion=2)"),
    (TransposedConv2d(3, 9, 3), "transposed_conv(3, 9, 3)"),
    (NearestConv2d(3), "nearest_conv(3)"),
    (BatchNorm(), "batch_norm()"),
    (Repeat(9), "repeat(9)"),
    (Slice(0, 3), "slice(0, 3)"),
    (Concat(), "concat()"),
    (Add(), "add()"),
    (Add(bits=4), "add(bits=4)"),
    (Multiply(), "multiply()"),
    (Relu(), "relu()"),
    (LeakyRelu(0.2), "leaky_relu(0.2)"),
    (Prelu(), "prelu()"),
    (Prelu(shared=True), "prelu(shared=true)"),
    (Tanh(), "tanh()"),
    (Sigmoid(), "sigmoid()"),
    (GlobalAveragePool(), "global_average_pool()"),
    (SpaceToDepth(2), "space_to_depth(2)"),
    (ResizeNearest(2), "resize_nearest(2)"),
    (ResizeBicubic(3), "resize_bicubic(3)"),
    (Clip(), "clip()"),
    (Clip(0.0, 0.5), "clip(high=0.5)"),
    (DepthToSpace(3), "depth_to_space(3)"),
]


@pytest.mark.parametrize(("op", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_defaults_are_left_out(op: Op, text: str) -> None:
    assert op_text(op) == text


def test_golden_texts_are_of_every_op() -> None:
    assert {type(op) for op, _ in TEXTS} == OPS


HINT = (
    " (ops are add, batch_norm, clip, concat, conv, depth_to_space, global_average_pool, input, "
    "leaky_relu, multiply, nearest_conv, prelu, relu, repeat, resize_bicubic, resize_nearest, "
    "sigmoid, slice, space_to_depth, tanh, transposed_conv)"
)
READS = "; behind '<' it reads nodes above it)"
CONV = (
    " (the form is conv(features, kernel, groups, activation, bias, stride, form, expansion, bits)"
    + READS
)
RELU = " (the form is relu()" + READS
WRONG = [
    ("", "a network needs at least one line (begin with '0 input(3)')"),
    ("0 input(3)\n1 blur(3)", "line 2: expected '1 op(...)', got '1 blur(3)'" + HINT),
    ("0 input(3)\n2 relu()", "line 2: expected '1 op(...)', got '2 relu()'" + HINT),
    ("0 input(3)\nrelu", "line 2: expected '1 op(...)', got 'relu'" + HINT),
    ("0 relu()", "line 1, '0 relu()': a network begins with input(channels)" + RELU),
    (
        "0 input(x)",
        "line 1, '0 input(x)': expected a whole number, got 'x' (the form is input(channels))",
    ),
    (
        "0 input(3); 1 clip(high=x)",
        "line 2, '1 clip(high=x)': expected a number, got 'x' (the form is clip(low, high)" + READS,
    ),
    (
        "0 input(3); 1 relu() < 5",
        "line 2, '1 relu() < 5': Relu() needs inputs that were appended before it, got (5,)" + RELU,
    ),
    (
        "0 input(3)\n1 conv(8, size=3)",
        "line 2, '1 conv(8, size=3)': 'size=3' is not an attribute of conv" + CONV,
    ),
    ("0 input(3)\n1 relu(3)", "line 2, '1 relu(3)': '3' is not an attribute of relu" + RELU),
    (
        "0 input(3)\n1 conv(8, features=9)",
        "line 2, '1 conv(8, features=9)': 'features=9' is not an attribute of conv" + CONV,
    ),
    (
        "0 input(3)\n1 conv(many)",
        "line 2, '1 conv(many)': expected a whole number, got 'many'" + CONV,
    ),
    (
        "0 input(3)\n1 conv(8, activation=gelu)",
        "line 2, '1 conv(8, activation=gelu)': expected one of none, relu, got 'gelu'" + CONV,
    ),
    (
        "0 input(3)\n1 conv(8, form=lego)",
        "line 2, '1 conv(8, form=lego)': expected one of plain, batch_norm, repvgg, rep_block, "
        "collapsible, rrrb, double_branch, ecb, dbb, ghost, kernel_network, got 'lego'" + CONV,
    ),
    (
        "0 input(3)\n1 conv(8, form=ecb, kernel=5)",
        "line 2, '1 conv(8, form=ecb, kernel=5)': Conv2d(8, kernel=5, form=ecb) needs a kernel of "
        "3, the size of its edge filters" + CONV,
    ),
    (
        "0 input(3)\n1 conv(8, bias=maybe)",
        "line 2, '1 conv(8, bias=maybe)': expected true or false, got 'maybe'" + CONV,
    ),
    (
        "0 input(3)\n1 conv(8, kernel=4)",
        "line 2, '1 conv(8, kernel=4)': Conv2d(8, kernel=4) needs an odd kernel, or the image "
        "would shift" + CONV,
    ),
    (
        "0 input(3)\n1 leaky_relu(2)",
        "line 2, '1 leaky_relu(2)': LeakyRelu(2.0) needs a slope between 0 and 1"
        " (the form is leaky_relu(slope)" + READS,
    ),
    (
        "0 input(3)\n1 slice(2, 2)",
        "node 1: Slice(2, 2) lies outside the 3 channels of its input "
        "(nodes are counted from 0, the input)",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text or "empty" for text, _ in WRONG])
def test_parse_error_names_the_line(text: str, message: str) -> None:
    with pytest.raises(TextError) as caught:
        parse_text(text)
    assert str(caught.value) == message
    assert isinstance(caught.value, UserError)


def test_missing_attribute_is_named() -> None:
    with pytest.raises(
        TextError, match=r"^line 2, '1 conv\(\)': .*missing 1 required .*'features' \(the form is "
    ):
        parse_text("0 input(3)\n1 conv()")
