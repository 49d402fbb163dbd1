"""Whether a TensorFlow Lite file is the network of a graph, and one that a target runs."""

import math
from collections.abc import Iterator, Mapping

from nas.export.allowed_ops import allowed_by_graph, allowed_by_target
from nas.export.finding import Finding
from nas.export.layout import DEPLOYED, FLOAT_TFLITE, INT8_TFLITE
from nas.export.record import Record
from nas.export.same_weights import foreign_grids, foreign_kernels
from nas.export.tflite_content import Content, TensorFacts, read_content
from nas.graph import MOBILE_NPU
from nas.quantize.stored import GRID, StoredNetwork

__all__ = ["judge_float", "judge_int8"]

_INTEGERS = frozenset({"int8", "uint8", "int32"})
_MOST = 5  # findings of one kind
_SCALE, _SCALE_TOLERANCE = 1 / 255, 1e-6
_LARGEST_TENSORS = 2**32  # numbers in all tensors of a file that is run


def judge_int8(content: bytes, network: StoredNetwork, record: Record) -> Iterator[Finding]:
    """All that is wrong with `model.tflite`, which is of the network in `deployed/`."""
    name = INT8_TFLITE
    try:
        found = read_content(content)
    except ValueError as error:
        yield Finding(name, "a TensorFlow Lite file", str(error))
        return
    yield from _judge_network(name, found, network, record)
    for op in sorted(set(found.ops) - allowed_by_target()):
        yield Finding(name, f"an op of {MOBILE_NPU.name}", op)
    if dict(found.num_ops) != dict(record.ops):
        said = f"{_counted(found.num_ops)}; recorded are {_counted(record.ops)}"
        yield Finding(name, "its ops", said)
    floats = [tensor for tensor in found.tensors if tensor.dtype not in _INTEGERS]
    for tensor in floats[:_MOST]:
        yield Finding(name, "integers only", f"{tensor.dtype} in {tensor.name[:80]}")
    if dict(found.num_types) != dict(record.types):
        said = f"{_counted(found.num_types)}; recorded are {_counted(record.types)}"
        yield Finding(name, "types of its tensors", said)
    for end, tensor in (("input", found.inputs[0]), ("output", found.outputs[0])):
        yield from _judge_end(name, end, tensor)
    for grid in foreign_grids(found, network)[:_MOST]:
        yield Finding(name, f"scales and zero points of {DEPLOYED}/{GRID}", grid)


def judge_float(content: bytes, network: StoredNetwork, record: Record) -> Iterator[Finding]:
    """All that is wrong with `model_float.tflite`, which is of the network as trained."""
    name = FLOAT_TFLITE
    try:
        found = read_content(content)
    except ValueError as error:
        yield Finding(name, "a TensorFlow Lite file", str(error))
        return
    yield from _judge_network(name, found, network, record)
    for end, tensor in (("input", found.inputs[0]), ("output", found.outputs[0])):
        if tensor.dtype != "float32":
            yield Finding(name, f"its {end} is float32", tensor.dtype)


def _judge_network(
    name: str, found: Content, network: StoredNetwork, record: Record
) -> Iterator[Finding]:
    graph = network.graph
    for op in dict.fromkeys(found.custom):
        yield Finding(name, "no custom op", op)
    for op in sorted(set(found.ops) - allowed_by_graph(graph) - set(found.custom)):
        yield Finding(name, f"an op that {graph.digest} becomes", op)
    for kernel in foreign_kernels(found, network)[:_MOST]:
        yield Finding(name, f"the weights of {graph.digest}", f"{kernel} is without its like")
    if found.size != record.input_size:
        yield Finding(
            name, "its input", f"{_size(found.size)}, recorded is {_size(record.input_size)}"
        )
    if found.inputs[0].shape[3] != graph.channels:
        yield Finding(name, "channels", f"{found.inputs[0].shape[3]} for {graph.channels}")
    if sum(tensor.elements for tensor in found.tensors) > _LARGEST_TENSORS:
        yield Finding(name, "its tensors", f"more than {_LARGEST_TENSORS} numbers")


def _judge_end(name: str, end: str, tensor: TensorFacts) -> Iterator[Finding]:
    """An end holds the codes of an image: 0 is black, 255 is white."""
    if tensor.dtype != "uint8":
        yield Finding(name, f"its {end} is uint8", tensor.dtype)
    if len(tensor.scales) != 1 or not math.isclose(
        tensor.scales[0], _SCALE, rel_tol=_SCALE_TOLERANCE
    ):
        said = ", ".join(f"{scale:.9g}" for scale in tensor.scales[:4]) or "none"
        yield Finding(name, f"scale of its {end}", f"{said}, not 1/255 = {_SCALE:.9g}")
    if tensor.zero_points != (0,):
        said = ", ".join(map(str, tensor.zero_points[:4])) or "none"
        yield Finding(name, f"zero point of its {end}", f"{said}, not 0")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())[:20])


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]}x{size[1]}" if size else "of any size"
