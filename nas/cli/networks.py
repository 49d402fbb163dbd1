"""Finds the network that a person means."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.graph import Graph

__all__ = ["is_file", "read_network"]


def is_file(name: str) -> bool:
    """Whether `name` means a file with the text form, there or not, and no published network."""
    return not name.startswith("zoo:") and (
        Path(name).is_file() or "/" in name or name.endswith(".txt")
    )


def read_network(name: str) -> "Graph":
    """The graph of `zoo:NAME`, NAME, or a file with the text form.

    Raises:
        UsageError: Neither a published network nor a file.
        TextError: The file does not parse; names it.
    """
    from nas.errors import TextError, UsageError
    from nas.graph import parse_text
    from nas.zoo import zoo_graph

    if not is_file(name):
        return zoo_graph(name.removeprefix("zoo:"))
    try:
        return parse_text(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(
            f"{name} cannot be read: {said}", "give a file in the text form, or a zoo name"
        ) from None
    except TextError as error:
        raise TextError(f"{name}: {error.message}", error.hint) from None
