"""The loop: keep every worker busy until the budget of distinct networks is finished."""

import errno
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

from optuna.study import Study
from optuna.trial import TrialState

from nas.errors import RunError
from nas.search.candidates import Candidate, Judge
from nas.search.config import SearchConfig
from nas.search.crew import Crew
from nas.search.events import Progress, Watcher
from nas.search.folder import write_text
from nas.search.front import trials_table
from nas.search.ledger import Finished, Ledger
from nas.search.proposer import Proposal, Proposer
from nas.search.samplers import option_of
from nas.search.stopping import Rival, goes_on
from nas.search.study import candidate_of, fail, finish, measured_of, note_rung
from nas.search.tasks import Advance, Answer, Measured, Reached
from nas.search.trial_folder import forget, keep_network, keep_state, state_of

__all__ = ["NO_SPACE", "Loop", "write_trials"]

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAME_ERRORS = 5  # in a row: then it is not the networks' fault
_TABLE_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class _Training:
    """A network on its way up the rungs."""

    proposal: Proposal
    measured: Measured

    @property
    def number(self) -> int:
        return self.proposal.trial.number

    @property
    def candidate(self) -> Candidate:
        return self.proposal.candidate


class Loop:
    """Brings a study to its budget; `run` may be called on any state a kill left behind."""

    def __init__(
        self, study: Study, judge: Judge, config: SearchConfig, folder: Path, watch: Watcher
    ) -> None:
        self._study = study
        self._judge = judge
        self._config = config
        self._folder = folder
        self._watch = watch
        self._ledger = self._restored()
        self._proposer = Proposer(study, judge, self._ledger, config)
        self._running: dict[int, _Training] = {}
        self._errors: list[str] = []
        self._done_before = self._ledger.num_finished
        self._started_s = self._table_s = time.monotonic()

    @property
    def is_done(self) -> bool:
        return self._ledger.num_finished >= self._config.budget

    def run(self, crew: Crew) -> None:
        """Evaluates until the budget is met or the space has no more networks.

        Raises:
            RunError: Nothing can be evaluated, the same error came again and again, or the disk
                is full.
        """
        self._proposer.enqueue_known()
        left_over = list(self._proposer.left_over())
        exhausted = False
        while not self.is_done:
            while crew.num_idle and not exhausted and self._num_missing():
                proposal = left_over.pop(0) if left_over else self._proposer.propose()
                if proposal is None:
                    exhausted = True
                else:
                    self._begin(crew, proposal)
            if not self._running:
                self._say_exhausted()
                return
            task, answer = crew.wait()
            self._take(crew, self._running.pop(task.number), answer)

    def _num_missing(self) -> int:
        return self._config.budget - self._ledger.num_finished - len(self._running)

    def _begin(self, crew: Crew, proposal: Proposal) -> None:
        """At the first rung, or after the last one that an earlier session reached."""
        trial = proposal.trial
        measured = measured_of(trial.user_attrs)
        state = state_of(self._folder, trial.number, measured.steps) if measured.readings else None
        if state is None:
            self._advance(crew, _Training(proposal, Measured()), b"")
        else:
            self._ledger.reach(trial.number, proposal.candidate, measured)
            self._advance(crew, _Training(proposal, measured), state)

    def _advance(self, crew: Crew, training: _Training, state: bytes) -> None:
        self._running[training.number] = training
        rung = len(training.measured.readings)
        crew.submit(Advance(training.number, training.candidate.network, rung, state))

    def _take(self, crew: Crew, training: _Training, answer: Answer) -> None:
        reached = answer.value
        if not isinstance(reached, Reached):
            self._take_error(training.proposal, answer)
            return
        self._errors.clear()
        trial, candidate = training.proposal.trial, training.candidate
        training = replace(training, measured=training.measured.then(reached))
        self._ledger.reach(trial.number, candidate, training.measured)
        if not reached.is_last and self._goes_on(training):
            keep_state(self._folder, trial.number, reached)
            note_rung(trial, training.measured)
            self._advance(crew, training, reached.state)
            return
        keep_network(self._folder, trial.number, candidate.network, reached)
        score = finish(self._study, trial, candidate, training.measured, self._config.score)
        finished = Finished(trial.number, candidate, training.measured, score)
        self._ledger.finish(finished)
        self._watch.progress(self._progress(finished))
        if time.monotonic() - self._table_s > _TABLE_EVERY_S:
            write_trials(self._study, self._folder)
            self._table_s = time.monotonic()

    def _goes_on(self, training: _Training) -> bool:
        rung = len(training.measured.readings) - 1
        mine = Rival(training.measured.psnr_int8_db, training.candidate.latency_ms)
        return goes_on(mine, self._ledger.rivals(training.number, rung), rung=rung)

    def _take_error(self, proposal: Proposal, answer: Answer) -> None:
        if answer.errno in NO_SPACE:
            raise OSError(answer.errno, answer.error)
        trial, candidate = proposal.trial, proposal.candidate
        forget(self._folder, trial.number)
        fail(self._study, trial, answer.error)
        name = candidate.zoo or candidate.digest
        self._watch.note(f"trial {trial.number} ({name}) failed: {answer.error}")
        self._errors.append(answer.error)
        if self._errors[-_SAME_ERRORS:] == [answer.error] * _SAME_ERRORS:
            raise RunError(
                f"{_SAME_ERRORS} networks in a row failed: {answer.error}", self._mend_hint()
            )

    def _mend_hint(self) -> str:
        """A new run with nothing finished is taken back, see `nas.search.run.start`."""
        if self._ledger.num_finished:
            return f"mend the cause, then: nas search --run {self._folder} --resume"
        return "mend the cause, then give the same command again"

    def _progress(self, finished: Finished) -> Progress:
        best = self._ledger.best() or finished
        num_finished, budget = self._ledger.num_finished, self._config.budget
        elapsed_s = time.monotonic() - self._started_s
        each_s = elapsed_s / max(1, num_finished - self._done_before)
        return Progress(
            num_finished=num_finished,
            budget=budget,
            name=finished.name,
            psnr_int8_db=finished.measured.psnr_int8_db,
            latency_ms=finished.candidate.latency_ms,
            score=finished.score,
            steps=finished.measured.steps,
            best_score=best.score,
            best_name=best.name,
            eta_s=each_s * (budget - num_finished),
        )

    def _say_exhausted(self) -> None:
        found = self._ledger.num_finished
        if not found:
            reason, hint = self._judge.complaint()
            if self._errors:
                reason, hint = f"all failed, as with {self._errors[-1]}", self._mend_hint()
            raise RunError(
                f"space {self._config.space!r} has no network to evaluate: {reason}", hint
            )
        self._watch.note(
            f"no network is left: space {self._config.space!r} has {found} distinct ones that may "
            f"be trained, the budget was {self._config.budget}"
        )

    def _restored(self) -> Ledger:
        """The ledger of what the study has finished, with the times that it was ranked by."""
        ledger = Ledger()
        num_changed = 0
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            decided = dict(trial.params)
            space = self._judge.space
            pick = space.pick(lambda choice, d=decided: option_of(choice, d))  # type: ignore[misc]
            seen = self._judge.look(pick)
            candidate = candidate_of(trial, pick)
            if seen.digest != candidate.digest:
                raise RunError(
                    f"trial {trial.number} is another network now than when it was evaluated",
                    "the space was changed: start another --run",
                )
            num_changed += not isinstance(seen, Candidate) or not math.isclose(
                seen.latency_ms, candidate.latency_ms, rel_tol=1e-6
            )
            attributes = trial.user_attrs
            measured = measured_of(attributes)
            ledger.finish(Finished(trial.number, candidate, measured, attributes["score"]))
        if num_changed:
            self._watch.note(
                f"the latency model of {self._config.device} is another one now: {num_changed} "
                "trials keep the times they were ranked by"
            )
        return ledger


def write_trials(study: Study, folder: Path) -> None:
    """`trials.csv`, whole or not at all."""
    write_text(folder / "trials.csv", trials_table(study).to_csv(index=False))
