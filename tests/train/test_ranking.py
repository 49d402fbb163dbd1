"""Channels are ranked by what the loss would lose with them."""

import numpy as np

from nas.data.images import Pair
from nas.data.patches import calibration_patches
from nas.graph import Clip, Conv2d, Graph, GraphBuilder
from nas.readers.weights import Array
from nas.train.ranking import channels_to_keep
from nas.train.solve_set import SolveSet

GREY = np.full((2, 4, 4, 3), 102, np.uint8)  # 0.4


def graph_of(*convs: Conv2d) -> Graph:
    g = GraphBuilder()
    return g.graph(g.chain(g.input, *convs))


def test_importance_is_value_times_gradient() -> None:
    """0.4 -> c * 0.4 in channel c -> its share of the sum in each colour.

    The loss, |0.4 - y| of y < 0.4, falls by the value times the weight that reads it.
    """
    graph = graph_of(Conv2d(4, kernel=1), Conv2d(3, kernel=1))
    first, second = np.zeros((1, 1, 3, 4), np.float32), np.zeros((1, 1, 4, 3), np.float32)
    first[0, 0, 0] = [0.5, 1.0, 0.2, 2.0]
    second[0, 0] = np.array([0.2, 0.01, 0.1, 0.0], np.float32)[:, None]
    weights: dict[str, Array] = {
        "1/kernel": first,
        "1/bias": np.zeros(4, np.float32),
        "2/kernel": second,
        "2/bias": np.zeros(3, np.float32),
    }
    images = SolveSet(GREY, GREY)
    # value times weight: 0.2 * 0.2 = 0.04, 0.4 * 0.01 = 0.004, 0.08 * 0.1 = 0.008, 0.8 * 0 = 0
    assert channels_to_keep(graph, weights, images, 1 / 4) == {1: [0]}
    assert channels_to_keep(graph, weights, images, 1 / 2) == {1: [0, 2]}
    assert channels_to_keep(graph, weights, images, 3 / 4) == {1: [0, 1, 2]}


def test_channels_that_are_zero_go_first(leaves: tuple[Pair, ...]) -> None:
    graph = graph_of(Conv2d(8, activation="relu"), Conv2d(6, activation="relu"), Conv2d(3), Clip())
    rng = np.random.default_rng(0)
    weights: dict[str, Array] = {}
    for position, (inputs, features) in enumerate([(3, 8), (8, 6), (6, 3)], start=1):
        shape = (3, 3, inputs, features)
        weights[f"{position}/kernel"] = rng.uniform(0.01, 0.1, shape).astype(np.float32)
        weights[f"{position}/bias"] = np.zeros(features, np.float32)
    for part in ("kernel", "bias"):
        weights[f"1/{part}"][..., [1, 4, 6, 7]] = 0
        weights[f"2/{part}"][..., [0, 3, 5]] = 0
    lr, _ = calibration_patches(leaves, lr_size=16, count=4, seed=0, scale=3)
    found = channels_to_keep(graph, weights, SolveSet(lr, 255 - lr), 1 / 2)
    assert found == {1: [0, 2, 3, 5], 2: [1, 2, 4]}


def test_without_images_channels_go_by_number_and_one_stays() -> None:
    graph = graph_of(Conv2d(8), Conv2d(2), Conv2d(3))
    assert channels_to_keep(graph, {}, None, 3 / 8) == {1: [0, 1, 2], 2: [0]}
    assert channels_to_keep(graph, {}, None, 0.0) == {1: [0], 2: [0]}
