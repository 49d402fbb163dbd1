"""From a pick to a candidate: its network, what is known before training, or why not to train."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from nas.errors import NasError, SpaceError, UserError
from nas.graph import Graph, to_text, violations
from nas.readers.cost import read_cost
from nas.readers.traits import read_traits
from nas.space import Option, Pick, Space
from nas.zoo import zoo_names_by_digest

__all__ = ["REMEDIES", "Candidate", "Judge", "Predicted", "Predictor", "Refusal"]


class Predicted(Protocol):
    """Milliseconds with an interval; `nas.latency` makes one."""

    @property
    def latency_ms(self) -> float: ...
    @property
    def low_ms(self) -> float: ...
    @property
    def high_ms(self) -> float: ...
    @property
    def novelty(self) -> float: ...


class Predictor(Protocol):
    """A device, as far as the search is concerned."""

    def predict(self, graph: Graph, /) -> Predicted: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A legal network within the limit, and what is known of it before training."""

    pick: Pick
    digest: str
    network: str
    zoo: str  # name in the literature, or ""
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    latency_novelty: float  # how many times wider the interval is than amid measured networks
    parameters: int
    macs: int
    traits: tuple[float, ...] = ()  # of `nas.readers.traits`; of a finished trial none


REMEDIES = {  # by kind of refusal
    "unbuildable": "mend build() of the space",
    "illegal": "change the space, the device cannot run its networks",
    "uncovered": "choose another --device, or another space",
    "slow": "raise --max-latency-ms, or choose another space",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A network that is not worth training.

    Args:
        reason: In one line.
        kind: A key of `REMEDIES`, or "duplicate".
        constraints: Number of broken rules and milliseconds over the limit; feasible is <= 0.
        digest: Of the network, where it could be built.
        network: Text form, where it could be built.
    """

    reason: str
    kind: str
    constraints: tuple[float, float] = (0.0, 0.0)
    digest: str = ""
    network: str = ""


class Judge:
    """Looks at picks of one space for one device; remembers what it saw."""

    def __init__(
        self, space: Space, device: Predictor, *, scale: int, max_latency_ms: float | None = None
    ) -> None:
        self.space = space
        self._device = device
        self._scale = scale
        self._limit_ms = max_latency_ms
        self._zoo = zoo_names_by_digest()
        self._seen: dict[Pick, Candidate | Refusal] = {}

    def look(self, decisions: Mapping[str, Option]) -> Candidate | Refusal:
        """The candidate of a pick, or why it is refused before training."""
        pick = self.space.check(decisions)
        if pick not in self._seen:
            self._seen[pick] = self._look(pick)
        return self._seen[pick]

    def complaint(self) -> tuple[str, str]:
        """The commonest kind of reason why what was seen is refused, and what to do about it."""
        refused = [found for found in self._seen.values() if isinstance(found, Refusal)]
        if not refused:
            return "it has no picks", "choose another space"
        kind = Counter(refusal.kind for refusal in refused).most_common(1)[0][0]
        alike = [refusal for refusal in refused if refusal.kind == kind]
        if kind == "slow":
            excess_ms = min(refusal.constraints[1] for refusal in alike)
            return (
                f"the fastest network seen takes {excess_ms + (self._limit_ms or 0):.2f} ms, over "
                f"the limit of {self._limit_ms:g} ms",
                REMEDIES[kind],
            )
        reason = Counter(refusal.reason for refusal in alike).most_common(1)[0][0]
        return f"{len(alike)} of {len(self._seen)} picks, such as: {reason}", REMEDIES[kind]

    def _look(self, pick: Pick) -> Candidate | Refusal:
        try:
            graph = self.space.graph(pick, scale=self._scale)
        except SpaceError as error:
            return Refusal(error.message, "unbuildable", (1.0, 0.0))
        digest, network = graph.digest, to_text(graph, separator="; ")
        if broken := violations(graph):
            constraints = (float(len(broken)), 0.0)
            return Refusal("; ".join(broken), "illegal", constraints, digest, network)
        try:
            predicted = self._device.predict(graph)
        except NasError as error:
            said = error.message if isinstance(error, UserError) else str(error)
            return Refusal(f"no latency: {said}", "uncovered", (1.0, 0.0), digest, network)
        excess_ms = predicted.latency_ms - (self._limit_ms or float("inf"))
        if excess_ms > 0:
            reason = f"{predicted.latency_ms:.1f} ms is over the limit of {self._limit_ms:g} ms"
            return Refusal(reason, "slow", (0.0, excess_ms), digest, network)
        cost = read_cost(graph)
        return Candidate(
            pick=pick,
            digest=digest,
            network=network,
            zoo=self._zoo.get(digest, ""),
            latency_ms=float(predicted.latency_ms),
            latency_low_ms=float(predicted.low_ms),
            latency_high_ms=float(predicted.high_ms),
            latency_novelty=float(predicted.novelty),
            parameters=cost.parameters,
            macs=cost.macs,
            traits=read_traits(graph),
        )
