"""What is known of a published network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nas.graph import Graph

__all__ = ["Confidence", "Entry"]

Confidence = Literal["exact", "inferred", "stand-in"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A published network.

    Args:
        name: As in the literature.
        build: Makes the deployed graph.
        source: Paper and section.
        confidence: "exact" from text or reference code; "inferred" from text and arithmetic;
            "stand-in" where the text does not determine the graph.
        note: What a reader should know about the reading.
    """

    name: str
    build: Callable[[], Graph]
    source: str
    confidence: Confidence
    note: str = ""
