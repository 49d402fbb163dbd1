"""The Optuna study of a run: made or opened, and its trials told.

Two objectives, so that the dashboard shows the front; the score is an attribute.
"""

import json
import math
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.errors import RunError
from nas.search.candidates import Candidate, Refusal
from nas.search.score import challenge_score
from nas.search.storage import quiet_optuna
from nas.search.tasks import Measured
from nas.space import Pick

__all__ = [
    "METRICS",
    "announce",
    "candidate_of",
    "fail",
    "finish",
    "measured_of",
    "note_rung",
    "open_study",
    "refuse",
]

METRICS = ["psnr_int8_db", "latency_ms"]


def open_study(storage: RDBStorage, name: str, *, resume: bool) -> Study:
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
            f"the storage already has a study {name!r}", "give another --run, or add --resume"
        ) from None
    if study.metric_names != METRICS:
        with warnings.catch_warnings():
            # Names are an experimental feature, and what the dashboard shows at its axes.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(METRICS)
    return study


def announce(trial: optuna.Trial, candidate: Candidate) -> None:
    """Writes what is known before training, so that the dashboard shows what is running."""
    _set(
        trial,
        {
            "digest": candidate.digest,
            "network": candidate.network,
            "zoo": candidate.zoo,
            "latency_low_ms": candidate.latency_low_ms,
            "latency_high_ms": candidate.latency_high_ms,
            "latency_novelty": candidate.latency_novelty,
            "parameters": candidate.parameters,
            "macs": candidate.macs,
        },
    )


def finish(
    study: Study, trial: optuna.Trial, candidate: Candidate, measured: Measured, constant: str
) -> float:
    """Tells a measured network; returns its score."""
    psnr_db = measured.psnr_int8_db
    score = challenge_score(psnr_db, candidate.latency_ms, constant)
    _set(
        trial,
        {
            "score": score,
            "score_low": challenge_score(psnr_db, candidate.latency_high_ms, constant),
            "score_high": challenge_score(psnr_db, candidate.latency_low_ms, constant),
            "steps": measured.steps,
            "psnr_float_db": measured.psnr_float_db,
        },
    )
    note_rung(trial, measured)
    study.tell(trial, [psnr_db, candidate.latency_ms])
    return score


def note_rung(trial: optuna.Trial, measured: Measured) -> None:
    """Writes what a network reached so far."""
    _set(
        trial,
        {
            "readings": json.dumps(measured.readings),
            "train_s": measured.train_s,
            "quantize_s": measured.quantize_s,
            "evaluate_s": measured.evaluate_s,
        },
    )


def refuse(study: Study, trial: optuna.Trial, refusal: Refusal) -> None:
    """Tells a network that is not trained: PRUNED, since samplers learn nothing from FAIL."""
    _set(trial, {"digest": refusal.digest, "network": refusal.network, "reason": refusal.reason})
    if any(refusal.constraints):
        # Not `set_constraint`: dashboard 0.21 reads only this list, which Optuna 5 reads, too.
        trial.storage.set_trial_system_attr(
            trial._trial_id, "constraints", list(refusal.constraints)
        )
    study.tell(trial, state=TrialState.PRUNED)


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
    )


def fail(study: Study, trial: optuna.Trial, reason: str) -> None:
    """Tells a network whose evaluation broke."""
    _set(trial, {"reason": reason})
    study.tell(trial, state=TrialState.FAIL)


def measured_of(attributes: Mapping[str, Any]) -> Measured:
    """What a trial reached, from its attributes; nothing of one that reached no rung."""
    readings = tuple((r[0], r[1], r[2]) for r in json.loads(attributes.get("readings", "[]")))
    times = (attributes.get(f"{name}_s", 0.0) for name in ("train", "quantize", "evaluate"))
    return Measured(readings, *times)


def _set(trial: optuna.Trial, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
