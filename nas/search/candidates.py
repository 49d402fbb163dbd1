"""From a pick to a candidate: its network, what is known before training, or why not to train."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from nas.errors import NasError, SpaceError, UserError
from nas.graph import Graph, to_text, violations
from nas.readers.cost import read_cost
from nas.readers.file_size import max_file_bytes
from nas.readers.traits import read_traits
from nas.search.limits import LIMITS, NONE, Excess, Limits
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
    size_kib: float  # its uint8 TensorFlow Lite file is no larger
    memory_mb: float  # of INT8 activations alive at once
    traits: tuple[float, ...] = ()  # of `nas.readers.traits`; of a finished trial none


REMEDIES = {  # by kind of refusal
    "unbuildable": "mend build() of the space",
    "illegal": "change the space, the device cannot run its networks",
    "uncovered": "choose another --device, or another space",
    **{
        limit.kind: f"raise {limit.option}, or choose another space"
        for limit in LIMITS.values()
        if limit.least
    },
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A network that is not worth training.

    Args:
        reason: In one line.
        kind: A key of `REMEDIES`, or "duplicate".
        constraints: Number of broken rules, and by how much each of `LIMITS` is not kept;
            feasible is <= 0.
        digest: Of the network, where it could be built.
        network: Text form, where it could be built.
    """

    reason: str
    kind: str
    constraints: tuple[float, ...] = (0.0, 0.0)
    digest: str = ""
    network: str = ""


class Judge:
    """Looks at picks of one space for one device; remembers what it saw.

    Args:
        space: Of the picks.
        device: Which predicts times.
        scale: Upscaling factor.
        limits: What is demanded of a network.
        input_size: Height and width of the image on the device, in pixels.
    """

    def __init__(
        self,
        space: Space,
        device: Predictor,
        *,
        scale: int,
        limits: Limits = NONE,
        input_size: tuple[int, int] = (360, 640),
    ) -> None:
        self.space = space
        self.limits = limits
        self._device = device
        self._scale = scale
        self._input_size = input_size
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
        for place, (name, limit) in enumerate(LIMITS.items(), start=1):
            if limit.kind == kind:
                bound = getattr(self.limits, name)
                least = bound + min(refusal.constraints[place] for refusal in alike)
                return (
                    f"{limit.least} {least:.2f} {limit.unit}, over the limit of {bound:g} "
                    f"{limit.unit}",
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
        cost = read_cost(graph, *self._input_size)
        size_kib, memory_mb = max_file_bytes(graph) / 1024, cost.peak_memory_bytes / 1e6
        found = self.limits.excesses(
            latency_ms=predicted.latency_ms, size_kib=size_kib, memory_mb=memory_mb
        )
        if found:
            return _over(found, digest, network)
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
            size_kib=size_kib,
            memory_mb=memory_mb,
            traits=read_traits(graph),
        )


def _over(found: list[Excess], digest: str, network: str) -> Refusal:
    amounts = {excess.requirement: excess.amount for excess in found}
    constraints = (0.0, *(amounts.get(limit, 0.0) for limit in LIMITS.values()))
    reason = "; ".join(excess.told for excess in found)
    return Refusal(reason, found[0].requirement.kind, constraints, digest, network)
