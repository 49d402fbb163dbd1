"""Learning rates as functions of the step, frozen tables of numbers."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

__all__ = [
    "Constant",
    "Cosine",
    "Cyclic",
    "MultiStep",
    "Schedule",
    "Step",
    "Triangular",
    "Warmup",
]


class Schedule(Protocol):
    """A learning rate for each step of a stage, counted from 0; steps between two are allowed."""

    def rate(self, step: float) -> float: ...


@dataclass(frozen=True, slots=True)
class Constant:
    """One rate."""

    value: float

    def rate(self, step: float) -> float:
        return self.value


@dataclass(frozen=True, slots=True)
class Triangular:
    """Straight from `start` up to `peak`, then straight down to `end`, where it stays."""

    start: float
    peak: float
    end: float
    peak_step: float
    end_step: float

    def rate(self, step: float) -> float:
        if step < self.peak_step:
            return self.start + (self.peak - self.start) * step / self.peak_step
        down = min(1.0, (step - self.peak_step) / (self.end_step - self.peak_step))
        return self.peak + (self.end - self.peak) * down


@dataclass(frozen=True, slots=True)
class Cosine:
    """Half a cosine from `peak` at step `first`, and before, to `end` at `steps`, and after."""

    peak: float
    steps: float
    end: float = 0.0
    first: float = 0.0

    def rate(self, step: float) -> float:
        down = min(1.0, max(0.0, (step - self.first) / (self.steps - self.first)))
        return self.end + (self.peak - self.end) * (1 + math.cos(math.pi * down)) / 2


@dataclass(frozen=True, slots=True)
class Warmup:
    """Another schedule whose first `steps` steps are scaled by 1/steps, 2/steps, ... 1."""

    steps: float
    then: Schedule

    def rate(self, step: float) -> float:
        return min(1.0, (step + 1) / self.steps) * self.then.rate(step)


@dataclass(frozen=True, slots=True)
class Step:
    """Multiplied by `factor` after each `every` steps."""

    start: float
    factor: float
    every: float

    def rate(self, step: float) -> float:
        return self.start * math.pow(self.factor, step // self.every)


@dataclass(frozen=True, slots=True)
class MultiStep:
    """Multiplied by `factor` at each of `milestones`, which ascend."""

    start: float
    factor: float
    milestones: tuple[float, ...]

    def rate(self, step: float) -> float:
        return self.start * math.pow(self.factor, bisect_right(self.milestones, step))


@dataclass(frozen=True, slots=True)
class Cyclic:
    """Half a cosine from `start` towards `end`, begun anew after each `every` steps."""

    start: float
    end: float
    every: float

    def rate(self, step: float) -> float:
        return Cosine(self.start, self.every, self.end).rate(step % self.every)
