"""The loop: keep every worker busy until the budget of distinct networks is finished."""

import errno
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.errors import RunError
from nas.search.candidates import Candidate, Judge, Refusal
from nas.search.config import SearchConfig
from nas.search.crew import Crew
from nas.search.events import Watcher
from nas.search.folder import write_text
from nas.search.front import trials_table
from nas.search.lease import Lease
from nas.search.ledger import Finished, Ledger
from nas.search.monitor import Monitor
from nas.search.parameters import pick_of
from nas.search.proposer import Proposer
from nas.search.shared import Shared
from nas.search.stopping import Curve, goes_on
from nas.search.study import (
    REUSED,
    candidate_of,
    claim,
    fail,
    finish,
    give_way,
    measured_of,
    note_rung,
    refuse,
    told,
)
from nas.search.tasks import Advance, Answer, Measured, Reached
from nas.search.trial_folder import (
    drop_states,
    forget,
    is_kept,
    keep_network,
    keep_state,
    state_of,
    trials_with_states,
)
from nas.search.trials_file import NAME
from nas.space import Pick

__all__ = ["NO_SPACE", "Loop", "write_trials"]

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAME_ERRORS = 5  # in a row: then it is not the networks' fault
_TABLE_EVERY_S = 10.0
_TABLE_SHARE = 0.02  # of the time, for the table of a long study
_LOOK_S = 1.0  # between looks at what other searches do


@dataclass(frozen=True, slots=True)
class _Training:
    """A network on its way up the rungs.

    Args:
        claimed: Its trial in the study.
        candidate: The network.
        measured: What it reached.
        asked: The trial that samplers see of it; none of one that an earlier session began.
    """

    claimed: FrozenTrial
    candidate: Candidate
    measured: Measured = field(default_factory=Measured)
    asked: Trial | None = None

    @property
    def number(self) -> int:
        return self.claimed.number


