"""Whole searches with several samplers and seeds: what each winner is worth once converted.

    python benchmarks/searches.py [--samplers auto tpe] [--seeds 3] [--budget 200]
        [--folder FOLDER]

Runs `nas search` with the bundled images once for each, one after the other, with no cache of
earlier trainings. What is finished in FOLDER is only read. Score and PSNR are those of the uint8
file by LiteRT, `ratio` is to the best published network of the same run, `its trial` says how early
the winner was proposed, `1000 steps` are all that the run trained but for finalists. `minutes` are
those of the last session.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from nas.search.config import SAMPLERS, read_config
from nas.search.trials_file import read_trials


def searched(run: Path, sampler: str, seed: int, budget: int) -> Path:
    """The folder of a finished search."""
    if (run / "config.json").is_file() and (was := read_config(run)[0].budget) != budget:
        sys.exit(f"{run} is of --budget {was}: give another --folder")
    if not (run / "best").is_dir():
        words = f"search --budget {budget} --sampler {sampler} --seed {seed} --quiet --run"
        nas = [sys.executable, "-c", "from nas.cli.main import main; main()"]
        command = [*nas, *words.split(), str(run)]  # whose path may have spaces
        again = ["--resume"] if (run / "config.json").is_file() else []
        environment = {**os.environ, "XDG_CACHE_HOME": str(run.with_name(f"{run.name}-cache"))}
        subprocess.run(command + again, env=environment, stdout=sys.stderr, check=True)
    return run


def row(run: Path, sampler: str, seed: int) -> dict[str, Any]:
    """What is printed of a search."""
    finalists = json.loads((run / "finalists.json").read_text())
    best, *_ = finalists
    zoo = max((each for each in finalists if each["zoo"]), key=lambda each: each["score"])
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return {
        "sampler": sampler,
        "seed": seed,
        "winner": best["zoo"] or best["digest"],
        "its trial": best["trial"],
        "INT8 dB": round(best["psnr_litert_int8_db"], 3),
        "ms": round(best["latency_ms"], 2),
        "score": round(best["score"], 1),
        "best published": zoo["zoo"],
        "its score": round(zoo["score"], 1),
        "ratio": round(best["score_ratio"], 3),
        "1000 steps": round(read_trials(run)["steps"].sum() / 1000),
        "minutes": round(log[-1]["seconds"] / 60, 1),
    }


def main() -> None:
    """Prints a row a search, and medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", nargs="+", default=["auto", "tpe"], choices=SAMPLERS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("runs") / "searches")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for sampler in given.samplers:
        for seed in range(given.seeds):
            run = searched(given.folder / f"{sampler}-{seed}", sampler, seed, given.budget)
            rows.append(row(run, sampler, seed))
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    print(table.groupby("sampler")[["INT8 dB", "ms", "score", "ratio", "minutes"]].median())


if __name__ == "__main__":
    main()
