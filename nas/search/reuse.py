"""Takes over what an earlier run measured, on the same images, for another device or limit."""

from collections.abc import Mapping
from pathlib import Path

from optuna.study import Study
from optuna.trial import TrialState

from nas.errors import RunError
from nas.search.candidates import Candidate, Judge
from nas.search.config import SearchConfig, read_config
from nas.search.parameters import pick_of
from nas.search.retarget import worth_training
from nas.search.storage import opened_storage, storage_url
from nas.search.study import adopt, existing_study, measured_of

__all__ = ["check_reuse", "reuse"]


def check_reuse(run: Path, config: SearchConfig, facts: Mapping[str, str]) -> None:
    """Whether the networks of an earlier run were measured as those of this one will be.

    Args:
        run: Folder of the earlier one.
        config: Of this one.
        facts: Digests of the space and the images of this one.

    Raises:
        RunError: They were not, or the study is not in the folder; says what differs.
    """
    other, stored = read_config(run)
    if other.storage:
        raise RunError(
            f"the study of {run} is not in its folder but in {other.storage}",
            "only a study in its folder can be reused: leave --reuse out",
        )
    pairs = {
        "space": (other.space, config.space),
        "scale": (other.scale, config.scale),
        "hardware": (other.hardware, config.hardware),
        **{name: (stored.get(name), digest) for name, digest in facts.items()},
    }
    for name, (was, wanted) in pairs.items():
        if was != wanted:
            raise RunError(
                f"the {name} of {run} was {was}, now it is {wanted}",
                "only what was measured in the same way can be reused: leave --reuse out",
            )


def reuse(study: Study, run: Path, judge: Judge, config: SearchConfig) -> int:
    """Adds the networks that `run` measured to a study, with the times of its device.

    Those that were stopped early and would not be for this device are left to be proposed, and
    those that an interrupted call added are not added twice.

    Returns:
        How many the study has of the run.
    """
    _, facts = read_config(run)
    with opened_storage(storage_url(None, run)) as storage:
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
    added = {trial.user_attrs["digest"] for trial in study.get_trials(deepcopy=False)}
    for trial, found in kept:
        if found.digest not in added:
            adopt(study, trial, found, measured_of(trial.user_attrs), config, run.name)
    return len(kept)
