"""Networks chosen for what they tell of the others."""

import pytest

from nas.latency.cover import choose_cover
from nas.readers.kernels import signatures
from tests.latency.boards import plain
from tests.latency.op_boards import NETWORKS, split

SIZE = {"height": 36, "width": 64}


def test_the_first_of_a_longer_choice_are_the_shorter_one() -> None:
    longer = choose_cover(NETWORKS, 6, **SIZE)
    assert choose_cover(NETWORKS, 3, **SIZE) == longer[:3]
    assert len(set(longer)) == 6


def test_each_is_chosen_once() -> None:
    assert sorted(choose_cover(NETWORKS, 99, **SIZE)) == list(range(len(NETWORKS)))


def test_a_network_that_tells_nothing_new_comes_last() -> None:
    graphs = [plain(16, 3), plain(16, 4), plain(16, 5), split(24, 2)]
    chosen = choose_cover(graphs, 2, **SIZE)
    assert 3 in chosen


@pytest.mark.parametrize("count", [2, 4])
def test_a_cover_shows_more_ops_than_the_first_networks(count: int) -> None:
    def seen(places: list[int]) -> int:
        return len({k for i in places for k in signatures(NETWORKS[i], **SIZE)})

    assert seen(choose_cover(NETWORKS, count, **SIZE)) > seen([0, 5, 10, 6][:count])
