"""How far readings of the search tell what a network reaches when it trains 20 times longer.

    python benchmarks/table/fidelity.py [CSV ...]

For each file of `make.py`: Kendall's tau between the reading at each rung and the truth, in INT8
against INT8 and float against float, of the seeds that all networks have, with a bootstrap interval
of 80 % over networks; and how far two seeds of a network are apart. With several files also tau
between the last reading of the first and the last reading and the truth of the others.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from make import READINGS, READINGS_SOAP, SEEDS_OF_ALL, STEPS, TRUTH_STEPS
from scipy.stats import kendalltau

KINDS = {"INT8": "psnr_int8_db", "float": "psnr_float_db"}
RESAMPLES = 400


def tau(guess: pd.Series, truth: pd.Series) -> str:
    """Kendall's tau over the networks that both have, with its interval."""
    pairs = pd.concat([guess, truth], axis=1, join="inner").to_numpy()
    rng = np.random.default_rng(0)
    drawn = [pairs[rng.integers(len(pairs), size=len(pairs))] for _ in range(RESAMPLES)]
    low, high = np.percentile([kendalltau(*each.T).statistic for each in drawn], (10, 90))
    return f"{kendalltau(*pairs.T).statistic:.2f} ({low:.2f}..{high:.2f})"


def readings(rows: pd.DataFrame, kind: str, steps: int, length: int) -> pd.DataFrame:
    """PSNR by digest, a column a seed."""
    at = rows[(rows["steps"] == steps) & (rows["length"] == length)]
    at = at[at["seed"].isin(SEEDS_OF_ALL)]
    return at.pivot_table(index="digest", columns="seed", values=KINDS[kind])


def show(file: Path) -> None:
    """One file against its own truth."""
    rows = pd.read_csv(file)
    truths = {kind: readings(rows, kind, TRUTH_STEPS, TRUTH_STEPS).mean(axis=1) for kind in KINDS}
    print(f"{file.name}: {len(truths['INT8'])} networks trained {TRUTH_STEPS} steps")
    lines = []
    for steps in STEPS:
        line: dict[str, object] = {"steps": steps}
        for kind, truth in truths.items():
            found = readings(rows, kind, steps, STEPS[-1])
            if len(truth) > 1:
                for seed in found:
                    line[f"tau {kind}, seed {seed}"] = tau(found[seed].dropna(), truth)
            if found.shape[1] > 1:
                apart = (found.iloc[:, 0] - found.iloc[:, 1]).dropna()
                apart -= apart.median()  # what is common to all networks ranks none of them
                line[f"sd of a seed, {kind}, dB"] = f"{1.4826 * apart.abs().median() / 2**0.5:.3f}"
        lines.append(line)
    print(pd.DataFrame(lines).to_string(index=False))


def main() -> None:
    """Prints all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=[READINGS, READINGS_SOAP])
    files = parser.parse_args().files
    for file in files:
        show(file)
    for other in files[1:]:
        guess = readings(pd.read_csv(files[0]), "INT8", STEPS[-1], STEPS[-1])[0].dropna()
        for steps in (STEPS[-1], TRUTH_STEPS):
            theirs = readings(pd.read_csv(other), "INT8", steps, steps).mean(axis=1)
            both = len(guess.index.intersection(theirs.index))
            if both > 1:
                print(
                    f"INT8 of {files[0].name} at {STEPS[-1]} and of {other.name} at {steps}, ",
                    end="",
                )
                print(f"{both} networks: {tau(guess, theirs)}")


if __name__ == "__main__":
    main()
