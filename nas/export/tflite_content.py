"""What is inside a TensorFlow Lite file, read from its bytes alone: nothing of it is run.

The file may be anybody's, so every count is held against the size of the file before it is used.
"""

import math
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

__all__ = ["Content", "Kernel", "TensorFacts", "read_content"]

_IDENTIFIER = b"TFL3"
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_KERNEL = 1  # which input of a convolution it is
_KERNEL_TYPES = ("int8", "float32")
_FAILURES = (
    *(ArithmeticError, AttributeError, IndexError, KeyError, RecursionError),
    *(TypeError, UnicodeDecodeError, ValueError, struct.error),
)


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """A tensor as a file describes it.

    Args:
        name: In the file.
        dtype: Such as "int8".
        shape: As declared, batch first; -1 where a side is free.
        scales: One, or one for each channel; none of a float.
        zero_points: Likewise.
        is_constant: Whether its numbers are in the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    is_constant: bool

    @property
    def elements(self) -> int:
        """Numbers that it holds, free sides counted as 1."""
        return math.prod(max(side, 1) for side in self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Of a convolution, as stored: (features, height, width, channels).

    Args:
        values: int8 codes, or float32.
        scales: One, or one for each feature; none of floats.
    """

    values: npt.NDArray[Any]
    scales: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """The network in a file.

    Args:
        ops: Names in the order of execution; of a custom op its own.
        custom: Names of the ops that no runtime has of itself.
        tensors: All of them.
        inputs: Of the whole network.
        outputs: Of the whole network.
        kernels: Of each convolution.
    """

    ops: tuple[str, ...]
    custom: tuple[str, ...]
    tensors: tuple[TensorFacts, ...]
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    kernels: tuple[Kernel, ...]

    @property
    def num_ops(self) -> dict[str, int]:
        """How often each op occurs, by name."""
        return dict(sorted(Counter(self.ops).items()))

    @property
    def num_types(self) -> dict[str, int]:
        """How many tensors there are of each type."""
        return dict(sorted(Counter(tensor.dtype for tensor in self.tensors).items()))

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the image it reads; None where they are free."""
        height, width = self.inputs[0].shape[1:3]
        return None if min(height, width) < 1 else (height, width)


def read_content(content: bytes) -> Content:
    """What a file holds.

    Raises:
        ValueError: It is no TensorFlow Lite file, is damaged, or has not exactly one network with
            one image in and one out.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError("it is no TensorFlow Lite file")
    try:
        return _Reader(content).read()
    except _FAILURES as error:
        said = " ".join(str(error).split())[:100] or type(error).__name__
        raise ValueError(f"it is damaged: {said}") from error


class _Reader:
    """Reads one file."""

    def __init__(self, content: bytes) -> None:
        self._model = schema.Model.GetRootAs(content, 0)
        self._num_bytes = len(content)
        self._limit = len(content) // 4  # every entry of a vector takes 4 bytes at least

    def read(self) -> Content:
        model = self._model
        if model.ExternalBuffersLength() or model.ExternalBufferGroupsLength():
            raise ValueError("weights outside of the file")
        if (found := model.SubgraphsLength()) != 1:
            raise ValueError(f"{found} networks in one file")
        graph = model.Subgraphs(0)
        entries = tuple(self._all(graph.TensorsLength(), graph.Tensors))
        tensors = tuple(map(self._tensor, entries))
        codes = [_op_name(code) for code in self._all(model.OperatorCodesLength(), self._code)]
        ops, kernels = [], []
        for op in self._all(graph.OperatorsLength(), graph.Operators):
            name, is_custom = codes[op.OpcodeIndex()]
            ops.append((name, is_custom))
            if name in _CONVOLUTIONS:
                place = _place(op.Inputs(_KERNEL), tensors)
                kernels.append(self._kernel(tensors[place], entries[place]))
        return Content(
            ops=tuple(name for name, _ in ops),
            custom=tuple(name for name, is_custom in ops if is_custom),
            tensors=tensors,
            inputs=self._end(graph.InputsLength(), graph.Inputs, tensors),
            outputs=self._end(graph.OutputsLength(), graph.Outputs, tensors),
            kernels=tuple(kernels),
        )

    def _code(self, place: int) -> Any:
        return self._model.OperatorCodes(place)

    def _all(self, length: int, entry: Callable[[int], Any]) -> Iterator[Any]:
        if length > self._limit:
            raise ValueError(f"a list of {length} entries in {4 * self._limit} bytes")
        return map(entry, range(length))

    def _buffer(self, tensor: Any) -> npt.NDArray[np.uint8]:
        """The numbers of a tensor; none where it is computed."""
        buffer = self._model.Buffers(tensor.Buffer())
        if buffer.Offset() or buffer.Size():
            raise ValueError("weights behind the network")
        if not (length := buffer.DataLength()):
            return np.zeros(0, np.uint8)
        if length > self._num_bytes:
            raise ValueError(f"{length} bytes in one tensor")
        return np.asarray(buffer.DataAsNumpy(), np.uint8)

    def _kernel(self, facts: TensorFacts, tensor: Any) -> Kernel:
        if facts.dtype not in _KERNEL_TYPES:
            raise ValueError(f"a kernel of {facts.dtype}")
        values = self._buffer(tensor).view(facts.dtype).reshape(facts.shape)
        if values.ndim != 4:
            raise ValueError(f"a kernel of shape {facts.shape}")
        return Kernel(values, facts.scales)

    def _tensor(self, tensor: Any) -> TensorFacts:
        names = {value: name for name, value in vars(schema.TensorType).items()}
        grid = tensor.Quantization()
        has_grid = grid is not None and bool(grid.ScaleLength())
        free = bool(tensor.ShapeSignatureLength())
        shape = tensor.ShapeSignatureAsNumpy() if free else tensor.ShapeAsNumpy()
        return TensorFacts(
            name=(tensor.Name() or b"").decode("utf-8", "replace"),
            dtype=names[tensor.Type()].lower(),
            shape=() if isinstance(shape, int) else tuple(int(side) for side in shape),
            scales=tuple(map(float, grid.ScaleAsNumpy())) if has_grid else (),
            zero_points=(
                tuple(map(int, grid.ZeroPointAsNumpy()))
                if has_grid and grid.ZeroPointLength()
                else ()
            ),
            is_constant=bool(self._buffer(tensor).size),
        )

    def _end(
        self, length: int, entry: Callable[[int], int], tensors: tuple[TensorFacts, ...]
    ) -> tuple[TensorFacts, ...]:
        found = tuple(tensors[_place(i, tensors)] for i in self._all(length, entry))
        if len(found) != 1 or len(found[0].shape) != 4:
            raise ValueError("not one image in and one image out")
        return found


def _op_name(code: Any) -> tuple[str, bool]:
    """The name, and whether it is a custom op."""
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())  # old files have the first only
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    name = names[number]
    if name != "CUSTOM":
        return name, False
    return (code.CustomCode() or b"").decode("utf-8", "replace")[:100], True


def _place(place: int, tensors: tuple[TensorFacts, ...]) -> int:
    if not 0 <= place < len(tensors):  # Python would count -1 from the end
        raise ValueError(f"tensor {place} of {len(tensors)}")
    return place
