"""The allow-list: every op that a target allows has its row, and real files keep to theirs."""

import pytest
import torch

from nas.export.allowed_ops import TFLITE_OPS, allowed_by_graph, allowed_by_target
from nas.export.same_weights import foreign_grids, foreign_kernels
from nas.export.tflite_content import read_content
from nas.graph import MOBILE_NPU
from nas.graph.ops import OPS, BatchNorm, ResizeBicubic
from nas.quantize.calibration import calibrate
from nas.quantize.convert import to_tflite
from nas.quantize.stored import StoredNetwork
from nas.zoo import zoo_graph
from tests.networks import sensible_weights


def test_table_has_what_the_target_allows_and_nothing_else() -> None:
    assert set(TFLITE_OPS) == MOBILE_NPU.ops == OPS - {BatchNorm, ResizeBicubic}


def test_no_row_allows_an_op_that_loops_or_calls_code() -> None:
    assert allowed_by_target().isdisjoint({"WHILE", "IF", "CALL", "CUSTOM", "DEQUANTIZE"})


# Together they have every op of the vocabulary that is legal.
NETWORKS = (
    "XCAT",
    "ABPN",
    "IMDN-x3",
    "FastSR",
    "FSRCNN-RGBx3",
    "TinySRNet",
    "ESPCN-RGBx3",
    "DoubleZ",
)


def test_the_networks_below_have_every_op() -> None:
    ops = {type(node.op) for name in NETWORKS for node in zoo_graph(name).nodes}
    assert ops == MOBILE_NPU.ops


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_has_the_ops_weights_and_grids_of_its_network(name: str) -> None:
    graph = zoo_graph(name).deployed
    weights = sensible_weights(graph)
    image = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    network = StoredNetwork(graph, weights, calibrate(graph, weights, image))
    found = read_content(to_tflite(graph, weights, network.grid or (), height=24, width=32))
    assert set(found.ops) <= allowed_by_graph(graph) <= allowed_by_target()
    assert foreign_kernels(found, network) == ()
    assert foreign_grids(found, network) == ()
    other = StoredNetwork(graph, sensible_weights(graph, seed=1), None)
    trained = [kernel for kernel in found.kernels if kernel.values.shape[1:3] != (1, 1)]
    assert len(foreign_kernels(found, other)) >= 2 * len(trained)
    assert len(foreign_grids(found, other)) > 2
