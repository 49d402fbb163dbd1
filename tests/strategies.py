"""Hypothesis strategies: picks of a space, and small graphs over the whole vocabulary."""

import random

import hypothesis.strategies as st

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
    GraphBuilder,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
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
)
from nas.space import Pick, Space

__all__ = ["formed_convs", "graphs", "picks", "rebuilt", "unfolded"]

SIDE = 6  # pixels; the shapes below are those of an image of this size
MOST_CHANNELS = 24
TALLEST = 4 * SIDE
MOST_PRODUCTS = 2  # or a chain of squares overflows

VALUE_OPS: tuple[Op, ...] = (
    *(Relu(), LeakyRelu(0.1), LeakyRelu(0.01), Prelu(), Prelu(shared=True)),
    *(Tanh(), Sigmoid(), Clip(), Clip(-0.5, 0.75)),
)
Step = tuple[Op, tuple[int, ...]]


def picks(space: Space) -> st.SearchStrategy[Pick]:
    """Valid picks; shrinks towards the first option of each choice."""

    @st.composite
    def pick(draw: st.DrawFn) -> Pick:
        return space.pick(lambda choice: draw(st.sampled_from(choice.options)))

    return pick()


@st.composite
def graphs(draw: st.DrawFn, *, most_nodes: int = 8, int8: bool = False) -> Graph:
    """Graphs of any shape over all ops, for images of even height and width.

    Args:
        draw: Hypothesis gives it.
        most_nodes: Beside the input.
        int8: Only ops that can be quantised.
    """
    channels = draw(st.integers(1, 4))
    g = GraphBuilder(channels)
    shapes = [Shape(SIDE, SIDE, channels)]
    products = 0
    for _ in range(draw(st.integers(1, most_nodes))):
        op, inputs = draw(_steps(shapes, int8=int8, multiply=products < MOST_PRODUCTS))
        products += isinstance(op, Multiply)
        shapes.append(op.shape_of(*(shapes[i] for i in inputs)))
        g.append(op, *inputs)
    return g.graph()


def _steps(shapes: list[Shape], *, int8: bool, multiply: bool) -> st.SearchStrategy[Step]:
    """An op that fits, and what it reads: mostly the latest node, so that graphs get deep."""
    last = len(shapes) - 1
    sources = st.one_of(st.just(last), st.integers(0, last))

    def steps(source: int) -> st.SearchStrategy[Step]:
        alone = st.one_of(_readers_of_one(shapes[source], int8=int8))
        together = st.sampled_from(_readers_of_two(shapes, source, multiply=multiply))
        return st.one_of(alone.map(lambda op: (op, (source,))), together)

    return sources.flatmap(steps)


def _readers_of_one(x: Shape, *, int8: bool) -> list[st.SearchStrategy[Op]]:
    values = VALUE_OPS if int8 else (*VALUE_OPS, BatchNorm())
    found: list[st.SearchStrategy[Op]] = [
        _convs(x),
        st.sampled_from(values),
        st.integers(0, x.channels - 1).flatmap(
            lambda begin: st.integers(1, x.channels - begin).map(lambda size: Slice(begin, size))
        ),
        st.sampled_from([GlobalAveragePool()]),
    ]
    if x.channels * 4 <= MOST_CHANNELS:
        found.append(st.sampled_from([NearestConv2d(2), Repeat(3)]))
        if x.height % 2 == 0:
            found.append(st.just(SpaceToDepth(2)))
    if x.height > 1 and x.height * 2 <= TALLEST:  # what is pooled stays one pixel
        resizes = [ResizeNearest(2)] if int8 else [ResizeNearest(2), ResizeBicubic(2)]
        found.append(st.sampled_from(resizes))
        found.append(
            st.builds(
                TransposedConv2d, st.integers(1, 8), st.sampled_from([2, 4, 6]), stride=st.just(2)
            )
        )
        if x.channels % 4 == 0:
            found.append(st.just(DepthToSpace(2)))
    return found


def _readers_of_two(shapes: list[Shape], source: int, *, multiply: bool) -> list[Step]:
    x = shapes[source]
    found: list[Step] = []
    for other, y in enumerate(shapes):
        if y == x:
            found.extend([(Add(), (source, other)), (Add(bits=4), (source, other))])
        if multiply and y.channels == x.channels and (y == x or 1 in (x.height, y.height)):
            found.append((Multiply(), (source, other)))
        if y.height == x.height and x.channels + y.channels <= MOST_CHANNELS:
            found.append((Concat(), (source, other)))
    return found


def _convs(x: Shape) -> st.SearchStrategy[Conv2d]:
    groups = st.sampled_from([n for n in range(1, x.channels + 1) if x.channels % n == 0])
    plain = groups.flatmap(
        lambda n: st.builds(
            Conv2d,
            features=st.integers(1, max(1, 8 // n)).map(lambda f: f * n),
            kernel=st.sampled_from([1, 3, 5]),
            groups=st.just(n),
            activation=st.sampled_from(["none", "relu"]),
            bias=st.booleans(),
            stride=st.just(1) if x.height % 2 else st.sampled_from([1, 2]),
            bits=st.sampled_from([8, 4]),
        )
    )
    return st.one_of(plain, formed_convs())


@st.composite
def formed_convs(draw: st.DrawFn) -> Conv2d:
    """Convolutions of every train-time form, with what the form allows."""
    form = draw(st.sampled_from(list(FORMS)))
    links = [link for branch in FORMS[form].branches for link in branch]
    features = draw(st.integers(1, 4))
    return Conv2d(
        features * 2 if form == "ghost" else features,
        kernel=3 if form == "ecb" else draw(st.sampled_from([1, 3, 5])),
        activation=draw(st.sampled_from(["none", "relu"])),
        bias=any(link.norm for link in links) or draw(st.booleans()),
        form=form,
        expansion=draw(st.integers(1, 3)) if FORMS[form].expands else 1,
    )


def rebuilt(graph: Graph, seed: int) -> Graph:
    """The same network, built in another order, sums swapped, with nodes that nobody reads."""
    rng = random.Random(seed)
    g = GraphBuilder(graph.channels)
    handles = {0: g.input}
    while len(handles) < len(graph.nodes):
        ready = [
            i
            for i, node in enumerate(graph.nodes)
            if i not in handles and all(source in handles for source in node.inputs)
        ]
        position = rng.choice(ready)
        node = graph.nodes[position]
        inputs = [handles[i] for i in node.inputs]
        if isinstance(node.op, Add | Multiply):
            rng.shuffle(inputs)
        handles[position] = g.append(node.op, *inputs)
        g.append(Relu(), rng.choice(list(handles.values())))
    return g.graph(handles[len(graph.nodes) - 1])


def unfolded(graph: Graph, position: int) -> str:
    """What a node computes, written out as a tree."""
    node = graph.nodes[position]
    return f"{node.op}({', '.join(unfolded(graph, i) for i in node.inputs)})"
