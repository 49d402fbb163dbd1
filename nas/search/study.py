"""The Optuna study of a run: made or opened, and its trials told.

Two objectives, so that the dashboard shows the front; the score is an attribute.

Several searches may share a study. A network is claimed by creating its trial with all that is
known of it in one transaction: whoever reads the study after that sees every claim of a lower
number, so the lowest number of a network has it, and nobody trains it twice.
"""

import json
import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from datetime import datetime
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.errors import RunError
from nas.search.candidates import Candidate, Refusal
from nas.search.config import SearchConfig
from nas.search.database import create_trial, set_attributes
from nas.search.score import challenge_score
from nas.search.storage import quiet_optuna
from nas.search.tasks import Measured
from nas.space import Pick

__all__ = [
    "CONSTRAINTS",
    "METRICS",
    "REUSED",
    "WHY",
    "adopt",
    "candidate_of",
    "claim",
    "existing_study",
    "fail",
    "fail_orphan",
    "finish",
    "give_way",
    "is_orphan",
    "measured_of",
    "note_rung",
    "open_study",
    "refuse",
    "told",
]

METRICS = ["psnr_int8_db", "latency_ms"]
CONSTRAINTS = "constraints"  # system attribute
WHY = "why"  # attribute: for what the sampler proposed the network
REUSED = "reused"  # attribute: the run that measured the network
_ORPHANED = "the search that trained it died"


def open_study(storage: BaseStorage, name: str, *, resume: bool) -> Study:
    """The study `name`; a new one unless `resume`.

    Raises:
        RunError: A new one was wanted and the storage has one of this name.
    """
    quiet_optuna()
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=["maximize", "minimize"],
            load_if_exists=resume,
        )
    except optuna.exceptions.DuplicatedStudyError:
        raise RunError(
            f"the storage already has a study {name!r}",
            "give another --run, add --resume, or --join it",
        ) from None
    if len(study.directions) != len(METRICS):
        raise RunError(f"study {name!r} is no search", "is it ours?")
    if study.metric_names != METRICS:
        with warnings.catch_warnings():
            # Names are an experimental feature, and what the dashboard shows at its axes.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(METRICS)
    return study


def existing_study(storage: BaseStorage, name: str) -> Study:
    """The study `name`; or the only one there, should the folder be renamed.

    Raises:
        RunError: The storage has none of the name, and not one alone.
    """
    names = optuna.get_all_study_names(storage)
    if name not in names and len(names) != 1:
        raise RunError(f"the storage has no study {name!r}", "has the search started?")
    quiet_optuna()
    return optuna.load_study(study_name=name if name in names else names[0], storage=storage)


def adopt(
    study: Study,
    source: FrozenTrial,
    candidate: Candidate,
    measured: Measured,
    config: SearchConfig,
    run: str,
) -> None:
    """Makes the trial of a network that another run measured, for no time now.

    Args:
        study: Of this run.
        source: The trial of the other run.
        candidate: The network on the device of this run.
        measured: What it reached.
        config: Of this run.
        run: Name of the other one.
    """
    free = Measured(measured.readings, num_cached=len(measured.readings))
    attributes = {
        **_announced(candidate), **_told(free), **_scores(candidate, free, config.score),
        REUSED: run,
    }  # fmt: skip
    values = [measured.psnr_int8_db, candidate.latency_ms]
    kept = _constraints(measured, config)
    _create(study, source, TrialState.COMPLETE, attributes, kept, values=values)


def claim(study: Study, proposed: FrozenTrial, candidate: Candidate, driver: str) -> FrozenTrial:
    """Makes the trial of a network, running, with what is known before training.

    Args:
        study: That several searches may share.
        proposed: Whose parameters stand for the network.
        candidate: The network.
        driver: The search that will train it.
    """
    why = {name: text for name, text in proposed.system_attrs.items() if name == WHY}
    attributes = {"driver": driver, **_announced(candidate), **why}
    return _create(study, proposed, TrialState.RUNNING, attributes)


def refuse(study: Study, proposed: FrozenTrial, refusal: Refusal) -> FrozenTrial:
    """Makes the trial of a network that is not trained.

    PRUNED, since samplers learn nothing from FAIL.
    """
    attributes = {"digest": refusal.digest, "network": refusal.network, "reason": refusal.reason}
    system = {CONSTRAINTS: list(refusal.constraints)} if any(refusal.constraints) else {}
    return _create(study, proposed, TrialState.PRUNED, attributes, system)


def note_rung(study: Study, trial_id: int, measured: Measured) -> None:
    """Writes what a network reached so far."""
    set_attributes(study._storage, trial_id, _told(measured))


def finish(
    study: Study, trial_id: int, candidate: Candidate, measured: Measured, config: SearchConfig
) -> float:
    """Tells a measured network; returns its score.

    Raises:
        UpdateFinishedTrialError: Another search took this one for dead, and failed the trial.
    """
    scores = _scores(candidate, measured, config.score)
    set_attributes(study._storage, trial_id, {**_told(measured), **scores})
    for name, values in _constraints(measured, config).items():
        study._storage.set_trial_system_attr(trial_id, name, values)
    values = [measured.psnr_int8_db, candidate.latency_ms]
    study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, values)
    return float(scores["score"])


