"""The sample of a calibration: the same each time, all kinds of ops in it, near to all networks."""

import random
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from nas.errors import UsageError
from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder, violations
from nas.latency.coverage import THIN_GRAPHS, count_kinds
from nas.latency.residual import place_of
from nas.latency.sample import SPACES, Plan, plan_networks
from nas.readers.features import read_features, values_of
from nas.space import Choice, Pick, Space, load_space


@cache
def plan(samples: int, fresh: int) -> Plan:
    spaces = [load_space(name) for name in SPACES]
    return plan_networks(spaces, samples=samples, fresh=fresh, height=360, width=640)


@cache
def pool() -> tuple[Graph, ...]:
    return plan(550, 0).sample


def digests(graphs: Sequence[Graph]) -> list[str]:
    return [graph.digest for graph in graphs]


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    short, long = plan(8, 5), plan(30, 10)
    assert (len(short.sample), len(short.fresh)) == (8, 5)
    assert long.sample[:8] == short.sample
    assert long.fresh[:5] == short.fresh


def test_networks_are_distinct_legal_and_deployed() -> None:
    graphs = (*plan(30, 10).sample, *plan(30, 10).fresh)
    assert len(set(digests(graphs))) == 40
    assert all(graph.deployed == graph and not violations(graph) for graph in graphs)


def test_what_is_kept_back_is_in_no_sample() -> None:
    kept_back = {*digests(plan(8, 70).fresh)}
    assert len(kept_back) == 70
    assert not kept_back & {*digests(pool())}


def test_a_network_is_for_tests_whatever_space_it_was_drawn_from() -> None:
    (hxnet,) = (load_space(name) for name in SPACES if name == "hxnet")
    other = plan_networks([hxnet], samples=500, fresh=70, height=360, width=640)
    assert not {*digests(other.sample)} & {*digests(plan(8, 70).fresh)}
    assert not {*digests(other.fresh)} & {*digests(pool())}


def test_every_kind_of_op_is_in_enough_networks() -> None:
    there = {kind for kind, graphs in count_kinds(pool()).items() if graphs >= THIN_GRAPHS}
    sampled = count_kinds(plan(30, 0).sample)
    assert len(there) > 15
    assert {kind for kind, graphs in sampled.items() if graphs >= THIN_GRAPHS} == there


def test_other_networks_are_nearer_to_the_sample_than_to_a_random_one() -> None:
    features = [values_of(read_features(g, height=360, width=640)) for g in pool()]
    table = np.array(features)
    places = place_of(table / np.where(table.mean(axis=0) > 0, table.mean(axis=0), 1))
    place = {digest: i for i, digest in enumerate(digests(pool()))}

    def gap(chosen: Sequence[int]) -> float:
        gaps = ((places[:, None] - places[None, list(chosen)]) ** 2).sum(axis=2)
        return float(gaps.min(axis=1).mean())

    rng = random.Random(0)
    randomly = [gap(rng.sample(range(len(places)), 30)) for _ in range(20)]
    assert gap([place[digest] for digest in digests(plan(30, 0).sample)]) < min(randomly)


def test_a_space_that_is_too_small_is_named() -> None:
    def build(pick: Pick, scale: int) -> Graph:
        g = GraphBuilder(channels=3)
        return g.graph(g.chain(g.input, Conv2d(pick.width), Conv2d(27), DepthToSpace(3)))

    small = Space("small", (Choice("width", tuple(range(4, 64))),), build)
    found = plan_networks([small], samples=40, fresh=5, height=36, width=64)
    assert len({*digests(found.sample), *digests(found.fresh)}) == 45
    with pytest.raises(UsageError) as caught:
        plan_networks([small], samples=40, fresh=30, height=36, width=64)
    assert str(caught.value) == (
        "small: too few legal networks were found, 51 to fit and 9 to keep back "
        "(ask for fewer, or give larger spaces)"
    )
