"""The size of the file that a network becomes, which does not depend on its weights."""

from nas.graph import Graph

__all__ = ["tflite_size_kib"]


def tflite_size_kib(graph: Graph, *, height: int = 360, width: int = 640) -> float:
    """KiB of the full-integer uint8 TensorFlow Lite file of a network with random weights.

    Raises:
        IllegalError: It cannot be an integer file.
    """
    import torch

    from nas.graph import check_legal
    from nas.quantize.calibration import calibrate
    from nas.quantize.convert import to_tflite
    from nas.readers.weights import random_weights

    check_legal(graph)
    weights = random_weights(graph, seed=0)
    image = torch.rand(1, graph.channels, 24, 24, generator=torch.Generator().manual_seed(0))
    grid = calibrate(graph, weights, image)
    return len(to_tflite(graph, weights, grid, height=height, width=width)) / 1024
