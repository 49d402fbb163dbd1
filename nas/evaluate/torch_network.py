"""A trained network in float, by torch on the CPU, in moderate memory whatever the image's size."""

import math
from dataclasses import replace

import torch

from nas.data.resample import Pixels
from nas.errors import UsageError
from nas.evaluate.tiles import Tiling, whole
from nas.evaluate.upscaler import Upscaler
from nas.graph import Graph
from nas.readers.cost import peak_memory_bytes
from nas.readers.reach import Reach, read_reach
from nas.readers.to_torch import GraphModule, image_tensor, in_uint8, to_torch
from nas.readers.weights import Weights

__all__ = ["MOST_BYTES", "check_upscales", "float_upscaler"]

MOST_BYTES = 2**28  # of activations at once; what takes more is cut into tiles
_PROBE = 48  # pixels; can be divided by any stride of the vocabulary's networks
_LEAST_AREA = 2**13  # LR pixels of a tile: in less torch adds in another order, and tiles show
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
    check_upscales(graph, name)
    network = to_torch(graph, weights)
    reach = read_reach(graph)

    def run(image: Pixels) -> Pixels:
        made: Pixels = in_uint8(_run(network, image_tensor(image[None].copy())))[0]
        return made

    def tiling_of(height: int, width: int) -> Tiling:
        return _tiling(graph, reach, height, width, most_bytes=most_bytes)

    return Upscaler(name, graph.scale, "float by torch", run, tiling_of)


def check_upscales(graph: Graph, name: str) -> None:
    """Raises `UsageError` unless a network upscales RGB images by a whole factor."""
    last = graph.shapes(_PROBE, _PROBE)[-1]
    if graph.channels != 3 or last.channels != 3 or graph.scale < 2 or last.height % _PROBE:
        raise UsageError(
            f"{name} makes {last} of {_PROBE}x{_PROBE}x{graph.channels}",
            "give a network that upscales RGB images by a whole factor",
        )


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


def _tiling(graph: Graph, reach: Reach, height: int, width: int, *, most_bytes: int) -> Tiling:
    """A single tile where the whole image fits, or where it cannot be cut."""
    pixel_bytes = 4 * peak_memory_bytes(graph, _PROBE, _PROBE) / _PROBE**2
    most = whole(height, width, reach.stride)
    area = int(max(most_bytes / pixel_bytes, _LEAST_AREA))
    if math.isinf(reach.pixels) or most.height * most.width <= area:
        return most
    margin = int(reach.pixels)
    least = 2 * margin + max(_LEAST_KEPT, 2 * margin)
    rows = min(most.height, max(math.isqrt(area), least))
    columns = min(most.width, max(-(-area // rows), least))
    rows = min(most.height, max(-(-area // columns), least))  # of an image that is narrow
    sides = whole(rows, columns, reach.stride)
    return replace(sides, margin=margin)
