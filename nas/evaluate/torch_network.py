"""A trained network in float, by torch on the CPU, in moderate memory whatever the image's size."""

import math

import numpy as np
import torch

from nas.data.resample import Pixels
from nas.errors import UsageError
from nas.evaluate.reach import Reach, read_reach
from nas.evaluate.tiles import Tiling, in_tiles, run_padded
from nas.evaluate.upscaler import Upscaler
from nas.graph import Graph
from nas.readers.cost import peak_memory_bytes
from nas.readers.to_torch import GraphModule, image_tensor, in_uint8, to_torch
from nas.readers.weights import Weights

__all__ = ["MOST_BYTES", "float_upscaler"]

MOST_BYTES = 2**30  # of activations at once; what takes more is cut into tiles
_LEAST_KEPT = 64  # LR pixels of a tile between its margins, however much memory they take


def float_upscaler(
    graph: Graph, weights: Weights, *, name: str, most_bytes: int = MOST_BYTES
) -> Upscaler:
    """Runs a network as it was trained, without quantisation.

    Args:
        graph: The network.
        weights: In the common layout.
        name: For tables and messages.
        most_bytes: Of activations; an image that takes more is cut into tiles.

    Raises:
        UsageError: The network upscales no RGB images.
    """
    graph = graph.deployed
    last = graph.shapes(48, 48)[-1]
    if graph.channels != 3 or last.channels != 3 or graph.scale < 2 or last.height % 48:
        raise UsageError(
            f"{name} makes {last} of 48x48x{graph.channels}",
            "give a network that upscales RGB images by a whole factor",
        )
    network = to_torch(graph, weights)
    reach = read_reach(graph)

    def whole(image: Pixels) -> Pixels:
        made: Pixels = in_uint8(_run(network, image_tensor(np.array(image[None]))))[0]
        return made

    def run(image: Pixels) -> Pixels:
        height, width = image.shape[:2]
        tiling = _tiling(graph, reach, height, width, most_bytes=most_bytes)
        if tiling is None:
            return run_padded(whole, image, scale=graph.scale, stride=reach.stride)
        return in_tiles(whole, image, scale=graph.scale, tiling=tiling)

    return Upscaler(name, graph.scale, "float by torch", run)


@torch.no_grad()
def _run(network: GraphModule, image: torch.Tensor) -> torch.Tensor:
    """Like calling the network, but nothing is kept that nobody reads again."""
    graph = network.graph
    alive: dict[int, torch.Tensor] = {}
    for position, node in enumerate(graph.nodes):
        y = network.apply_node(position, *([alive[i] for i in node.inputs] or [image]))
        for i in node.inputs:
            if graph.consumers[i][-1] == position:
                alive.pop(i, None)
        alive[position] = y
    return y


def _tiling(
    graph: Graph, reach: Reach, height: int, width: int, *, most_bytes: int
) -> Tiling | None:
    """None where the whole image fits, or where it cannot be cut."""
    probe = 48
    pixel_bytes = 4 * peak_memory_bytes(graph, probe, probe) / probe**2
    if math.isinf(reach.pixels) or height * width * pixel_bytes <= most_bytes:
        return None
    margin = int(reach.pixels)
    least = 2 * margin + max(_LEAST_KEPT, 2 * margin)
    side = max(math.isqrt(int(most_bytes / pixel_bytes)), least)
    rows, columns = (
        -(-min(side, length) // reach.stride) * reach.stride for length in (height, width)
    )
    return Tiling(rows, columns, margin, reach.stride)
