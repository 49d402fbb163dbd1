"""Takes over what an earlier run measured, on the same images, for another device or limit."""

from pathlib import Path

from optuna.study import Study
from optuna.trial import TrialState

from nas.errors import RunError
from nas.search.candidates import Candidate, Judge
from nas.search.config import SearchConfig, read_config, storage_of
from nas.search.parameters import pick_of
from nas.search.retarget import worth_training
from nas.search.storage import opened_storage, storage_url
from nas.search.study import adopt, existing_study, measured_of

__all__ = ["check_reuse", "reuse"]


def check_reuse(run: Path, config: SearchConfig, data_digest: str) -> None:
    """Raises `RunError` where the networks of `run` were not measured as `config` asks for."""
    other, facts = read_config(run)
    storage_of(other.storage, None, run)
    pairs = {
        "space": (other.space, config.space),
        "scale": (other.scale, config.scale),
        "hardware": (other.hardware, config.hardware),
        "data_digest": (facts.get("data_digest"), data_digest),
    }
    for name, (was, wanted) in pairs.items():
        if was != wanted:
            raise RunError(
                f"the {name} of {run} was {was}, now it is {wanted}",
                "only what was measured in the same way can be reused: leave --reuse out",
            )


def reuse(study: Study, run: Path, judge: Judge, config: SearchConfig) -> int:
    """Adds the networks that `run` measured to a study, with the times of its device.

    Those that were stopped early and would not be for this device are left to be proposed.

    Returns:
        How many were added.
    """
    other, facts = read_config(run)
    with opened_storage(storage_url(other.storage, run)) as storage:
        trials = existing_study(storage, str(facts.get("study", run.name))).get_trials(
            deepcopy=False, states=(TrialState.COMPLETE,)
        )
    known = [
        (trial, found)
        for trial in trials
        if isinstance(found := judge.look(pick_of(judge.space, trial.params)), Candidate)
        and found.digest == trial.user_attrs["digest"]
    ]
    open_ended = worth_training(
        {trial.number: measured_of(trial.user_attrs).readings for trial, _ in known},
        {trial.number: found.latency_ms for trial, found in known},
        config.min_psnr_db,
    )
    kept = [(trial, found) for trial, found in known if trial.number not in open_ended]
    for trial, found in kept:
        adopt(study, trial, found, measured_of(trial.user_attrs), config, run.name)
    return len(kept)
