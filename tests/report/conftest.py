"""A run folder as `nas search` writes it, from a real Optuna study with made-up measurements."""

import json
import random
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from nas.data.resample import downscale, upscale_bicubic
from nas.graph import Graph, parse_text, to_text
from nas.graph.names import op_text
from nas.readers.cost import count_macs, count_parameters, peak_memory_bytes
from nas.readers.file_size import max_file_bytes
from nas.search.crops import CROPS, FINALIST_STRIP, LR_STRIP, TRUTH_STRIP, strip_png
from nas.search.front import COLUMNS
from nas.space import load_space

Row = dict[str, Any]
STEPS = (100, 200, 400)
CONSTANT = 10 * 2.0**48  # of the 2022 challenge
LR_EDGE, NUM_CROPS, SCALE = 32, 6, 3


def score_of(psnr_db: float, latency_ms: float) -> float:
    return 2 ** (2 * psnr_db) / (CONSTANT * latency_ms)


def row_of(number: int, graph: Graph, zoo: str, rng: random.Random) -> Row:
    """Plausible: more parameters, better and slower; some refused, some stopped early.

    Published networks are worse, so that the search finds something.
    """
    parameters = count_parameters(graph)
    latency_ms = 4 + count_macs(graph, 360, 640) / 4e8 + rng.uniform(0, 5)
    steps = STEPS[-1] if zoo else rng.choice(STEPS)
    psnr_db = 28 + 0.4 * (parameters / 1e4) ** 0.5 + steps / 1000 + rng.gauss(0, 0.15)
    psnr_db -= 0.6 if zoo else 0
    refused = latency_ms > 60
    values = {
        "psnr_int8_db": psnr_db,
        "psnr_float_db": psnr_db + 0.1,
        "score": score_of(psnr_db, latency_ms),
        "train_s": 6.0 * steps / 400,
        "quantize_s": 1.0,
        "evaluate_s": 0.7,
    }
    return {
        "number": number,
        "state": "PRUNED" if refused else "COMPLETE",
        "digest": graph.digest,
        "zoo": zoo,
        "latency_ms": latency_ms,
        "latency_low_ms": latency_ms * 0.9,
        "latency_high_ms": latency_ms * 1.13,
        "latency_novelty": 1.7,
        "steps": 0 if refused else steps,
        "parameters": parameters,
        "macs": count_macs(graph, 360, 640),
        "lacking_db": 0.0,
        "size_kib": max_file_bytes(graph) / 1024,
        "memory_mb": peak_memory_bytes(graph, 360, 640) / 1e6,
        "reason": f"{latency_ms:.0f} ms is over the limit of 60 ms" if refused else "",
        "network": to_text(graph, separator="; "),
        **{name: None if refused else value for name, value in values.items()},
    }


def rows_of(num_trials: int) -> list[Row]:
    space, rng = load_space("hxnet"), random.Random(7)
    known = list(space.known.items())[:9]
    graphs = [(name, space.graph(pick)) for name, pick in known]
    graphs += [("", space.graph(space.sample(rng))) for _ in range(num_trials - len(graphs))]
    rows = [row_of(k, graph, name, rng) for k, (name, graph) in enumerate(graphs)]
    published = max(row["score"] for row in rows if row["zoo"] and row["score"])
    for row in rows:
        row["score_ratio"] = row["score"] / published if row["score"] else None
    return rows


def finalist_of(row: Row) -> Row:
    kept = ("digest", "zoo", "network", "latency_ms", "latency_low_ms", "latency_novelty",
            "parameters", "macs", "memory_mb")  # fmt: skip
    litert_db = row["psnr_int8_db"] + 0.6
    score = score_of(litert_db, row["latency_ms"])
    return {
        **{key: row[key] for key in kept},
        "trial": row["number"],
        "latency_high_ms": row["latency_high_ms"],
        "psnr_torch_float_db": litert_db + 0.12,
        "psnr_int8_simulation_db": litert_db + 0.01,
        "psnr_keras_float_db": litert_db + 0.12,
        "psnr_litert_int8_db": litert_db,
        "score": score,
        "steps": 2000,
        "size_bytes": int(1024 * row["size_kib"]) - 1500,
        "sensitivity": sensitivity_of(row["network"]),
    }


def sensitivity_of(network: str) -> list[Row]:
    """As `nas.quantize.sensitivity` has it; the last layer has no kernel."""
    nodes = parse_text(network).nodes[1:]
    return [
        {
            "position": position,
            "op": op_text(node.op),
            "weights_db": None if position == len(nodes) else 0.1 * position,
            "activations_db": 0.02,
            "without_db": 0.03 * (position % 3),
        }
        for position, node in enumerate(nodes, 1)
    ]


