"""A rung that was trained before is what it was then, and is known by all that decides it."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.graph import Conv2d, DepthToSpace, Graph, GraphBuilder
from nas.search.evaluation_cache import EvaluationCache
from nas.search.known_rungs import find_rung, keep_rung, rung_key
from nas.search.tasks import Measured, Reached

REACHED = Reached(
    reading=(100, 26.100000000000001, 1 / 3),
    is_last=False,
    state=b"state",
    weights=b"weights",
    details_png=b"png",
    train_s=4.0,
    quantize_s=2.0,
    evaluate_s=1.0,
)


def network(features: int) -> Graph:
    builder = GraphBuilder()
    ops = (Conv2d(features), Conv2d(27), DepthToSpace(3))
    return builder.graph(builder.chain(builder.input, *ops))


@pytest.fixture
def cache(tmp_path: Path) -> EvaluationCache:
    return EvaluationCache(tmp_path)


def test_a_known_rung_is_bit_for_bit_what_it_was_for_no_time(cache: EvaluationCache) -> None:
    keep_rung(cache, "key", REACHED)
    known = replace(REACHED, train_s=0.0, quantize_s=0.0, evaluate_s=0.0, is_cached=True)
    assert find_rung(cache, "key") == known


def test_the_last_rung_keeps_no_state(cache: EvaluationCache) -> None:
    keep_rung(cache, "key", replace(REACHED, is_last=True))
    found = find_rung(cache, "key")
    assert found is not None
    assert (found.is_last, found.state, found.weights) == (True, b"", b"weights")


@pytest.mark.parametrize("told", [b"", b"{}", b"[]", b"\xff", b'{"reading": [1], "is_last": 0}'])
def test_an_entry_of_another_form_is_none(cache: EvaluationCache, told: bytes) -> None:
    cache.keep("key", {"told": told, "state": b"", "weights": b"", "details_png": b""})
    assert find_rung(cache, "key") is None
    cache.keep("key", {"state": b""})
    assert find_rung(cache, "key") is None


def test_all_that_decides_is_in_the_key() -> None:
    keys = {
        rung_key("bench", network(4), 0, b""),
        rung_key("other bench", network(4), 0, b""),
        rung_key("bench", network(8), 0, b""),
        rung_key("bench", network(4), 1, b""),
        rung_key("bench", network(4), 0, b"state"),
    }
    assert len(keys) == 5


def test_cached_rungs_are_counted() -> None:
    known = replace(REACHED, train_s=0.0, quantize_s=0.0, evaluate_s=0.0, is_cached=True)
    measured = Measured().then(known).then(known).then(REACHED)
    assert (measured.num_cached, measured.train_s) == (2, 4.0)
