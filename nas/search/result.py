"""Finalists: trained longer, converted, measured again; the best of them is the result.

What a run calls best was really converted and run: it is ranked by the PSNR that LiteRT gave, and
by its predicted time, or by the measured times where all finalists have one.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nas.errors import RunError
from nas.search.config import SearchConfig
from nas.search.crew import Crew
from nas.search.events import Watcher
from nas.search.folder import environment, whole_folder, write_json
from nas.search.front import front, fully_trained, spread
from nas.search.loop import NO_SPACE
from nas.search.score import LEAST_SHARE, challenge_score
from nas.search.tasks import Answer, Finalise

__all__ = ["choose_best", "choose_finalists", "finalise_all", "judged", "rank"]

_CAP = 6
# A reading is uncertain by about 10 % of score, and the best of many is one that had luck: on the
# benchmark table it has 93 % of the best true score after 180 networks; one of three has all of it.
_LEADING = 3
_PREDICTED = ("latency_ms", "latency_low_ms", "latency_high_ms", "latency_novelty")


def choose_finalists(table: pd.DataFrame) -> list[int]:
    """Trial numbers: at most 6 with a score that counts, and the best zoo network.

    They are the leading three by score, the best of the front by score if each takes as long as the
    slow end of its interval says, so that a lucky prediction does not crowd out a sure one, and
    others spread along the front.
    """
    best_ones = front(table)
    if best_ones.empty:
        return []
    leading = fully_trained(table).nlargest(_LEADING, "score")
    leading, best_ones = (
        those[those["score"] >= LEAST_SHARE * best_ones["score"].max()]
        for those in (leading, best_ones)
    )
    sure_score = best_ones["score"] * best_ones["latency_ms"] / best_ones["latency_high_ms"]
    sure = {*map(int, leading["number"]), int(best_ones.loc[sure_score.idxmax(), "number"])}
    numbers = [int(n) for n in best_ones["number"]]
    chosen = spread([n for n in numbers if n not in sure], _CAP - len(sure))
    full = table[(table["state"] == "COMPLETE") & (table["steps"] == best_ones["steps"].max())]
    zoo = full[full["zoo"] != ""].sort_values("score")
    if not zoo.empty:
        chosen.append(int(zoo.iloc[-1]["number"]))
    return sorted({*sure, *chosen})


def finalise_all(
    crew: Crew, rows: Sequence[dict[str, Any]], folder: Path, config: SearchConfig, watch: Watcher
) -> list[dict[str, Any]]:
    """Results of the finalists, best first; those that an earlier session finished are kept.

    Args:
        crew: With nothing to do.
        rows: Of the trials table, one per finalist.
        folder: Of the run; each finalist gets `finalists/<number>`.
        config: For the score.
        watch: Told of each that is done.

    Raises:
        RunError: None could be converted, or the disk is full.
    """
    home = folder / "finalists"
    home.mkdir(exist_ok=True)
    found = {int(row["number"]): _stored(home / str(row["number"])) for row in rows}
    by_number = {int(row["number"]): row for row in rows}
    to_do = [number for number, result in found.items() if result is None]
    watch.note(_plan(len(to_do)))
    num_running = 0
    while to_do or num_running:
        while to_do and crew.num_idle:
            number = to_do.pop(0)
            crew.submit(Finalise(number, by_number[number]["network"]))
            num_running += 1
        task, answer = crew.wait()
        num_running -= 1
        found[task.number] = _keep(home, by_number[task.number], answer, config)
        watch.note(_sentence(task.number, found[task.number], answer))
    results = rank([result for result in found.values() if result is not None])
    if not results:
        raise RunError(
            f"none of the {len(rows)} finalists of {folder} could be converted",
            "try `nas doctor`, then resume the run",
        )
    write_json(folder / "finalists.json", results)
    return results


def rank(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Best first, each with its score over that of the best zoo network.

    Those that keep all limits come first, then the closest ones. Among equals the order is that of
    `score_measured` where all have one, else of `score`; `score_ratio` is of predicted scores,
    `score_measured_ratio` of measured ones.
    """
    scores = ["score"]
    if all("score_measured" in result for result in results):
        scores.append("score_measured")
    ranked = sorted(
        results,
        key=lambda result: (
            len(result.get("over_limits", ())),
            result.get("lacking_db", 0.0),
            -result[scores[-1]],
            result["trial"],
        ),
    )
    for score in scores:
        zoo = max((result[score] for result in ranked if result["zoo"]), default=None)
        ranked = [{**r, f"{score}_ratio": r[score] / zoo if zoo else None} for r in ranked]
    return ranked


