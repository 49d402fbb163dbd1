"""Where the boxes of a drawing stand: layers, order within a layer, position.

Layers are topological generations. An edge that skips layers passes each of them in a lane of its
own, so that it goes around boxes and not through them.

Source:
    Sugiyama, Tagawa, Toda 1981 (doi 10.1109/TSMC.1981.4308636): layers, lanes, barycentres.
    Gansner et al. 1993 (doi 10.1109/32.221135): positions as a linear program, straight lanes dear.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
from scipy.optimize import linprog

from nas.graph import Concat, Graph, Slice

__all__ = ["Lane", "lay_out"]

SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Lane:
    """Where in layer `layer` the edge from `source` to `target` passes; a box has both equal."""

    source: int
    target: int
    layer: int

    @property
    def is_box(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True, slots=True)
class _Links:
    """What touches what: lanes above and below each lane, and where on a box an edge ends.

    Args:
        above: Lanes of the layer above that an edge connects to this one.
        below: The same for the layer below.
        ports: Of (box, other end): from 0 at the left of the box to 1; where missing, anywhere.
    """

    above: dict[Lane, list[Lane]]
    below: dict[Lane, list[Lane]]
    ports: dict[tuple[Lane, Lane], float]

    def mean_place(self, lane: Lane, beside: dict[Lane, int], *, default: int) -> float:
        """The mean place of the neighbours of `lane` in the layer `beside` it."""
        ends = [n for n in (*self.above[lane], *self.below[lane]) if n in beside]
        places = [beside[n] + self.ports.get((n, lane), 0) for n in ends]
        return sum(places) / len(places) if places else default

    def crossings(self, layers: list[list[Lane]]) -> float:
        """How often two edges cross; half where that is only at the ports of one box."""
        total = 0.0
        for above, below in pairwise(layers):
            rank = {lane: place for place, lane in enumerate(below)}
            ends = [
                (a + self.ports.get((x, n), 0), rank[n] + self.ports.get((n, x), 0))
                for a, x in enumerate(above)
                for n in self.below[x]
            ]
            for (a, b), (c, d) in combinations(ends, 2):
                if (a - c) * (b - d) < 0:
                    total += 0.5 if int(a) == int(c) or int(b) == int(d) else 1.0
        return total


def lay_out(graph: Graph, *, box: float, lane: float) -> dict[Lane, float]:
    """The centre of every box and passing edge, left to right; the origin is arbitrary.

    Args:
        graph: Any graph.
        box: Width that a box takes, with its space.
        lane: Width that a passing edge takes.
    """
    flow = nx.DiGraph((i, n) for n, node in enumerate(graph.nodes) for i in node.inputs)
    flow.add_node(0)
    generations = enumerate(nx.topological_generations(flow))
    layer_of = {node: layer for layer, nodes in generations for node in nodes}
    boxes = [Lane(n, n, layer_of[n]) for n in range(len(graph.nodes))]
    paths = [
        [boxes[i], *(Lane(i, n, k) for k in range(layer_of[i] + 1, layer_of[n])), boxes[n]]
        for i, n in flow.edges
    ]
    layers = _first_order(graph, {*boxes, *(lane for path in paths for lane in path)})
    links = _links(graph, layers, paths)
    return _centres(_uncross(layers, links), links, box=box, lane=lane)


def _first_order(graph: Graph, lanes: set[Lane]) -> list[list[Lane]]:
    """By position, but slices by the channels they take: "the first group" stands left."""

    def key(lane: Lane) -> tuple[int, int, int]:
        op = graph.nodes[lane.source].op
        return op.begin if isinstance(op, Slice) else 0, lane.source, lane.target

    layers: list[list[Lane]] = [[] for _ in range(max(lane.layer for lane in lanes) + 1)]
    for lane in sorted(lanes, key=key):
        layers[lane.layer].append(lane)
    return layers


def _links(graph: Graph, layers: list[list[Lane]], paths: list[list[Lane]]) -> _Links:
    """Slices leave a box in the order of their channels, and enter a concat in its order."""
    everything = [lane for layer in layers for lane in layer]
    links = _Links({x: [] for x in everything}, {x: [] for x in everything}, {})
    for path in paths:
        for upper, lower in pairwise(path):
            links.below[upper].append(lower)
            links.above[lower].append(upper)
        source, target = path[0].source, graph.nodes[path[-1].target]
        if isinstance(target.op, Slice):
            width = target.op.begin + target.op.size
            links.ports[path[0], path[1]] = target.op.begin / width
        if isinstance(target.op, Concat):
            links.ports[path[-1], path[-2]] = target.inputs.index(source) / len(target.inputs)
    return links


def _uncross(layers: list[list[Lane]], links: _Links) -> list[list[Lane]]:
    """Sweeps down and up, each layer by the mean place of its neighbours; keeps the best."""
    best, fewest = list(layers), links.crossings(layers)
    for sweep in range(SWEEPS):
        for before, k in pairwise(list(range(len(layers)))[:: -1 if sweep % 2 else 1]):
            beside = {lane: place for place, lane in enumerate(layers[before])}
            means = {
                lane: links.mean_place(lane, beside, default=place)
                for place, lane in enumerate(layers[k])
            }
            layers[k] = sorted(layers[k], key=means.__getitem__)
        crossings = links.crossings(layers)
        if crossings < fewest:
            best, fewest = list(layers), crossings
    return best


def _centres(
    layers: list[list[Lane]], links: _Links, *, box: float, lane: float
) -> dict[Lane, float]:
    """Positions with the least total bend, as far apart as each layer needs.

    Minimises the sum of |bend| over `_bends`; each absolute value is a variable above both signs.
    """
    size = {x: box if x.is_box else lane for layer in layers for x in layer}
    place = {x: column for column, x in enumerate(size)}
    bends = list(_bends(links))
    rows, limits = [], []
    for k, (_, x, others) in enumerate(bends):
        for sign in (1.0, -1.0):
            row = np.zeros(len(place) + len(bends))
            row[place[x]] += sign
            for other in others:
                row[place[other]] -= sign / len(others)
            row[len(place) + k] = -1.0
            rows.append(row)
            limits.append(0.0)
    for left, right in (pair for layer in layers for pair in pairwise(layer)):
        row = np.zeros(len(place) + len(bends))
        row[place[left]], row[place[right]] = 1.0, -1.0
        rows.append(row)
        limits.append(-(size[left] + size[right]) / 2)
    if not rows:
        return dict.fromkeys(size, 0.0)
    costs = np.concatenate([np.zeros(len(place)), [weight for weight, _, _ in bends]])
    found = linprog(costs, np.array(rows), limits, bounds=(None, None), method="highs")
    return {x: float(found.x[column]) for x, column in place.items()}


def _bends(links: _Links) -> Iterator[tuple[float, Lane, list[Lane]]]:
    """(weight, lane, those whose mean it should stand under or over).

    A box looks at boxes where it can, so that edges passing by do not pull the trunk aside.
    """
    for side in (links.above, links.below):
        for x, beside in side.items():
            if x.is_box and beside:
                yield 1.0, x, [n for n in beside if n.is_box] or beside
    for x, beside in links.below.items():
        for n in beside:
            if not (x.is_box and n.is_box):
                yield 0.3 if x.is_box or n.is_box else 4.0, x, [n]
