"""Cross against straight concatenation in XCAT's blocks: published differences and ours.

    python benchmarks/concat.py [--steps 1000] [--seeds 2] [--data DIR --valid DIR] [--json]

The networks of a pair of Table 3 of the XCAT paper differ only in the order in which a block joins
its two group convolutions. All are trained alike, converted, and the files are run. `plain` rounds
the trained network on ranges from minimum and maximum, as the paper does; `best` is this project's
quantisation. Positive differences speak for cross.
"""

import json
from dataclasses import asdict, dataclass
from statistics import mean

from trained import Bench, parser, table

from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.method import BEST, PLAIN
from nas.quantize.refit import quantize
from nas.train.recipes import recipe
from nas.zoo import zoo_entry

PAIRS = ("21_7-m2", "21_7-m4", "21_7-m8", "21_7-m12", "24_8-m6", "56_8-m4")


@dataclass(frozen=True)
class Quality:
    """PSNR in dB of one network after one training, or as published."""

    float_db: float
    plain_db: float
    best_db: float | None = None


def measure(bench: Bench, name: str, steps: int, seed: int) -> Quality:
    """Trains one network, converts it twice and runs both files."""
    found = bench.trained(name, zoo_entry(name).build(), recipe("final"), steps=steps, seed=seed)
    graph, weights, images = found.graph, found.weights, bench.calibration
    size = bench.lr.shape[1]
    measured = []
    for method in (PLAIN, BEST):
        deployed = quantize(graph, weights, images, method=method)
        file = to_tflite(graph, *deployed, height=size, width=size)
        measured.append(bench.psnr_db(run_tflite(file, bench.lr)))
    return Quality(bench.psnr_float_db(graph, weights), *measured)


def published(name: str) -> Quality:
    """As the paper prints it, on DIV2K's validation images."""
    entry = zoo_entry(name)
    figures = [entry.figure(f"psnr_{kind}_val_db") for kind in ("float", "uint8")]
    return Quality(*(figure.value for figure in figures if figure))


def difference(cross: list[Quality], straight: list[Quality], kind: str) -> float:
    """Mean over seeds, in dB."""
    pairs = zip(cross, straight, strict=True)
    return mean(getattr(a, kind) - getattr(b, kind) for a, b in pairs)


def main() -> None:
    """Prints one row a pair."""
    options = parser(__doc__)
    options.add_argument("--steps", type=int, default=1000)
    options.add_argument("--seeds", type=int, default=2)
    args = options.parse_args()
    bench = Bench(args)
    rows, facts = [], []
    for pair in PAIRS:
        sides = {}
        for mix in ("cross", "straight"):
            name = f"XCAT-T3-{pair}-{mix}"
            sides[mix] = [measure(bench, name, args.steps, seed) for seed in range(args.seeds)]
            facts += [{"network": name, **asdict(quality)} for quality in sides[mix]]
        printed = [[published(f"XCAT-T3-{pair}-{mix}")] for mix in ("cross", "straight")]
        kinds = ("float_db", "plain_db", "best_db")
        ours = [difference(sides["cross"], sides["straight"], kind) for kind in kinds]
        theirs = [difference(*printed, kind) for kind in kinds[:2]]
        rows.append([pair, *(f"{value:+.3f}" for value in ours), *(f"{v:+.2f}" for v in theirs)])
    if args.json:
        print(json.dumps(facts, indent=2))
        return
    columns = ["pair", "float dB", "plain uint8 dB", "best uint8 dB", "published float", "uint8"]
    print("Cross minus straight:", *table(columns, rows), sep="\n")
    print(f"\nRecipe final, {args.steps} steps, seeds 0 to {args.seeds - 1}; {bench.facts()}")


if __name__ == "__main__":
    main()