def judged(
    figures: Mapping[str, Any], known: Mapping[str, Any], config: SearchConfig
) -> dict[str, Any]:
    """What a converted network is worth by the limits and the score of its run.

    Args:
        figures: Measured of its files.
        known: `latency_ms` and `memory_mb`, as far as they are known.
        config: Of the run.

    Returns:
        `over_limits`, `lacking_db` and, where its time is known, `score` and `score_constant`.
    """
    psnr_db, latency_ms = figures["psnr_litert_int8_db"], known.get("latency_ms")
    over = config.limits.excesses(
        latency_ms=latency_ms or 0.0,
        psnr_db=psnr_db,
        size_kib=figures.get("size_bytes", 0) / 1024,
        memory_mb=known.get("memory_mb", 0.0),
    )
    found: dict[str, Any] = {
        "over_limits": [excess.told for excess in over],
        "lacking_db": config.limits.lacking_db(psnr_db),
    }
    if latency_ms is not None:
        found["score"] = challenge_score(psnr_db, latency_ms, config.score)
        found["score_constant"] = config.score
    return found


def choose_best(results: Sequence[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Copies the best finalist to `best/`, all at once; returns what its `result.json` says."""
    best = results[0]
    partial = folder / ".best.partial"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(folder / "finalists" / str(best["trial"]), partial)
    write_json(partial / "result.json", best)
    shutil.rmtree(folder / "best", ignore_errors=True)
    partial.rename(folder / "best")
    return best


def _keep(
    home: Path, row: dict[str, Any], answer: Answer, config: SearchConfig
) -> dict[str, Any] | None:
    number = int(row["number"])
    if answer.errno in NO_SPACE:
        raise OSError(answer.errno, answer.error)
    if answer.error:
        return None
    figures, files = answer.value
    result = {
        "trial": number,
        "digest": row["digest"],
        "zoo": row["zoo"],
        **figures,
        **{name: row[name] for name in _PREDICTED},
        "memory_mb": row["memory_mb"],
        **judged(figures, row, config),
        "search_psnr_int8_db": row["psnr_int8_db"],
        "search_score": row["score"],
        "parameters": int(row["parameters"]),
        "macs": int(row["macs"]),
        "network": row["network"],
        "config": config.to_json(),
        "environment": environment(),
    }
    shutil.rmtree(home / str(number), ignore_errors=True)
    with whole_folder(home / str(number)) as partial:
        for name, content in files.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_bytes(content)
        write_json(partial / "result.json", result)
    return result


def _stored(folder: Path) -> dict[str, Any] | None:
    path = folder / "result.json"
    if not path.is_file():
        return None
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def _plan(num_finalists: int) -> str:
    if not num_finalists:
        return "all finalists are there already"
    who = "1 finalist is" if num_finalists == 1 else f"{num_finalists} finalists are"
    return f"{who} trained longer, converted and run by LiteRT"


def _sentence(number: int, result: dict[str, Any] | None, answer: Answer) -> str:
    if result is None:
        return f"finalist {number} failed: {answer.error}"
    psnr_db = result["psnr_litert_int8_db"]
    over = "".join(f"; {told}" for told in result["over_limits"])
    return f"finalist {number}: {psnr_db:.3f} dB by LiteRT, score {result['score']:.4g}{over}"
