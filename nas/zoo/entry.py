"""What is known of a published network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from nas.graph import Conv2d, Graph
from nas.zoo.figures import Figure

__all__ = ["Confidence", "Entry"]

Confidence = Literal["exact", "inferred", "stand-in"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A published network.

    Args:
        name: As in the literature.
        build: Makes the graph, with the forms that its convolutions have while they train.
        source: Paper and section.
        confidence: "exact" from text or reference code; "inferred" from text and arithmetic;
            "stand-in" where the text does not determine the graph.
        note: What a reader should know about the reading.
        team: Who entered it, or the authors.
        year: Of publication.
        recipe: Name of the way it is trained.
        published: Every figure that papers print of it.
        reading_of: The entry of which this is another reading, an ablation or a training graph.
    """

    name: str
    build: Callable[[], Graph]
    source: str
    confidence: Confidence
    note: str = ""
    team: str = ""
    year: int = 0
    recipe: str = ""
    published: tuple[Figure, ...] = ()
    reading_of: str = ""

    def variant(
        self,
        name: str,
        build: Callable[[], Graph],
        note: str,
        published: tuple[Figure, ...] | None = None,
        *,
        source: str = "",
    ) -> "Entry":
        """Another entry of the same origin; source and figures are of this one unless given."""
        return replace(
            self,
            name=name,
            build=build,
            source=source or self.source,
            note=note,
            published=self.published if published is None else published,
            reading_of=self.name,
        )

    def figure(self, name: str) -> Figure | None:
        """The published figure of that name, or None."""
        return next((figure for figure in self.published if figure.name == name), None)

    @property
    def forms(self) -> dict[str, int]:
        """How many convolutions have which train-time form; empty where all are plain."""
        found: dict[str, int] = {}
        for node in self.build().nodes:
            if isinstance(node.op, Conv2d) and node.op.form != "plain":
                found[node.op.form] = found.get(node.op.form, 0) + 1
        return found
