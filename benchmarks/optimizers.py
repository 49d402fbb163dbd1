"""What SOAP gains over Adam in the short training of the search.

    python benchmarks/optimizers.py [--networks XCAT XLSR ...] [--seeds 2] [--steps 1000]

Trains published networks by the recipe of the search on the bundled images, with either optimiser
at the rate of the recipe, on one thread and in turn. INT8 and float PSNR in dB after a tenth, three
tenths and all of the steps, means over seeds; `noise` is the standard deviation of a seed in INT8
at the end, `ms a step` includes reading the network.
"""

import argparse
import time
from dataclasses import replace

import pandas as pd
import torch

from nas.search.config import SearchConfig
from nas.search.effort import SEARCH, Effort
from nas.search.evaluation import Evaluator
from nas.search.images import load_images
from nas.train.schedules import Cosine, Warmup
from nas.train.stages import Stage
from nas.zoo import zoo_entry

NETWORKS = ("XCAT", "XCAT-D", "XCAT-M", "ABPN", "XLSR", "HOPN")
(OURS,) = SEARCH.recipe.stages
STAGES = {"adam": replace(OURS, optimizer="adam", betas=Stage(1).betas), "soap": OURS}


def effort(stage: Stage, steps: int) -> Effort:
    """The search's training, shortened or stretched, by one optimiser."""
    stage = replace(stage, steps=steps, schedule=Warmup(30, Cosine(4e-3, steps)))
    recipe = replace(SEARCH.recipe, stages=(stage,))
    return Effort(recipe, (steps // 10, 3 * steps // 10, steps))


def main() -> None:
    """Prints a row a network and optimiser, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=1000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = load_images(SearchConfig(), lambda _: None)
    rows = []
    for name in given.networks:
        graph = zoo_entry(name).build()
        for seed in range(given.seeds):
            for optimizer, stage in STAGES.items():
                chosen = effort(stage, given.steps)
                evaluator = Evaluator(images, scale=3, seed=seed, effort=chosen)
                row, state = {"network": name, "seed": seed, "optimizer": optimizer}, b""
                began_s = time.perf_counter()
                for rung, steps in enumerate(chosen.rungs):
                    reached = evaluator.advance(graph, rung, state)
                    state = reached.state
                    _, row[f"float {steps}"], row[f"INT8 {steps}"] = reached.reading
                row["ms a step"] = (time.perf_counter() - began_s) / given.steps * 1000
                rows.append(row)
    read = pd.DataFrame(rows)
    by = read.drop(columns="seed").groupby(["network", "optimizer"], sort=False)
    means = by.mean()
    if given.seeds > 1:
        means["noise"] = by[f"INT8 {given.steps}"].std()
    print(f"{given.steps} steps, {given.seeds} seeds, torch {torch.__version__}")
    print(means.round(3).to_string())
    print("\nmeans of all")
    print(means.groupby("optimizer", sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
