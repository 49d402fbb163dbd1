"""Random weights with which a network writes an image that is neither black nor white."""

import numpy as np
import torch

from nas.graph import Add, Conv2d, Graph, TransposedConv2d
from nas.readers.to_torch import to_torch
from nas.readers.weights import Array, random_weights

__all__ = ["sensible_weights", "smooth_images"]


def smooth_images(count: int, height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """uint8 (count, height, width, 3): waves of any direction and colour, and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 16
    waves = [
        np.sin(rng.normal() * y[..., None] + rng.normal() * x[..., None] + rng.normal(0, 3, 3))
        for _ in range(4 * count)
    ]
    images = np.reshape(waves, (count, 4, height, width, 3)).mean(axis=1)
    noisy = 0.5 + 0.45 * images + rng.normal(0, 0.02, images.shape)
    return (noisy.clip(0, 1) * 255).round().astype(np.uint8)


@torch.no_grad()
def sensible_weights(graph: Graph, *, seed: int = 0) -> dict[str, Array]:
    """He-normal weights; convolutions that write the output are scaled to a deviation of 0.2.

    Their mean becomes 0.5, or 0 where an image is added.
    """
    weights = random_weights(graph, seed)
    image = smooth_images(1, 24, 36, seed=seed).transpose(0, 3, 1, 2) / np.float32(255)
    for position in sorted(_writers(graph, len(graph.nodes) - 1)):
        outputs = to_torch(graph, weights).run(torch.from_numpy(image), range(position + 1))
        y = outputs[position]
        added = any(isinstance(graph.nodes[i].op, Add) for i in graph.consumers[position])
        factor = 0.2 / max(float(y.std()), 1e-6)
        weights[f"{position}/kernel"] = weights[f"{position}/kernel"] * np.float32(factor)
        if f"{position}/bias" in weights:
            middle = (y * factor).mean(dim=(0, 2, 3)).numpy()
            bias = weights[f"{position}/bias"] * np.float32(factor)
            weights[f"{position}/bias"] = bias - middle + np.float32(0.0 if added else 0.5)
    return weights


def _writers(graph: Graph, position: int) -> set[int]:
    """The convolutions nearest to the output."""
    node = graph.nodes[position]
    if isinstance(node.op, Conv2d | TransposedConv2d):
        return {position}
    return set().union(*(_writers(graph, i) for i in node.inputs))
