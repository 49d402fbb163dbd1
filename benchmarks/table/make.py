"""Trains the networks of the table and appends what they reached; go on after a break as you like.

    python benchmarks/table/make.py [--seed 0] [--workers N] [--truth | --contenders] [--count N]
        [--data FOLDER --valid FOLDER --file CSV] [--weights FOLDER]

Each network trains by the recipe of the search on one thread, on the bundled images unless others
are given, the same for all seeds, and is read in float and INT8 at `STEPS`. `--truth` trains a
fixed random hundred of them 20 times longer; `--contenders` those that seeds 0 and 1 leave a chance
of being the best, or of the front, on one of the devices. Rows of a network are written at once
when it is finished, in a random order of networks that is always the same, so that a part of the
table is a fair sample of it. `--weights` keeps the float weights of every reading; those that are
there are only quantised and measured again, on whatever `--valid` says, and `train_s` is nan.
"""

import argparse
import csv
import math
import os
import random
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from space import space

from nas.quantize.stored import write_whole
from nas.search.config import SearchConfig, count_cores
from nas.search.effort import SEARCH, Effort
from nas.search.images import load_images
from nas.train.schedules import Cosine, Warmup

if TYPE_CHECKING:  # it imports torch: for workers only
    from nas.graph import Graph
    from nas.search.evaluation import Evaluator

READINGS = Path(__file__).parent / "readings.csv"  # whole, by the recipe as it was with Adam
READINGS_SOAP = READINGS.with_name("readings_soap.csv")  # by the recipe as it is, not whole yet
NETWORKS = READINGS.with_name("networks.csv")
SEEDS_OF_ALL = (0, 1)
STEPS = (50, 100, 200, 300, 500, 1000)
TRUTH_STEPS = 20 * STEPS[-1]
NUM_TRUTH = 100
COLUMNS = (
    "digest",
    "seed",
    "length",
    "steps",
    "psnr_float_db",
    "psnr_int8_db",
    "train_s",
    "read_s",
)
Row = tuple[str, int, int, int, float, float, float, float]
_IMAGES_SEED = 0  # a seed is of start and patches: on other images, all networks reach another PSNR

_evaluators: "dict[tuple[SearchConfig, int], Evaluator]" = {}  # of this process, by length


def networks() -> dict[str, str]:
    """Text form of every distinct network, by digest, in the order of training."""
    from nas.graph import to_text

    graphs = [space.graph(pick, scale=3) for pick in space.picks()]
    texts = {graph.digest: to_text(graph) for graph in graphs}
    order = sorted(texts)
    random.Random(0).shuffle(order)
    return {digest: texts[digest] for digest in order}


def contenders(file: Path) -> set[str]:
    """Digests with 0.8 of a device's best score, or within 0.05 dB of its front, by `SEEDS_OF_ALL`.

    A seed moves a network by 0.07 dB, so by 0.05 dB, 7 % of score, in the mean of two.
    """
    rows = pd.read_csv(file)
    ends = rows[(rows["steps"] == STEPS[-1]) & (rows["length"] == STEPS[-1])]
    mean_db = ends[ends["seed"].isin(SEEDS_OF_ALL)].groupby("digest")["psnr_int8_db"].mean()
    times = pd.read_csv(NETWORKS).set_index("digest").filter(like="_ms")
    found: set[str] = set()
    for _, latency_ms in times.items():
        score = 2 ** (2 * mean_db) / latency_ms
        ahead_db = mean_db[latency_ms.sort_values().index].cummax() - mean_db
        found |= set(mean_db.index[(score >= 0.8 * score.max()) | (ahead_db <= 0.05)])
    return found


def effort(length: int) -> Effort:
    """The search's training, read more often; stretched where it is longer."""
    if length == STEPS[-1]:
        return replace(SEARCH, rungs=STEPS)
    (stage,) = SEARCH.recipe.stages
    longer = replace(stage, steps=length, schedule=Warmup(30, Cosine(4e-3, length)))
    return Effort(replace(SEARCH.recipe, stages=(longer,)), (length,))


