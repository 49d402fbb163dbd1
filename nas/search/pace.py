"""How fast a search is now: over its last networks, for the first ones wait until workers start."""

import time
from collections import deque
from collections.abc import Callable

__all__ = ["Pace"]

_LAST = 50  # networks


class Pace:
    """Counts of trained networks over time.

    Args:
        clock: Seconds that only rise.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int, int]] = deque(maxlen=_LAST)

    def note(self, num_all: int, num_here: int) -> None:
        """So many networks were trained, by all searches of the study and by this one."""
        if not self._seen or self._seen[-1][1:] != (num_all, num_here):
            self._seen.append((self._clock(), num_all, num_here))

    @property
    def per_hour(self) -> float:
        """Networks that this search trains; 0 before the first one."""
        return 3600 * self._rate(2)

    def seconds_for(self, count: int) -> float | None:
        """Until all searches together have trained `count` more; None while that is unknown."""
        rate = self._rate(1)
        return count / rate if rate > 0 else None

    def _rate(self, place: int) -> float:
        """Up to now, so that it falls while nothing is finished."""
        if len(self._seen) < 2:
            return 0.0
        first, last = self._seen[0], self._seen[-1]
        return (last[place] - first[place]) / max(1e-9, self._clock() - first[0])
