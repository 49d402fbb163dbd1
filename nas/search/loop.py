"""The loop: keep every worker busy until the budget of distinct networks is finished."""

import errno
import math
import time
from pathlib import Path

import optuna
from optuna.study import Study
from optuna.trial import TrialState

from nas.errors import RunError
from nas.quantize.stored import write_whole
from nas.search.candidates import Candidate, Judge
from nas.search.config import SearchConfig
from nas.search.crops import details_file
from nas.search.events import Progress, Watcher
from nas.search.executor import Pool
from nas.search.folder import write_text
from nas.search.front import trials_table
from nas.search.ledger import Finished, Ledger
from nas.search.proposer import Proposal, Proposer
from nas.search.samplers import option_of
from nas.search.study import candidate_of, fail, finish, readings_of
from nas.search.tasks import Answer, Evaluate, Measured

__all__ = ["NO_SPACE", "Loop", "write_trials"]

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAME_ERRORS = 5  # in a row: then it is not the networks' fault
_TABLE_EVERY_S = 10.0


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
        self._running: dict[int, Proposal] = {}
        self._errors: list[str] = []
        self._done_before = self._ledger.num_finished
        self._started_s = self._table_s = time.monotonic()

    @property
    def is_done(self) -> bool:
        return self._ledger.num_finished >= self._config.budget

    def run(self, pool: Pool) -> None:
        """Evaluates until the budget is met or the space has no more networks.

        Raises:
            RunError: Nothing can be evaluated, the same error came again and again, or the disk
                is full.
        """
        self._proposer.enqueue_known()
        left_over = list(self._proposer.left_over())
        exhausted = False
        while not self.is_done:
            while pool.num_idle and not exhausted and self._num_missing():
                proposal = left_over.pop(0) if left_over else self._proposer.propose()
                if proposal is None:
                    exhausted = True
                else:
                    self._submit(pool, proposal)
            if not self._running:
                self._say_exhausted()
                return
            task, answer = pool.wait()
            self._take(self._running.pop(task.number), answer)

    def _num_missing(self) -> int:
        return self._config.budget - self._ledger.num_finished - len(self._running)

    def _submit(self, pool: Pool, proposal: Proposal) -> None:
        candidate = proposal.candidate
        self._running[proposal.trial.number] = proposal
        pool.submit(
            Evaluate(
                number=proposal.trial.number,
                network=candidate.network,
                latency_ms=candidate.latency_ms,
                rivals=self._ledger.rivals(),
            )
        )

    def _take(self, proposal: Proposal, answer: Answer) -> None:
        trial, candidate = proposal.trial, proposal.candidate
        if not isinstance(answer.value, Measured):
            self._take_error(trial, candidate, answer)
            return
        self._errors.clear()
        write_whole(details_file(self._folder, trial.number), answer.value.details_png)
        score = finish(self._study, trial, candidate, answer.value, self._config.score)
        finished = Finished(trial.number, candidate, answer.value, score)
        self._ledger.finish(finished)
        self._watch.progress(self._progress(finished))
        if time.monotonic() - self._table_s > _TABLE_EVERY_S:
            write_trials(self._study, self._folder)
            self._table_s = time.monotonic()

    def _take_error(self, trial: optuna.Trial, candidate: Candidate, answer: Answer) -> None:
        if answer.errno in NO_SPACE:
            raise OSError(answer.errno, answer.error)
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
            times = (attributes["train_s"], attributes["quantize_s"], attributes["evaluate_s"])
            measured = Measured(tuple(readings_of(attributes)), *times)
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