class Loop:
    """Brings a study to its budget; `run` may be called on any state a kill left behind.

    Args:
        study: That other searches may work on, too.
        judge: Of the space and the device.
        config: What to search.
        folder: Of this search.
        watch: Told of the progress.
        driver: Name of this search, the same in all its sessions.
    """

    def __init__(
        self,
        study: Study,
        judge: Judge,
        config: SearchConfig,
        folder: Path,
        watch: Watcher,
        *,
        driver: str,
    ) -> None:
        self._study = study
        self._judge = judge
        self._config = config
        self._folder = folder
        self._driver = driver
        self._ledger = Ledger()
        self._monitor = Monitor(config, folder, watch, self._ledger)
        self._proposer = Proposer(judge, self._ledger, config)
        self._lease = Lease(study, driver)
        self._shared = Shared(study, driver, self._ledger, self._proposer.mirror, self._lease)
        self._num_changed = 0
        self._shared.sync(self._read)
        self._monitor.ready(self._num_changed)
        self._running: dict[int, _Training] = {}
        self._errors: list[tuple[str, str]] = []
        self._num_trained = 0
        self._looked_s = time.monotonic()
        self._table_due_s = time.monotonic() + _TABLE_EVERY_S

    @property
    def num_trained(self) -> int:
        """Networks that this session finished."""
        return self._num_trained

    @property
    def is_done(self) -> bool:
        return self._ledger.num_finished >= self._config.budget

    @property
    def _is_late(self) -> bool:
        limit_hours = self._config.max_hours
        return limit_hours is not None and self._monitor.passed_s > 3600 * limit_hours

    def run(self, crew: Crew) -> None:
        """Evaluates until the budget is met or the space has no more networks.

        Raises:
            RunError: Nothing can be evaluated, the same error came again and again, or the disk
                is full.
        """
        with self._lease:
            left_over = [training for training in self._left_over() if not self._ended(training)]
            numbers = {training.number for training in left_over}
            self._shared.keep(numbers)
            self._tidy(numbers)
            while not self.is_done:
                exhausted = False
                while crew.num_idle and not exhausted and self._num_missing() and not self._is_late:
                    training = left_over.pop(0) if left_over else self._claim()
                    if training is None:
                        exhausted = True
                    else:
                        self._begin(crew, training)
                if self._running:
                    measured = [training.measured for training in self._running.values()]
                    self._monitor.waiting(measured, crew.num_workers)
                    task, answer = crew.wait()
                    self._take(crew, self._running.pop(task.number), answer)
                elif self.is_done:  # another search finished the last one while this one claimed
                    break
                elif self._is_late:
                    self._monitor.late()
                    return
                elif self._shared.num_running_elsewhere:
                    time.sleep(_LOOK_S)
                elif not exhausted:  # all workers of a cluster are gone, until others come
                    self._monitor.waiting([], 0)
                    time.sleep(_LOOK_S)
                else:
                    self._monitor.exhausted(self._judge, self._errors[-1:])
                    return
                self._look()
            self._shared.end()
            self._monitor.waiting((), crew.num_workers)

    def _look(self) -> None:
        """At what other searches do; not after each network of a fast space."""
        if time.monotonic() - self._looked_s >= _LOOK_S:
            self._shared.sync(self._read)
            self._looked_s = time.monotonic()

    def _num_missing(self) -> int:
        at_work = len(self._running) + self._shared.num_running_elsewhere
        # Others may have claimed more than there is to do, for a moment.
        return max(0, self._config.budget - self._ledger.num_finished - at_work)

    def _claim(self) -> _Training | None:
        """The next network that this search, and no other, trains; None where there is none."""
        while proposal := self._proposer.propose(self._shared.num_trials):
            found = proposal.found
            if isinstance(found, Candidate):
                claimed = claim(self._study, proposal.frozen, found, self._driver)
                self._shared.keep({claimed.number})
                self._shared.num_trials = claimed.number + 1
                reason = self._shared.may_train(claimed, found, self._config.budget)
                if not reason:
                    self._ledger.start(claimed.number, found.digest)
                    self._monitor.begun(claimed.number, found)
                    return _Training(claimed, found, asked=proposal.asked)
                yielded = give_way(self._study, claimed._trial_id, reason)
                self._monitor.gave_way(yielded.number, reason)
            else:
                yielded = refuse(self._study, proposal.frozen, found)
                self._monitor.refused(yielded.number, found)
            self._shared.num_trials = yielded.number + 1
            self._shared.know(yielded.number)
            self._proposer.mirror.tell(proposal.asked, yielded)
            if isinstance(found, Candidate):
                self._shared.sync(self._read)
                if not self._num_missing():
                    return None
        return None

    def _left_over(self) -> Iterator[_Training]:
        """What this search was at when it was killed."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in running:
            if trial.user_attrs.get("driver", self._driver) != self._driver:  # none in old runs
                continue
            found = self._judge.look(self._pick(trial))
            reason = found.reason if isinstance(found, Refusal) else ""
            if isinstance(found, Candidate):
                reason = self._shared.may_train(trial, found, self._config.budget)
            if isinstance(found, Candidate) and not reason:
                self._ledger.start(trial.number, found.digest)
                self._monitor.resumed(trial.number, found)
                yield _Training(trial, found)
            else:
                self._shared.know(give_way(self._study, trial._trial_id, reason).number)
                self._monitor.gave_way(trial.number, reason)

    def _ended(self, training: _Training) -> bool:
        """Whether its network was kept, and all but the end of its trial told; tells that."""
        number, candidate = training.number, training.candidate
        measured = measured_of(training.claimed.user_attrs)
        if (
            not measured.readings
            or state_of(self._folder, number, measured.steps) is not None
            or not is_kept(self._folder, number, candidate.digest)
        ):
            return False
        with suppress(UpdateFinishedTrialError):  # another search was faster
            self._finish(replace(training, measured=measured))
        return True

    def _tidy(self, left_over: set[int]) -> None:
        """Drops the states that nothing goes on from."""
        for number in trials_with_states(self._folder):
            if number not in left_over:
                drop_states(self._folder, number)

    def _begin(self, crew: Crew, training: _Training) -> None:
        """At the first rung, or after the last one that an earlier session reached."""
        measured = measured_of(training.claimed.user_attrs)
        state = (
            state_of(self._folder, training.number, measured.steps) if measured.readings else None
        )
        if state is None:
            self._advance(crew, training, b"")
        else:
            self._ledger.reach(training.number, training.candidate, measured)
            self._advance(crew, replace(training, measured=measured), state)

    def _advance(self, crew: Crew, training: _Training, state: bytes) -> None:
        self._running[training.number] = training
        rung = len(training.measured.readings)
        crew.submit(
            Advance(
                training.number,
                training.candidate.network,
                rung,
                state,
                self._config.candidate_timeout_s,
            )
        )

    def _take(self, crew: Crew, training: _Training, answer: Answer) -> None:
        try:
            if isinstance(answer.value, Reached):
                self._take_reached(crew, training, answer.value)
            else:
                self._take_error(training, answer)
        except UpdateFinishedTrialError:
            self._monitor.lost(training.number)
            forget(self._folder, training.number)

    def _take_reached(self, crew: Crew, training: _Training, reached: Reached) -> None:
        """Files come before the study: what it names is there, whenever a kill comes."""
        self._errors.clear()
        number, candidate = training.number, training.candidate
        training = replace(training, measured=training.measured.then(reached))
        self._ledger.reach(number, candidate, training.measured)
        if not reached.is_last and self._goes_on(training):
            keep_state(self._folder, number, reached)
            note_rung(self._study, training.claimed._trial_id, training.measured)
            self._monitor.reached(number, reached)
            self._advance(crew, training, reached.state)
        else:
            keep_network(self._folder, number, candidate.network, reached)
            self._finish(training)

    def _finish(self, training: _Training) -> None:
        trial_id, candidate, measured = (
            training.claimed._trial_id, training.candidate, training.measured,
        )  # fmt: skip
        score = finish(self._study, trial_id, candidate, measured, self._config)
        lacking_db = self._config.limits.lacking_db(measured.psnr_int8_db)
        finished = Finished(training.number, candidate, measured, score, lacking_db=lacking_db)
        self._ledger.finish(finished)
        self._num_trained += 1
        self._end(training, measured)
        drop_states(self._folder, training.number)
        self._monitor.finished(finished)
        began_s = time.monotonic()
        if began_s > self._table_due_s:
            write_trials(self._study, self._folder)
            took_s = time.monotonic() - began_s
            self._table_due_s = time.monotonic() + max(_TABLE_EVERY_S, took_s / _TABLE_SHARE)

    def _end(self, training: _Training, measured: Measured | None) -> None:
        """Tells samplers how a trial ended."""
        ended = told(training.claimed, training.candidate, measured, self._config)
        self._shared.know(training.number)
        if training.asked is None:
            self._proposer.mirror.add(ended)
        else:
            self._proposer.mirror.tell(training.asked, ended)

    def _goes_on(self, training: _Training) -> bool:
        mine = Curve(training.measured.readings, training.candidate.latency_ms)
        others = self._ledger.others(training.number)
        return goes_on(mine, others, min_psnr_db=self._config.min_psnr_db)

    def _take_error(self, training: _Training, answer: Answer) -> None:
        if answer.errno in NO_SPACE:
            raise OSError(answer.errno, answer.error)
        number, candidate = training.number, training.candidate
        fail(self._study, training.claimed._trial_id, answer.error)
        forget(self._folder, number)
        self._end(training, None)
        self._monitor.failed(number, candidate, answer)
        # Of the unforeseen ones only equal ones are of a kind.
        kind = (answer.kind, answer.error if answer.kind == "error" else "")
        self._errors.append(kind)
        if self._errors[-_SAME_ERRORS:] == [kind] * _SAME_ERRORS:
            raise self._monitor.all_alike(_SAME_ERRORS, answer)

    def _read(self, trial: FrozenTrial) -> Finished:
        """A finished trial, with the time that it was ranked by."""
        pick = self._pick(trial)
        seen = self._judge.look(pick)
        candidate = candidate_of(trial, pick)
        if seen.digest != candidate.digest:
            raise RunError(
                f"trial {trial.number} is another network now than when it was evaluated",
                "the space was changed: start another --run",
            )
        self._num_changed += not isinstance(seen, Candidate) or not math.isclose(
            seen.latency_ms, candidate.latency_ms, rel_tol=1e-6
        )
        attributes = trial.user_attrs
        measured, is_reused = measured_of(attributes), REUSED in attributes
        lacking_db = self._config.limits.lacking_db(measured.psnr_int8_db)
        score = attributes["score"]
        return Finished(trial.number, candidate, measured, score, is_reused, lacking_db)

    def _pick(self, trial: FrozenTrial) -> Pick:
        return pick_of(self._judge.space, trial.params)


def write_trials(study: Study, folder: Path) -> None:
    """`trials.csv`, whole or not at all."""
    write_text(folder / NAME, trials_table(study).to_csv(index=False))
