"""What a stage does to the network before it begins: pruning, folding, carrying."""

import numpy as np

from nas.errors import RewriteError
from nas.graph import BatchNorm, Graph
from nas.graph.rewrites import carry_residual, fold_batch_norm, prune_channels
from nas.quantize.qat import Kept
from nas.quantize.settings import Qat
from nas.readers.weights import Array, Weights, conv_nodes, weight_nodes
from nas.train.ranking import channels_to_keep
from nas.train.solve_set import SolveSet
from nas.train.stages import Recipe, Stage
from nas.train.start import he_start

__all__ = ["check_stages", "kept_in", "prepared"]


def check_stages(recipe: Recipe, graph: Graph) -> None:
    """Whether every stage of a recipe can begin, so that none is refused after days of another.

    Raises:
        RewriteError: The rewrite that a stage asks for does not fit the graph.
    """
    weights = he_start(graph, seed=0, gain=1.0)
    for number, stage in enumerate(recipe.stages, start=1):
        try:
            graph, weights = prepared(stage, graph, weights, None)
        except RewriteError as error:
            place = f"stage {number} of recipe {recipe.name}"
            raise RewriteError(f"{place}: {error.message}", error.hint) from error


def prepared(
    stage: Stage, graph: Graph, weights: Weights, images: SolveSet | None
) -> tuple[Graph, dict[str, Array]]:
    """The network that a stage begins with, from the one at the end of the stage before.

    Args:
        stage: Of the recipe.
        graph: At the end of the stage before.
        weights: Of `graph.deployed`.
        images: What channels are ranked on; None where only the graph matters.

    Raises:
        RewriteError: The rewrite that the stage asks for does not fit the graph.
    """
    found = dict(weights)
    if stage.fuse:
        graph = graph.deployed
    if stage.prune is not None:
        kept = channels_to_keep(graph, found, images, stage.prune.keep)
        graph, found = prune_channels(graph, found, kept)
    if isinstance(stage.quantisation, Qat) and _has_norms(graph):
        graph, found = fold_batch_norm(graph, found)
    return carry_residual(graph, found) if stage.carry else (graph, found)


def kept_in(stage: Stage, before: Graph) -> Kept:
    """Weights that do not train in a stage, given the graph before it was prepared.

    Where the image is carried: what the rewrite makes of a network of zeros is not zero. A
    convolution that carries keeps whole channels of its output; the last one adds the image to what
    it computes, so only those single weights are kept.
    """
    if not stage.carry:
        return {}
    zeros = {
        f"{position}/{part}": np.zeros(shape, np.float32)
        for position, _, parts in weight_nodes(before.deployed)
        for part, shape in parts.items()
    }
    graph, values = carry_residual(before, zeros)
    kept: dict[str, tuple[Array, Array]] = {}
    positions = [position for position, _, _ in conv_nodes(graph)]
    for position in positions:
        kernel = values[f"{position}/kernel"]
        where = kernel != 0
        if position != positions[-1]:
            channels = where.any(axis=(0, 1, 2))
            where = np.broadcast_to(channels, kernel.shape)
            if (bias := values.get(f"{position}/bias")) is not None:
                kept[f"{position}/bias"] = (channels.astype(np.float32), bias)
        kept[f"{position}/kernel"] = (where.astype(np.float32), kernel)
    return kept


def _has_norms(graph: Graph) -> bool:
    return any(isinstance(node.op, BatchNorm) for node in graph.nodes)