def write_pictures(folder: Path, trials: list[int]) -> None:
    """Crops of the run, and finalists that are the nearer to the truth the earlier they stand."""
    rng = np.random.default_rng(3)
    edge = LR_EDGE * SCALE
    coarse = rng.integers(0, 256, (NUM_CROPS, edge // 8, edge // 8, 3)).astype(np.uint8)
    truth = coarse.repeat(8, axis=1).repeat(8, axis=2)
    lr = np.stack([downscale(image, SCALE) for image in truth])
    (folder / CROPS).mkdir()
    (folder / CROPS / LR_STRIP).write_bytes(strip_png(lr))
    (folder / CROPS / TRUTH_STRIP).write_bytes(strip_png(truth))
    bicubic = np.stack([upscale_bicubic(image, SCALE) for image in lr]).astype(float)
    for place, trial in enumerate(trials):
        made = truth + (0.3 + 0.1 * place) * (bicubic - truth)
        (folder / "finalists" / str(trial)).mkdir(parents=True)
        file = folder / "finalists" / str(trial) / FINALIST_STRIP
        file.write_bytes(strip_png(made.astype(np.uint8)))


def measured(finalist: Row) -> Row:
    """The finalist as if it had taken 1.2 times the prediction, which is over its interval."""
    return finalist | {
        "measured_how": "measured by host-cpu",
        "measured_ms": 1.2 * finalist["latency_ms"],
        "measured_noise": 0.013,
        "measured_conditions": {
            "runtime": "Bench 1", "precision": "INT8", "height": 360, "width": 640,
            "layout": "NHWC", "threads": 2, "statistic": "median of 3 runs",
        },
        "measured_note": "the board was warm",
        "score_measured": finalist["score"] / 1.2,
        "score_measured_ratio": finalist["score_ratio"],
        "latency_refitted_ms": 1.1 * finalist["latency_ms"],
    }  # fmt: skip


def write_study(folder: Path, rows: list[Row]) -> None:
    study = optuna.create_study(
        study_name=folder.name,
        storage=f"sqlite:///{folder / 'study.db'}",
        directions=["maximize", "minimize"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(["psnr_int8_db", "latency_ms"])
    for row in rows:
        done = row["state"] == "COMPLETE"
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[row["state"]],
                values=[row["psnr_int8_db"], row["latency_ms"]] if done else None,
                user_attrs={key: row[key] for key in ("score", "network", "zoo", "reason")},
            )
        )


def write_run(
    folder: Path,
    *,
    num_trials: int = 24,
    finished: bool = True,
    timed: bool = False,
    pictures: bool = True,
) -> Path:
    """A run; without `pictures` one from before crops and sensitivities were kept."""
    folder.mkdir(parents=True)
    rows = rows_of(num_trials)
    write_study(folder, rows)
    config = {"space": "hxnet", "device": "synaptics-vs680", "budget": num_trials, "seed": 3}
    config |= {"data": "bundled", "storage": None, "scale": SCALE, "score": "mai2022"}
    config |= {"data_digest": "9a3cacf85511c233", "num_train_images": 64, "num_valid_images": 8}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "env.json").write_text(json.dumps({"python": "3.11", "packages": {"torch": "2.13"}}))
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / "trials.csv", index=False)
    if finished:
        done = [row for row in rows if row["steps"] == STEPS[-1]]
        done.sort(key=lambda row: -row["score"])
        known = next(row for row in done if row["zoo"])
        chosen = done[:5] if known in done[:5] else [*done[:5], known]
        finalists = [finalist_of(row) for row in chosen]
        best_known = max(f["score"] for f in finalists if f["zoo"])
        finalists = [f | {"score_ratio": f["score"] / best_known} for f in finalists]
        finalists = [measured(finalist) if timed else finalist for finalist in finalists]
        if pictures:
            write_pictures(folder, [finalist["trial"] for finalist in finalists])
        else:
            finalists = [{**finalist, "sensitivity": None} for finalist in finalists]
        (folder / "finalists.json").write_text(json.dumps(finalists))
        (folder / "best").mkdir()
        best = finalists[0] | {"seeds": {"search": 3}, "versions": {"nas": "0.1.0"}}
        (folder / "best" / "result.json").write_text(json.dumps(best))
    return folder


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`write_run` once for each set of options; for copies, as writing a study takes a while."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    home = tmp_path_factory.mktemp("templates")

    @cache
    def made(**options: Any) -> Path:
        name = "-".join(f"{key}={value}" for key, value in options.items()) or "default"
        return write_run(home / name / "run", **options)

    return made


@pytest.fixture
def make_run(tmp_path: Path, templates: Callable[..., Path]) -> Callable[..., Path]:
    """A run folder `run` below a temporary one, with the options of `write_run`."""
    return lambda **options: Path(shutil.copytree(templates(**options), tmp_path / "run"))
