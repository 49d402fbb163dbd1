"""A study that several searches may work on: what the others did, and what is left to do."""

from collections.abc import Callable
from contextlib import suppress

from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search.candidates import Candidate
from nas.search.lease import Lease
from nas.search.ledger import Finished, Ledger
from nas.search.mirror import Mirror
from nas.search.study import REUSED, fail_orphan, give_way

__all__ = ["Shared"]

_TWICE = "the storage made the claim twice"
_MET = "the budget is met by other searches"
Read = Callable[[FrozenTrial], Finished]
"""A finished trial as the ledger keeps it."""


class Shared:
    """Keeps a ledger and a mirror up to date with the study.

    Args:
        study: Of all searches.
        driver: This search.
        ledger: Of what is finished and started.
        mirror: For samplers.
        lease: Says who is alive.
    """

    def __init__(
        self, study: Study, driver: str, ledger: Ledger, mirror: Mirror, lease: Lease
    ) -> None:
        self._study, self._driver = study, driver
        self._ledger, self._mirror, self._lease = ledger, mirror, lease
        self._known: set[int] = set()
        self._mine: set[int] | None = None  # claims of this search; None: not yet looked through
        self._others: dict[int, FrozenTrial] = {}  # running, of other searches
        self.num_trials = 0

    @property
    def num_running_elsewhere(self) -> int:
        return len(self._others)

    def keep(self, numbers: set[int]) -> None:
        """These claims of this search hold, beside those kept before; no others do."""
        self._mine = (self._mine or set()) | numbers

    def know(self, number: int) -> None:
        """This search saw itself how the trial ended."""
        self._known.add(number)

    def sync(self, read: Read) -> None:
        """Takes in what others finished; fails what dead ones were doing."""
        trials = self._study.get_trials(deepcopy=False)
        self.num_trials = len(trials)
        others: dict[int, FrozenTrial] = {}
        for trial in trials:
            if trial.number in self._known:
                continue
            if trial.state.is_finished():
                self._known.add(trial.number)
                self._mirror.add(trial)
                if trial.state == TrialState.COMPLETE:
                    self._ledger.finish(read(trial))
                else:
                    self._ledger.drop(trial.number, trial.user_attrs.get("digest", ""))
            elif trial.user_attrs.get("driver") not in (None, self._driver):
                others[trial.number] = trial
                self._ledger.start(trial.number, trial.user_attrs["digest"])
            elif self._is_nobodys(trial):
                # The storage died before it said that the claim was made, and it was made again.
                give_way(self._study, trial._trial_id, _TWICE)
        self._others = others
        self._bury({str(trial.user_attrs["driver"]) for trial in others.values()})

    def _is_nobodys(self, trial: FrozenTrial) -> bool:
        """Whether it is a claim of this search that it does not know."""
        is_claim = trial.state == TrialState.RUNNING and "driver" in trial.user_attrs
        return is_claim and self._mine is not None and trial.number not in self._mine

    def may_train(self, mine: FrozenTrial, candidate: Candidate, budget: int) -> str:
        """Whether a claim holds: "" or why not. Claims of lower numbers go before it."""
        before = [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.number < mine.number
            and trial.state in (TrialState.RUNNING, TrialState.COMPLETE)
        ]
        for trial in before:
            if trial.user_attrs.get("digest") == candidate.digest:
                return f"duplicate of {trial.number}"
        num_own = sum(REUSED not in trial.user_attrs for trial in before)
        return _MET if num_own >= budget else ""

    def end(self) -> None:
        """The budget is met: takes back what others claimed too many and were killed over."""
        for trial in self._others.values():
            give_way(self._study, trial._trial_id, _MET)

    def _bury(self, drivers: set[str]) -> None:
        dead = self._lease.dead(drivers)
        for number, trial in list(self._others.items()):
            if trial.user_attrs["driver"] in dead:
                with suppress(UpdateFinishedTrialError):  # somebody was faster
                    fail_orphan(self._study, trial._trial_id)
                del self._others[number]
                self._ledger.drop(number, trial.user_attrs["digest"])
