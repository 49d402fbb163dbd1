"""Dispatch by exact op class, for every reader.

Not `functools.singledispatch`: there a subclass inherits a formula in silence, a second
registration replaces the first in silence, and an op without a formula falls into a default.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from nas.errors import NasError, UnknownOpError
from nas.graph import OPS, Op

__all__ = ["OpTable"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class OpTable(Generic[T]):
    """A function per op class.

    Example:
        >>> from nas.graph import Conv2d
        >>> label = OpTable[str]("label")
        >>> @label.on(Conv2d)
        ... def conv_label(op: Conv2d) -> str:
        ...     return f"conv {op.features}"
        >>> label(Conv2d(8))
        'conv 8'
    """

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self._functions: dict[type[Op], Callable[..., T]] = {}

    def on(self, *op_classes: type[Op]) -> Callable[[F], F]:
        """Registers the decorated function for each of `op_classes`."""

        def register(function: F) -> F:
            for op_class in op_classes:
                if op_class in self._functions:
                    raise NasError(f"{self.reader} already reads {op_class.__name__}")
                self._functions[op_class] = function
            return function

        return register

    def __call__(self, op: Op, *args: Any) -> T:
        """The function of `op`'s class, called with `op` and `args`."""
        try:
            function = self._functions[type(op)]
        except KeyError:
            raise UnknownOpError(f"{self.reader} cannot read {type(op).__name__}") from None
        return function(op, *args)

    def missing(self) -> frozenset[type[Op]]:
        """Ops of the vocabulary that this reader cannot read."""
        return OPS - frozenset(self._functions)
