"""What the loop says: to the person who waits, to the log, and in the errors that end it."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nas.errors import RunError
from nas.search.candidates import Candidate, Judge, Refusal
from nas.search.config import SearchConfig
from nas.search.events import Evaluated, Progress, Reading, Status, Watcher
from nas.search.failures import ADVICE
from nas.search.ledger import Finished, Ledger
from nas.search.log import Log
from nas.search.pace import Pace
from nas.search.tasks import Answer, Measured, Reached

__all__ = ["Monitor"]


class Monitor:
    """Told by the loop of all that happens; decides nothing.

    Args:
        config: Of the search.
        folder: Of the search.
        watch: Who listens.
        ledger: Of the loop.
    """

    def __init__(self, config: SearchConfig, folder: Path, watch: Watcher, ledger: Ledger) -> None:
        self._config, self._folder, self._watch = config, folder, watch
        self._ledger = ledger
        self._log = Log(folder, config.storage)
        self._started_s = time.monotonic()
        self._pace = Pace()
        self._num_workers = 0
        self._best: Finished | None = None
        self._refused: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._num_trained = self._num_cached = 0

    @property
    def passed_s(self) -> float:
        """Since the loop was made."""
        return time.monotonic() - self._started_s

    def ready(self, num_changed: int) -> None:
        """The study was read; the latency model changed for so many trials of it."""
        self._best = self._ledger.best()
        if num_changed:
            self._watch.note(
                f"the latency model of {self._config.device} is another one now: {num_changed} "
                "trials keep the times they were ranked by"
            )

    def waiting(self, training: Sequence[Measured], num_workers: int) -> None:
        """These networks train, and nothing else is to be done meanwhile; none: it is over."""
        if num_workers != self._num_workers:
            self._num_workers = num_workers
            self._log.write("workers", num_workers=num_workers)
        num_finished, budget = self._ledger.num_finished, self._config.budget
        self._pace.note(num_finished - self._num_cached, self._num_trained)
        self._watch.status(
            Status(
                num_finished=num_finished,
                budget=budget,
                num_workers=num_workers,
                at_steps=Counter(m.steps if m.readings else 0 for m in training),
                best=_seen(self._best) if self._best else None,
                per_hour=self._pace.per_hour,
                eta_s=self._pace.seconds_for(budget - num_finished),
                num_cached=self._num_cached,
                refused=dict(self._refused),
                failed=dict(self._failed),
            )
        )

    def resumed(self, number: int, candidate: Candidate) -> None:
        """A network that an earlier session began goes on."""
        self._log.write("resumed", trial=number, digest=candidate.digest)

    def begun(self, number: int, candidate: Candidate) -> None:
        """A network was claimed."""
        self._log.write(
            "begun",
            trial=number,
            digest=candidate.digest,
            zoo=candidate.zoo,
            latency_ms=candidate.latency_ms,
        )

    def refused(self, number: int, refusal: Refusal) -> None:
        """A proposal is not worth training."""
        self._refused[refusal.kind] += 1
        self._log.write(
            "refused",
            trial=number,
            digest=refusal.digest,
            kind=refusal.kind,
            reason=refusal.reason,
        )

    def gave_way(self, number: int, reason: str) -> None:
        """A claim was taken back."""
        self._log.write("gave_way", trial=number, reason=reason)

    def reached(self, number: int, reached: Reached) -> None:
        """A network is at a rung, before it is known whether it trains on."""
        steps, psnr_float_db, psnr_int8_db = reached.reading
        self._log.write(
            "rung",
            trial=number,
            steps=steps,
            psnr_float_db=psnr_float_db,
            psnr_int8_db=psnr_int8_db,
            train_s=reached.train_s,
            cached=reached.is_cached,
        )
        self._watch.reading(Reading(number, *reached.reading))

    def finished(self, finished: Finished) -> None:
        """A network is done, and durable."""
        candidate, measured = finished.candidate, finished.measured
        if measured.num_cached == len(measured.readings):
            self._num_cached += 1
        else:
            self._num_trained += 1
        self._best = self._ledger.best()
        self._log.write(
            "finished",
            trial=finished.number,
            digest=candidate.digest,
            steps=measured.steps,
            psnr_float_db=measured.psnr_float_db,
            psnr_int8_db=measured.psnr_int8_db,
            latency_ms=candidate.latency_ms,
            score=finished.score,
            train_s=measured.train_s,
            cached_rungs=measured.num_cached,
        )
        self._watch.reading(Reading(finished.number, *measured.readings[-1]))
        self._watch.progress(
            Progress(
                num_finished=self._ledger.num_finished,
                budget=self._config.budget,
                last=_seen(finished),
            )
        )

    def failed(self, number: int, candidate: Candidate, answer: Answer) -> None:
        """A network could not be evaluated."""
        self._failed[answer.kind] += 1
        name = candidate.zoo or candidate.digest
        self._watch.note(f"trial {number} ({name}) failed: {answer.error}")
        self._log.write(
            "failed",
            trial=number,
            digest=candidate.digest,
            kind=answer.kind,
            reason=answer.error,
        )

    def lost(self, number: int) -> None:
        """Another search took this one for dead."""
        self._watch.note(f"trial {number} was given up by another search meanwhile")
        self._log.write("lost", trial=number)

    def all_alike(self, count: int, answer: Answer) -> RunError:
        """So many networks in a row failed like this one."""
        return RunError(
            f"{count} networks in a row failed: {answer.error}", self._mend_hint(answer.kind)
        )

    def exhausted(self, judge: Judge, last_errors: Sequence[tuple[str, str]]) -> None:
        """No network is left.

        Args:
            judge: Who refused them.
            last_errors: Kind and text of the last one, if any.

        Raises:
            RunError: There was none.
        """
        found = self._ledger.num_ranked
        if not found:
            reason, hint = judge.complaint()
            for kind, error in last_errors:
                reason, hint = f"all failed, as with {error or kind}", self._mend_hint(kind)
            raise RunError(
                f"space {self._config.space!r} has no network to evaluate: {reason}", hint
            )
        self._log.write("exhausted", num_finished=self._ledger.num_finished)
        self.waiting((), self._num_workers)
        self._watch.note(
            f"no network is left: space {self._config.space!r} has {found} distinct ones that may "
            f"be trained, the budget was {self._config.budget}"
        )

    def late(self) -> None:
        """The hours of the search are over.

        Raises:
            RunError: Nothing was finished, and nothing reused.
        """
        found = self._ledger.num_finished
        if not self._ledger.num_ranked:
            raise RunError(
                f"no network was finished in {self._config.max_hours:g} hours",
                "give a larger --max-hours",
            )
        self._log.write("late", num_finished=found)
        self.waiting((), self._num_workers)
        self._watch.note(
            f"{self._config.max_hours:g} hours are over: {found} of {self._config.budget} networks "
            "are finished, --resume goes on"
        )

    def _mend_hint(self, kind: str) -> str:
        """A new run with nothing finished is taken back, see `nas.search.run.start`."""
        if self._ledger.num_ranked:
            return f"{ADVICE[kind]}, then: nas search --run {self._folder} --resume"
        return f"{ADVICE[kind]}, then give the same command again"


def _seen(finished: Finished) -> Evaluated:
    return Evaluated(
        trial=finished.number,
        name=finished.name,
        psnr_int8_db=finished.measured.psnr_int8_db,
        latency_ms=finished.candidate.latency_ms,
        score=finished.score,
        steps=finished.measured.steps,
    )
