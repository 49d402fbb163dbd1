"""Which networks of the front a measurement could put in another order.

A search favours networks whose time is predicted too low, so a lead is worth what its interval
leaves of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nas.latency.devices import Device
from nas.latency.model import PER_CENT
from nas.search.front import front

__all__ = ["PER_CENT", "Worth", "measured_times", "way_to_measure", "worth_measuring"]


_UNLIKE = 1.5  # a novelty that is told: from here on the width is the network's, not the model's


@dataclass(frozen=True, slots=True)
class Worth:
    """A network that a measurement could make, or cease to make, the best.

    Args:
        trial: Its number.
        digest: Of its network.
        zoo: Name in the literature, or "".
        latency_ms: Predicted.
        latency_low_ms: Lower end of the interval.
        latency_high_ms: Upper end of the interval.
        score: At the predicted time.
        score_low: At the upper end.
        score_high: At the lower end.
        change: Of the score at the top, at most, if it is measured.
        why: In one sentence.
    """

    trial: int
    digest: str
    zoo: str
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    score: float
    score_low: float
    score_high: float
    change: float
    why: str


@dataclass(frozen=True, slots=True)
class _Member:
    """One of the front; its interval is a point where it was measured."""

    row: Mapping[Any, Any]
    low_ms: float
    ms: float
    high_ms: float

    def score_at(self, ms: float) -> float:
        return float(self.row["score"] * self.row["latency_ms"] / ms)

    @property
    def score(self) -> float:
        return self.score_at(self.ms)

    @property
    def least(self) -> float:
        return self.score_at(self.high_ms)

    @property
    def most(self) -> float:
        return self.score_at(self.low_ms)

    @property
    def is_measured(self) -> bool:
        return self.low_ms == self.high_ms


def worth_measuring(
    table: pd.DataFrame, measured_ms: Mapping[int, float] | None = None
) -> list[Worth]:
    """Members of the front whose time decides who is best, the most decisive first.

    They are the best by score and those that may be it: who scores at the lower end of its
    interval what some network is sure of, at its upper end. Nobody is where no other may be it.

    Args:
        table: All trials, see `nas.search.front`.
        measured_ms: By trial; those are compared by this time and need no other.
    """
    measured_ms = measured_ms or {}
    members = [_member(row, measured_ms) for row in front(table).to_dict("records")]
    if not members:
        return []
    best = max(members, key=lambda member: member.score)
    sure = max(member.least for member in members)
    rivals = [m for m in members if m is not best and m.most >= sure]
    if not rivals:
        return []
    # The best takes part in every comparison: it could lose as much as any other could win.
    changes = [(max(m.most for m in rivals) - best.least, _why_best(best, rivals), best)]
    changes += [(m.most - sure, _why_rival(m, best), m) for m in rivals]
    return [
        _worth(member, change, why)
        for change, why, member in sorted(changes, key=lambda found: -found[0])
        if not member.is_measured
    ]


def way_to_measure(device: Device, run: Path, trial: int) -> str:
    """What a person does to have a trial measured."""
    if device.backend:
        return f"nas latency measure --device {device.name} --network {run}#{trial}"
    return f"nas export {run} --trial {trial} --out DIR, and run DIR/model.tflite on {device.name}"


def measured_times(finalists: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Milliseconds by trial, of those that were measured."""
    return {int(f["trial"]): f["measured_ms"] for f in finalists if "measured_ms" in f}


def _member(row: Mapping[Any, Any], measured_ms: Mapping[int, float]) -> _Member:
    if (ms := measured_ms.get(int(row["number"]))) is not None:
        return _Member(row, ms, ms, ms)
    return _Member(row, row["latency_low_ms"], row["latency_ms"], row["latency_high_ms"])


def _worth(member: _Member, change: float, why: str) -> Worth:
    row = member.row
    novelty = row.get("latency_novelty", 1.0)
    if novelty >= _UNLIKE:
        why += f"; its interval is {novelty:.1f} times as wide as amid measured networks"
    return Worth(
        trial=int(row["number"]),
        digest=row["digest"],
        zoo=row["zoo"],
        latency_ms=member.ms,
        latency_low_ms=member.low_ms,
        latency_high_ms=member.high_ms,
        score=member.score,
        score_low=member.least,
        score_high=member.most,
        change=change,
        why=why,
    )


def _why_best(best: _Member, rivals: list[_Member]) -> str:
    others = "1 other" if len(rivals) == 1 else f"{len(rivals)} others"
    return (
        f"it leads with a score of {best.score:.4g}, of which {best.least:.4g} are left at "
        f"{best.high_ms:.1f} ms, and {others} may score more"
    )


def _why_rival(rival: _Member, best: _Member) -> str:
    left = "as measured" if best.is_measured else f"at {best.high_ms:.1f} ms"
    return (
        f"at {rival.low_ms:.1f} ms it would score {rival.most:.4g}, and trial "
        f"{int(best.row['number'])}, which leads, {best.least:.4g} {left}"
    )
