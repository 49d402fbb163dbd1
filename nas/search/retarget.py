"""A finished run as another device would rank it: quality does not depend on the device."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nas.errors import NasError, RunError
from nas.graph import parse_text, violations
from nas.latency.devices import Device
from nas.search.config import read_config
from nas.search.front import front
from nas.search.limits import Limits
from nas.search.score import challenge_score
from nas.search.stopping import Rival, goes_on

__all__ = ["Retargeted", "retarget"]


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


def retarget(run: Path, device: Device, *, limits: Limits | None = None) -> Retargeted:
    """Ranks the networks of a run for another device; nothing is trained.

    Args:
        run: Its folder.
        device: The other device.
        limits: On quality, by default that of the run. Limits on what a device does are those of
            the device that the run was for.

    Raises:
        RunError: No run there, nothing measured in it, or nothing that the device can run.
    """
    config, _ = read_config(run)
    file = run / "trials.csv"
    if not file.is_file():
        raise RunError(f"{run} has no {file.name}", f"nas search --run {run} --resume")
    told = pd.read_csv(file, keep_default_na=False)
    measured = told[told["state"] == "COMPLETE"]
    limits = limits or config.limits
    rows = [row for row in measured.to_dict("records") if _timed(row, device, config.score)]
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


def _timed(row: dict, device: Device, constant: str) -> bool:  # type: ignore[type-arg]
    """Puts the times of the device into a row; False where it has none."""
    try:
        graph = parse_text(row["network"])
        if violations(graph):
            return False
        predicted = device.model.predict(graph)
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


def _worth_training(table: pd.DataFrame, limits: Limits) -> tuple[int, ...]:
    """Stopped networks that would go on, against all that stopped or went on at their rung.

    Of those that went on only the end is known, which is no lower: so this names too few rather
    than too many.
    """
    found = []
    rungs = sorted(table["steps"].unique())
    for rung, steps in enumerate(rungs[:-1]):
        at = table[table["steps"] >= steps]
        rivals = {
            int(row["number"]): Rival(row["psnr_int8_db"], row["latency_ms"])
            for row in at.to_dict("records")
        }
        for number in at[at["steps"] == steps]["number"]:
            others = [rival for other, rival in rivals.items() if other != number]
            mine = rivals[int(number)]
            if goes_on(mine, others, rung=rung, min_psnr_db=limits.min_psnr_db):
                found.append(int(number))
    return tuple(sorted(found))