def told(
    claimed: FrozenTrial, candidate: Candidate, measured: Measured | None, config: SearchConfig
) -> FrozenTrial:
    """A claimed trial as it ended, for samplers; the storage need not be asked.

    Args:
        claimed: The trial, running.
        candidate: The network.
        measured: What it reached; None: it failed.
        config: Of the run.
    """
    ended = copy(claimed)
    ended.state, ended.datetime_complete = TrialState.FAIL, datetime.now()
    if measured:
        ended.state = TrialState.COMPLETE
        ended.values = [measured.psnr_int8_db, candidate.latency_ms]
        ended.user_attrs = {**claimed.user_attrs, **_told(measured)}
        ended.system_attrs = {**claimed.system_attrs, **_constraints(measured, config)}
    return ended


def fail(study: Study, trial_id: int, reason: str) -> None:
    """Tells a network whose evaluation broke.

    Raises:
        UpdateFinishedTrialError: The trial was finished or failed already.
    """
    study._storage.set_trial_user_attr(trial_id, "reason", reason)
    study._storage.set_trial_state_values(trial_id, TrialState.FAIL)


def fail_orphan(study: Study, trial_id: int) -> None:
    """Fails what a dead search was training; the network may be proposed again.

    Raises:
        UpdateFinishedTrialError: As `fail` says.
    """
    fail(study, trial_id, _ORPHANED)


def is_orphan(trial: FrozenTrial) -> bool:
    """Whether nothing speaks against the network of a failed trial."""
    return trial.state == TrialState.FAIL and trial.user_attrs.get("reason") == _ORPHANED


def give_way(study: Study, trial_id: int, reason: str) -> FrozenTrial:
    """Takes a claim back: another search trains the network, or it is not worth training now."""
    with suppress(UpdateFinishedTrialError):  # another search did so already
        study._storage.set_trial_user_attr(trial_id, "reason", reason)
        study._storage.set_trial_state_values(trial_id, TrialState.PRUNED)
    return study._storage.get_trial(trial_id)


def candidate_of(trial: FrozenTrial, pick: Pick) -> Candidate:
    """What was announced and told of a finished trial."""
    attributes = trial.user_attrs
    return Candidate(
        pick=pick,
        digest=attributes["digest"],
        network=attributes["network"],
        zoo=attributes["zoo"],
        latency_ms=trial.values[1],
        latency_low_ms=attributes["latency_low_ms"],
        latency_high_ms=attributes["latency_high_ms"],
        latency_novelty=attributes.get("latency_novelty", math.nan),  # none in old runs
        parameters=attributes["parameters"],
        macs=attributes["macs"],
        size_kib=attributes.get("size_kib", math.nan),  # nor these
        memory_mb=attributes.get("memory_mb", math.nan),
    )


def measured_of(attributes: Mapping[str, Any]) -> Measured:
    """What a trial reached, from its attributes; nothing of one that reached no rung."""
    readings = tuple((r[0], r[1], r[2]) for r in json.loads(attributes.get("readings", "[]")))
    train_s, quantize_s, evaluate_s = (
        attributes.get(f"{name}_s", 0.0) for name in ("train", "quantize", "evaluate")
    )
    num_cached = attributes.get("cached_rungs", 0)  # none in old runs
    return Measured(readings, train_s, quantize_s, evaluate_s, num_cached)


def _create(
    study: Study,
    proposed: FrozenTrial,
    state: TrialState,
    attributes: Mapping[str, Any],
    system: Mapping[str, Any] | None = None,
    *,
    values: list[float] | None = None,
) -> FrozenTrial:
    now = datetime.now()
    template = FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        values=values,
        datetime_start=now,
        datetime_complete=now if state.is_finished() else None,
        params=proposed.params,
        distributions=proposed.distributions,
        user_attrs=dict(attributes),
        system_attrs=dict(system or {}),
        intermediate_values={},
    )
    create_trial(study._storage, study._study_id, template)
    return template


def _announced(candidate: Candidate) -> dict[str, Any]:
    """What is known before training."""
    return {
        "digest": candidate.digest,
        "network": candidate.network,
        "zoo": candidate.zoo,
        "latency_low_ms": candidate.latency_low_ms,
        "latency_high_ms": candidate.latency_high_ms,
        "latency_novelty": candidate.latency_novelty,
        "parameters": candidate.parameters,
        "macs": candidate.macs,
        "size_kib": candidate.size_kib,
        "memory_mb": candidate.memory_mb,
    }


def _constraints(measured: Measured, config: SearchConfig) -> dict[str, list[float]]:
    """System attribute of a trained network, where its quality is limited."""
    # Not `set_constraint`: dashboard 0.21 reads only this list, which Optuna 5 reads, too.
    found = config.limits.constraints_of(measured.psnr_int8_db)
    return {} if found is None else {CONSTRAINTS: found}


def _scores(candidate: Candidate, measured: Measured, constant: str) -> dict[str, Any]:
    """What is known at the end."""
    psnr_db = measured.psnr_int8_db
    return {
        "score": challenge_score(psnr_db, candidate.latency_ms, constant),
        "score_low": challenge_score(psnr_db, candidate.latency_high_ms, constant),
        "score_high": challenge_score(psnr_db, candidate.latency_low_ms, constant),
        "steps": measured.steps,
        "psnr_float_db": measured.psnr_float_db,
    }


def _told(measured: Measured) -> dict[str, Any]:
    return {
        "readings": json.dumps(measured.readings),
        "train_s": measured.train_s,
        "quantize_s": measured.quantize_s,
        "evaluate_s": measured.evaluate_s,
        "cached_rungs": measured.num_cached,
    }
