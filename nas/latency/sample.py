"""Which networks a calibration measures: a few that stand for all, and others kept back.

Every kind of op is in enough of them, and beyond that each network of the spaces has a near one.
Extreme networks (D-optimal designs) tell more of each coefficient and less of the networks that
will be asked about, because no sum of terms is the whole truth of a device.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from nas.errors import UsageError
from nas.graph import Graph, violations
from nas.latency.arrays import Array
from nas.latency.cover import choose_cover
from nas.latency.coverage import THIN_GRAPHS, count_kinds, op_kinds
from nas.latency.residual import place_of
from nas.readers.features import read_features, values_of
from nas.space import Space

__all__ = ["SPACES", "Plan", "plan_networks"]

SPACES = ("hxnet", "mobile")  # what is sampled unless told otherwise
_DRAWN = 1800  # networks, of which the plan is made
_TRIES = 20  # draws for each of them; a small space has fewer
_SEED = 0
_KEPT_BACK = 7  # one network in so many is for tests, whatever space it was drawn from


@dataclass(frozen=True)
class Plan:
    """What to measure; a plan for more networks begins with that for fewer.

    Args:
        sample: To fit a model to, the most telling first.
        fresh: To test it on: drawn from the same spaces, never in the sample of any plan.
    """

    sample: tuple[Graph, ...]
    fresh: tuple[Graph, ...]


def plan_networks(
    spaces: Sequence[Space],
    *,
    samples: int,
    fresh: int,
    height: int,
    width: int,
    by_op: bool = False,
) -> Plan:
    """The same plan each time for the same arguments.

    Args:
        spaces: Networks come from them in turn.
        samples: How many to fit.
        fresh: How many to keep back; there are about two hundred.
        height: Of the low-resolution input, in pixels.
        width: Of the low-resolution input, in pixels.
        by_op: The back-end tells the time of each op, so that ops are to be seen, not networks.

    Raises:
        UsageError: The spaces have too few networks that the target can run.
    """
    drawn = _draw(spaces, random.Random(_SEED))
    kept_back = [graph for graph in drawn if _is_for_tests(graph)]
    pool = [graph for graph in drawn if not _is_for_tests(graph)]
    if len(pool) < samples or len(kept_back) < fresh:
        names = ", ".join(space.name for space in spaces)
        raise UsageError(
            f"{names}: too few legal networks were found, {len(pool)} to fit and "
            f"{len(kept_back)} to keep back",
            "ask for fewer, or give larger spaces",
        )
    if by_op:
        chosen = choose_cover(pool, samples, height=height, width=width)
    else:
        features = [values_of(read_features(g, height=height, width=width)) for g in pool]
        chosen = _choose(pool, np.array(features), samples)
    return Plan(tuple(pool[i] for i in chosen), tuple(kept_back[:fresh]))


def _draw(spaces: Sequence[Space], rng: random.Random) -> tuple[Graph, ...]:
    """Distinct legal networks as they are deployed."""
    found: dict[str, Graph] = {}
    for space in islice(cycle(spaces), _DRAWN * _TRIES):
        if len(found) == _DRAWN:
            break
        graph = space.graph(space.sample(rng)).deployed
        if not violations(graph):
            found.setdefault(graph.digest, graph)
    return tuple(found.values())


def _is_for_tests(graph: Graph) -> bool:
    return int(graph.digest, 16) % _KEPT_BACK == 0


def _choose(pool: Sequence[Graph], features: Array, count: int) -> list[int]:
    """Places in the pool, greedily.

    First among the networks with most kinds of ops that are thinly covered so far, then among all,
    the one that brings the whole pool nearest to what is chosen.
    """
    means = features.mean(axis=0)
    places = place_of(features / np.where(means > 0, means, 1.0))
    gaps = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    kinds = [set(op_kinds(graph)) for graph in pool]
    wanted = {k: THIN_GRAPHS for k, graphs in count_kinds(pool).items() if graphs >= THIN_GRAPHS}
    nearest = np.full(len(pool), gaps.max())
    chosen: list[int] = []
    for _ in range(count):
        thin = np.array([sum(wanted.get(kind, 0) > 0 for kind in some) for some in kinds])
        thin[chosen] = -1
        left = np.minimum(nearest[:, None], gaps).sum(axis=0)
        best = int(np.argmin(np.where(thin == thin.max(), left, np.inf)))
        chosen.append(best)
        nearest = np.minimum(nearest, gaps[best])
        for kind in kinds[best] & set(wanted):
            wanted[kind] -= 1
    return chosen
