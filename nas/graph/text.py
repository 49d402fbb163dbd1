"""The text form: one op a line, short enough for a diff, exact enough to build from.

    0 input(3)
    1 conv(28, activation=relu)
    2 slice(0, 21)
    3 slice(21, 7) < 1
    4 concat() < 3, 2

A node reads the one above it unless `<` names others. Attributes at their default are left out;
on one line, `;` separates nodes.
"""

import re
from dataclasses import fields
from typing import Any, get_args

from nas.errors import GraphError, TextError
from nas.graph.graph import Graph, GraphBuilder
from nas.graph.names import NAMES, op_text
from nas.graph.ops import Input, Op

__all__ = ["parse_text", "to_text"]

_CLASSES = {name: op_class for op_class, name in NAMES.items()}
_LINE = re.compile(r"(\d+)\s+(\w+)\(([^)]*)\)\s*(?:<\s*([\d,\s]+))?$")


def to_text(graph: Graph, *, separator: str = "\n") -> str:
    """The text form of a graph; with `separator="; "` on one line."""
    lines = []
    for position, node in enumerate(graph.nodes):
        reads = "" if node.inputs in ((), (position - 1,)) else f" < {_join(node.inputs)}"
        lines.append(f"{position} {op_text(node.op)}{reads}")
    return separator.join(lines)


def parse_text(text: str) -> Graph:
    """The graph that a text form describes.

    Raises:
        TextError: A line that is no op, or a graph that does not fit together; names the line.
    """
    lines = [line.strip() for line in re.split(r"[;\n]", text)]
    lines = [line for line in lines if line and not line.startswith("#")]
    builder: GraphBuilder | None = None
    for position, line in enumerate(lines):
        found = _LINE.match(line)
        if not found or int(found[1]) != position or found[2] not in _CLASSES:
            raise TextError(
                f"line {position + 1}: expected '{position} op(...)', got {line!r}",
                f"ops are {', '.join(sorted(_CLASSES))}",
            )
        try:
            op = _op(_CLASSES[found[2]], found[3])
            if builder is None:
                if not isinstance(op, Input):
                    raise GraphError("a network begins with input(channels)")
                builder = GraphBuilder(op.channels)
                continue
            reads = [_number(i, int) for i in found[4].split(",")] if found[4] else [position - 1]
            builder.append(op, *reads)
        except (GraphError, ValueError, TypeError) as error:
            raise TextError(
                f"line {position + 1}, {line!r}: {error}", _hint(_CLASSES[found[2]])
            ) from None
    if builder is None:
        raise TextError("a network needs at least one line", "begin with '0 input(3)'")
    try:
        return builder.graph()
    except GraphError as error:
        raise TextError(str(error), "nodes are counted from 0, the input") from None


def _hint(op_class: type[Op]) -> str:
    names = [field.name for field in fields(op_class)]
    reads = "" if op_class is Input else "; behind '<' it reads nodes above it"
    return f"the form is {NAMES[op_class]}({', '.join(names)}){reads}"


def _op(op_class: type[Op], args: str) -> Op:
    names = [field.name for field in fields(op_class)]
    kinds = {field.name: field.type for field in fields(op_class)}
    values: dict[str, Any] = {}
    for place, arg in enumerate(a.strip() for a in args.split(",") if a.strip()):
        name, _, value = arg.rpartition("=")
        name = name or (names[place] if place < len(names) else "")
        if name not in kinds or name in values:
            raise ValueError(f"{arg!r} is not an attribute of {NAMES[op_class]}")
        values[name] = _value(value, kinds[name])
    return op_class(**values)


def _value(text: str, kind: Any) -> Any:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"expected true or false, got {text!r}")
        return text == "true"
    if kind in (int, float):
        return _number(text, kind)
    words = get_args(kind)
    if text not in words:
        raise ValueError(f"expected one of {', '.join(words)}, got {text!r}")
    return text


def _number(text: str, kind: type[Any]) -> Any:
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise ValueError(f"expected {wanted}, got {text.strip()!r}") from None


def _join(positions: tuple[int, ...]) -> str:
    return ", ".join(map(str, positions))
