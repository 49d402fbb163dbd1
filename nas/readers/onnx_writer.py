"""Nodes and constants of an ONNX file, one after the other; the only file that imports `onnx`.

The package is optional, so it is imported when a file is written.
"""

from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nas.errors import UserError

__all__ = ["OPSET", "End", "Layout", "OnnxWriter"]

OPSET = 17
"""Of the standard domain: every op of the vocabulary and quantisation by channel are in it, and
toolchains read it that do not read newer ones."""
_IR_VERSION = 8  # the one that came with opset 17
Layout = Literal["nchw", "nhwc"]
End = tuple[str, tuple[int | str, ...]]
"""Name and size of an input or output; a word is a size that is open."""


class OnnxWriter:
    """Collects a file's nodes and constants.

    Raises:
        UserError: The `onnx` package is not installed.
    """

    def __init__(self) -> None:
        try:
            import onnx
        except ImportError:
            raise UserError(
                "an ONNX file needs the package onnx", 'install it: pip install "nas[onnx]"'
            ) from None
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._names: Counter[str] = Counter()

    def node(self, kind: str, stem: str, *inputs: str, **attributes: Any) -> str:
        """Appends a node of one output, whose name begins with `stem`; returns that name."""
        name = self._name(stem)
        made = self._onnx.helper.make_node(kind, inputs, [name], name=name, **attributes)
        self._nodes.append(made)
        return name

    def constant(self, stem: str, array: npt.ArrayLike) -> str:
        """Adds a tensor of the type that `array` has; returns its name."""
        name = self._name(stem)
        self._constants.append(self._onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def model(
        self,
        name: str,
        kind: npt.DTypeLike,
        ends: tuple[End, End],
        facts: Mapping[str, str],
    ) -> Any:
        """The `onnx.ModelProto`, checked.

        Args:
            name: Of the network.
            kind: Of what goes in and comes out.
            ends: The input, and the output, which the last node gets as its name.
            facts: What the file says of itself.
        """
        helper = self._onnx.helper
        if not self._nodes:  # a network that returns its image
            self.node("Identity", "identity", ends[0][0])
        self._nodes[-1].output[0] = ends[1][0]
        code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        image, upscaled = (helper.make_tensor_value_info(end, code, dims) for end, dims in ends)
        graph = helper.make_graph(self._nodes, name, [image], [upscaled], self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="nas",
            producer_version=version("nas"),
        )
        helper.set_model_props(model, dict(facts))
        self._onnx.checker.check_model(model, full_check=True)
        return model

    def _name(self, stem: str) -> str:
        self._names[stem] += 1
        return stem if self._names[stem] == 1 else f"{stem}_{self._names[stem]}"