def train(network: str, config: SearchConfig, length: int, kept: Path | None) -> list[Row]:
    """The readings of one network, in a worker."""
    from nas.graph import parse_text
    from nas.search.evaluation import Evaluator

    seed = config.seed
    if (config, length) not in _evaluators:
        images = load_images(replace(config, seed=_IMAGES_SEED), lambda _: None)
        _evaluators[config, length] = Evaluator(images, scale=3, seed=seed, effort=effort(length))
    evaluator = _evaluators[config, length]
    graph, state, rows = parse_text(network), b"", []
    rungs = evaluator.effort.rungs
    files = [kept / f"{graph.digest}-{seed}-{length}-{steps}" for steps in rungs] if kept else []
    if files and all(file.is_file() for file in files):
        return [
            (graph.digest, seed, length, steps, *read_again(evaluator, graph, file))
            for steps, file in zip(rungs, files, strict=True)
        ]
    for rung, steps in enumerate(rungs):
        reached = evaluator.advance(graph, rung, state)
        state = reached.state
        if files:
            write_whole(files[rung], reached.weights)
        _, float_db, int8_db = reached.reading
        spent = (reached.train_s, reached.quantize_s + reached.evaluate_s)
        rows.append((graph.digest, seed, length, steps, float_db, int8_db, *spent))
    return rows


def read_again(
    evaluator: "Evaluator", graph: "Graph", file: Path
) -> tuple[float, float, float, float]:
    """PSNR in float and INT8 of kept weights, as a search reads them, and both times."""
    from safetensors.numpy import load

    from nas.quantize.refit import quantize

    weights, began_s = load(file.read_bytes()), time.perf_counter()
    deployed, grid = quantize(graph, weights, evaluator.solve_set.lr)
    int8_db = evaluator.psnr_of(evaluator.upscaled_int8(graph, deployed, grid))
    float_db = evaluator.psnr_float_db(graph, weights)
    return float_db, int8_db, math.nan, time.perf_counter() - began_s


def finished(file: Path) -> set[tuple[str, int, int]]:
    """Digest, seed and length of what is in the table."""
    if not file.is_file():
        return set()
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {
        (r["digest"], int(r["seed"]), int(r["length"])) for r in rows if r["steps"] == r["length"]
    }


def append(file: Path, rows: list[Row]) -> None:
    """All readings of a network in one write."""
    lines = [f"{d},{seed},{length},{steps},{a:.4f},{b:.4f},{t:.2f},{r:.2f}\n"
             for d, seed, length, steps, a, b, t, r in rows]  # fmt: skip
    header = "" if file.is_file() else ",".join(COLUMNS) + "\n"
    with file.open("a") as out:
        out.write(header + "".join(lines))


def to_do(given: argparse.Namespace, length: int) -> list[str]:
    """Texts of the networks that the command line names and that are not in the table."""
    texts, known = networks(), finished(given.file)
    order = list(texts)
    if given.truth:
        order = order[:NUM_TRUTH]
    if given.contenders:
        few = contenders(given.file)
        order = [digest for digest in order if digest in few]
    digests = order[: given.count]
    return [texts[digest] for digest in digests if (digest, given.seed, length) not in known]


def main() -> None:
    """Trains what is asked for and missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=count_cores())
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--truth", action="store_true", help="the long training of a hundred")
    which.add_argument("--contenders", action="store_true", help="those that may be the best")
    parser.add_argument("--count", type=int, help="only the first so many of the order")
    parser.add_argument("--data", default="bundled", help="images to train on")
    parser.add_argument("--valid", help="images to validate on")
    parser.add_argument("--file", type=Path, default=READINGS_SOAP)
    parser.add_argument("--weights", type=Path, help="folder of weights, of one --data")
    given = parser.parse_args()
    is_bundled = (given.data, given.valid) == ("bundled", None)
    if given.file == READINGS or (given.file == READINGS_SOAP and not is_bundled):
        parser.error("another recipe, or other images, belong into another table: give --file")
    if given.weights:
        given.weights.mkdir(parents=True, exist_ok=True)
    length = TRUTH_STEPS if given.truth else STEPS[-1]
    config = SearchConfig(seed=given.seed, data=given.data, valid=given.valid)
    todo = to_do(given, length)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(train, network, config, length, given.weights) for network in todo]
        for number, future in enumerate(as_completed(futures), 1):
            append(given.file, future.result())
            print(f"{number}/{len(todo)}", flush=True)


if __name__ == "__main__":
    main()
