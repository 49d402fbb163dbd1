"""A finished run as another device would rank it: quality does not depend on the device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nas.errors import NasError, RunError
from nas.graph import parse_text, violations
from nas.latency.devices import Device
from nas.search.candidates import Predictor
from nas.search.config import read_config
from nas.search.front import front
from nas.search.limits import Limits
from nas.search.score import challenge_score
from nas.search.stopping import Curve, goes_on
from nas.search.study import measured_of
from nas.search.tasks import PsnrReading
from nas.search.trials_file import read_trials

__all__ = ["Retargeted", "retarget", "worth_training"]


@dataclass(frozen=True, slots=True, eq=False)
class Retargeted:
    """The networks of a run on another device.

    Args:
        table: Measured networks that the device can run, best score first: the columns of
            `trials.csv` with the times and scores of the device, and what they were as `was_ms` and
            `was_score`.
        num_refused: Measured networks that the device cannot run, or has no time for.
        worth_training: Numbers of the trials that were stopped early and would not be now.
    """

    table: pd.DataFrame
    num_refused: int
    worth_training: tuple[int, ...]

    @property
    def front(self) -> pd.DataFrame:
        """Fully trained networks that no other one beats on the device, fastest first."""
        return front(self.table)


def retarget(run: Path, device: Device) -> Retargeted:
    """Ranks the networks of a run for another device; nothing is trained.

    Args:
        run: Its folder.
        device: The other device. What the run demanded of quality still counts; its limits on what
            a device does were for the other one.

    Raises:
        RunError: No run there, nothing measured in it, or nothing that the device can run.
        DeviceError: The device has no model.
    """
    model = device.model
    config, _ = read_config(run)
    told = read_trials(run)
    measured = told[told["state"] == "COMPLETE"]
    limits = config.limits
    rows = [row for row in measured.to_dict("records") if _timed(row, model, config.score)]
    for row in rows:
        row["lacking_db"] = limits.lacking_db(row["psnr_int8_db"])
    if not rows:
        raise RunError(
            f"none of the {len(measured)} measured networks of {run} runs on {device.name}",
            "choose another --device",
        )
    table = pd.DataFrame(rows).sort_values(["score", "number"], ascending=[False, True])
    full = table[(table["zoo"] != "") & (table["steps"] == table["steps"].max())]
    table["score_ratio"] = table["score"] / full["score"].max()
    return Retargeted(table, len(measured) - len(rows), _worth_training(table, limits))


def _timed(row: dict, model: Predictor, constant: str) -> bool:  # type: ignore[type-arg]
    """Puts the times of the device into a row; False where it has none."""
    try:
        graph = parse_text(row["network"])
        if violations(graph):
            return False
        predicted = model.predict(graph)
    except NasError:
        return False
    psnr_db = float(row["psnr_int8_db"])
    times = (predicted.latency_ms, predicted.high_ms, predicted.low_ms)
    scores = (challenge_score(psnr_db, ms, constant) for ms in times)
    row |= {"was_ms": float(row["latency_ms"]), "was_score": float(row["score"])}
    row |= {"psnr_int8_db": psnr_db, "steps": float(row["steps"]), "number": int(row["number"])}
    row |= zip(("latency_ms", "latency_high_ms", "latency_low_ms"), map(float, times), strict=True)
    row |= zip(("score", "score_low", "score_high"), scores, strict=True)
    row["latency_novelty"] = float(predicted.novelty)
    return True


def worth_training(
    readings: Mapping[int, Sequence[PsnrReading]],
    latency_ms: Mapping[int, float],
    min_psnr_db: float | None,
) -> tuple[int, ...]:
    """Stopped networks that would have gone on, had these been their times.

    Args:
        readings: Of each network, one at least.
        latency_ms: Of each network on the device.
        min_psnr_db: That is demanded.
    """
    curves = {number: Curve(tuple(each), latency_ms[number]) for number, each in readings.items()}
    end = max((curve.steps for curve in curves.values()), default=0)
    found = [
        number
        for number, mine in curves.items()
        if mine.steps < end
        and goes_on(
            mine,
            (other for each, other in curves.items() if each != number),
            min_psnr_db=min_psnr_db,
        )
    ]
    return tuple(sorted(found))


def _worth_training(table: pd.DataFrame, limits: Limits) -> tuple[int, ...]:
    rows = table.set_index("number")
    last = zip(rows["steps"], rows["psnr_float_db"], rows["psnr_int8_db"], strict=True)
    readings = {  # older tables tell the last ones only
        number: measured_of({"readings": told or "[]"}).readings or (ended,)
        for (number, told), ended in zip(rows["readings"].items(), last, strict=True)
    }
    return worth_training(readings, rows["latency_ms"].to_dict(), limits.min_psnr_db)
