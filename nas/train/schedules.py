"""Learning rates as functions of the step, frozen tables of numbers."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Constant", "Schedule"]


class Schedule(Protocol):
    """A learning rate for each step of a stage, counted from 0; steps between two are allowed."""

    def rate(self, step: float) -> float: ...


@dataclass(frozen=True, slots=True)
class Constant:
    """One rate."""

    value: float

    def rate(self, step: float) -> float:
        return self.value
