"""The image that is chosen is the one that the others are served by."""

import pytest
import torch
from torch import Tensor

from nas.graph import Clip, Conv2d, Graph, GraphBuilder
from nas.quantize.representative import linear_search, rank
from nas.quantize.scheme import Grid
from nas.readers.weights import Array, random_weights


def doubling() -> tuple[Graph, dict[str, Array]]:
    """Twice the image, which is then brought back."""
    g = GraphBuilder(channels=1)
    ops = (Conv2d(1, kernel=1), Conv2d(1, kernel=1), Clip())
    graph = g.graph(g.chain(g.input, *ops))
    weights = random_weights(graph, seed=0)
    for name, array in weights.items():
        array[:] = {"1/kernel": 2.0, "2/kernel": 0.5}.get(name, 0.0)
    return graph, weights


def ramp(high: float, side: int = 20) -> Tensor:
    return torch.linspace(0, high, side * side).reshape(1, 1, side, side)


def test_linear_search_asks_the_judge_about_each_image_alone() -> None:
    graph, weights = doubling()
    asked: list[float] = []

    def judge(grid: "tuple[Grid, ...]") -> float:
        asked.append(grid[1].high)
        return -abs(grid[1].high - 1.2)

    found = linear_search(graph, weights, [ramp(0.2), ramp(0.6), ramp(1.0)], judge)  # type: ignore[arg-type]
    assert asked == pytest.approx([0.4, 1.2, 2.0], rel=1e-5)
    assert found == (1, pytest.approx(0.0, abs=1e-5))


def test_image_that_spans_what_all_take_is_best_and_the_darkest_worst() -> None:
    graph, weights = doubling()
    assert rank(graph, weights, [ramp(0.1), ramp(0.5), ramp(0.49), ramp(0.3)]) == [1, 2, 3, 0]


def test_image_with_an_outlier_is_best_only_while_few_values_are_rounded_coarser_for_it() -> None:
    # Clipping its one value costs 0.6^2; a range twice as wide costs each of the others
    # (1.2^2 - 0.6^2) / 255^2 / 12, so 260,000 of them are the limit.
    graph, weights = doubling()
    outlier = ramp(0.3, side=100)
    outlier[..., -1, -1] = 0.6
    few, many = ([outlier, *[ramp(0.3, side=100)] * count] for count in (10, 40))
    assert rank(graph, weights, few)[0] == 0
    assert rank(graph, weights, many)[-1] == 0


def test_image_on_which_a_network_writes_nothing_is_no_division_by_zero() -> None:
    graph, weights = doubling()
    assert rank(graph, weights, [torch.zeros(1, 1, 4, 4)] * 2) == [0, 1]
