"""Hypothesis strategies: picks of a space, and small graphs over the whole vocabulary."""

import random

import hypothesis.strategies as st

from nas.graph import (
    Add,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    Graph,
    GraphBuilder,
    NearestConv2d,
    Op,
    Relu,
    Repeat,
    Shape,
    Slice,
)
from nas.space import Pick, Space

__all__ = ["graphs", "picks", "rebuilt", "unfolded"]

SIDE = 6  # pixels; the shapes below are those of an image of this size
MOST_CHANNELS = 24
TALLEST = 4 * SIDE

Step = tuple[Op, tuple[int, ...]]


def picks(space: Space) -> st.SearchStrategy[Pick]:
    """Valid picks; shrinks towards the first option of each choice."""

    @st.composite
    def pick(draw: st.DrawFn) -> Pick:
        return space.pick(lambda choice: draw(st.sampled_from(choice.options)))

    return pick()


@st.composite
def graphs(draw: st.DrawFn, *, most_nodes: int = 8) -> Graph:
    """Graphs of any shape over all ops, with branches, sums and dead ends."""
    channels = draw(st.integers(1, 4))
    g = GraphBuilder(channels)
    shapes = [Shape(SIDE, SIDE, channels)]
    for _ in range(draw(st.integers(1, most_nodes))):
        op, inputs = draw(_steps(shapes))
        shapes.append(op.shape_of(*(shapes[i] for i in inputs)))
        g.append(op, *inputs)
    return g.graph()


def _steps(shapes: list[Shape]) -> st.SearchStrategy[Step]:
    """An op that fits, and what it reads: mostly the latest node, so that graphs get deep."""
    last = len(shapes) - 1
    sources = st.one_of(st.just(last), st.integers(0, last))
    return sources.flatmap(lambda source: st.one_of(_fitting(shapes, source)))


def _fitting(shapes: list[Shape], source: int) -> list[st.SearchStrategy[Step]]:
    x = shapes[source]
    one = (source,)
    found: list[st.SearchStrategy[Step]] = [
        _convs(x.channels).map(lambda op: (op, one)),
        st.sampled_from([(Relu(), one), (Clip(), one), (Clip(-0.5, 0.75), one)]),
        st.integers(0, x.channels - 1).flatmap(
            lambda begin: st.integers(1, x.channels - begin).map(
                lambda size: (Slice(begin, size), one)
            )
        ),
    ]
    if x.channels * 4 <= MOST_CHANNELS:
        found.append(st.sampled_from([(NearestConv2d(2), one), (Repeat(3), one)]))
    if x.channels % 4 == 0 and x.height * 2 <= TALLEST:
        found.append(st.just((DepthToSpace(2), one)))
    same = [i for i, y in enumerate(shapes) if y == x]
    found.append(st.sampled_from(same).map(lambda other: (Add(), (source, other))))
    beside = [
        i
        for i, y in enumerate(shapes)
        if y.height == x.height and x.channels + y.channels <= MOST_CHANNELS
    ]
    if beside:
        found.append(st.sampled_from(beside).map(lambda other: (Concat(), (source, other))))
    return found


def _convs(channels: int) -> st.SearchStrategy[Conv2d]:
    groups = st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0])
    return groups.flatmap(
        lambda n: st.builds(
            Conv2d,
            features=st.integers(1, max(1, 8 // n)).map(lambda f: f * n),
            kernel=st.sampled_from([1, 3, 5]),
            groups=st.just(n),
            activation=st.sampled_from(["none", "relu"]),
            bias=st.booleans(),
        )
    )


def rebuilt(graph: Graph, seed: int) -> Graph:
    """The same network, appended in another order, sums swapped, with a node nobody reads."""
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
        if isinstance(node.op, Add):
            rng.shuffle(inputs)
        handles[position] = g.append(node.op, *inputs)
        g.append(Relu(), rng.choice(list(handles.values())))
    return g.graph(handles[len(graph.nodes) - 1])


def unfolded(graph: Graph, position: int) -> str:
    """What a node computes, written out as a tree."""
    node = graph.nodes[position]
    return f"{node.op}({', '.join(unfolded(graph, i) for i in node.inputs)})"
