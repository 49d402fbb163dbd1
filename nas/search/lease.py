"""Which searches of a study are alive: each counts on, and a count that stands still is a death.

No clock is compared, of this machine or another: a search is dead for us when its count did not
change for a while of ours.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from optuna.study import Study

from nas.search.storage import STORAGE_ERRORS

__all__ = ["Lease"]

_BEAT_S = 10.0
_PATIENCE_S = 90.0
_PREFIX = "driver:"


class Lease:
    """Tells others that this search lives, and which others do.

    Args:
        study: That the searches share.
        driver: Name of this search.
        clock: Seconds that only rise.
    """

    def __init__(
        self, study: Study, driver: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._study, self._driver, self._clock = study, driver, clock
        self._seen: dict[str, tuple[int, float]] = {}  # by search: its count, and when it changed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Lease":
        self._count()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def dead(self, drivers: set[str]) -> set[str]:
        """Those of `drivers` that have not counted for a while; this search is never among them."""
        if not (others := drivers - {self._driver}):
            return set()
        counts = self._study.user_attrs
        now_s = self._clock()
        for driver in others:
            count = int(counts.get(_PREFIX + driver, 0))
            if self._seen.get(driver, (-1, 0.0))[0] != count:
                self._seen[driver] = (count, now_s)
        return {driver for driver in others if now_s - self._seen[driver][1] > _PATIENCE_S}

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            with suppress(*STORAGE_ERRORS):  # the loop says so
                self._count()
        self._study._storage.remove_session()  # sessions are a thread's own

    def _count(self) -> None:
        key = _PREFIX + self._driver
        self._study.set_user_attr(key, int(self._study.user_attrs.get(key, 0)) + 1)
