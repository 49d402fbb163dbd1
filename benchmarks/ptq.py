"""Post-training quantisation over the x3 zoo, by converted files.

    python benchmarks/ptq.py [--networks NAME ...] [--steps 300 100] [--out FILE] [--json]

Each network trains for a short while; LiteRT then runs one file a method. `QAT` trains further in
INT8 for the second number of steps. The last two columns compare the simulation of the best method
with its file: PSNR, and the share of pixels that are equal or one step apart. Finished networks are
kept in the file of --out, so that the benchmark can be stopped and gone on with.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean

import numpy as np
from trained import Bench, parser, table

from nas.graph import Graph
from nas.graph.rewrites import fold_batch_norm
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.method import METHODS
from nas.quantize.refit import quantize
from nas.quantize.scheme import Grid
from nas.quantize.settings import Qat
from nas.quantize.simulate import Simulation
from nas.readers.cost import count_parameters
from nas.readers.to_torch import image_tensor, in_uint8
from nas.readers.weights import Weights
from nas.train.feed import Feed
from nas.train.recipes import recipe
from nas.train.schedules import Cosine
from nas.train.stages import Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo import ENTRIES, zoo_entry

SEED = 0
QAT_RATE = 3e-4
NAMES = ("plain", "equalize", "bias-correction", "readout", "refit", "best")
MOST_PARAMETERS = 120_000


@dataclass(frozen=True)
class Row:
    """PSNR in dB of one network.

    Args:
        drops_db: By method, how much less the file has than the float network.
        qat_db: The same after further training in INT8; none where that cannot be trained.
        simulation_db: PSNR of the simulation less that of the file, of the best method.
        within_one: Share of pixels that are at most one step apart.
    """

    network: str
    float_db: float
    drops_db: dict[str, float] = field(default_factory=dict)
    qat_db: float | None = None
    simulation_db: float = 0.0
    within_one: float = 1.0


def networks() -> Iterator[str]:
    """One name for each distinct x3 network that is small enough."""
    seen = set()
    for entry in ENTRIES.values():
        graph = entry.build()
        digest = graph.deployed.digest
        if graph.scale == 3 and digest not in seen and count_parameters(graph) <= MOST_PARAMETERS:
            seen.add(digest)
            yield entry.name


def measure(bench: Bench, name: str, steps: int, more: int) -> Row:
    """Trains, quantises by every method, runs every file."""
    found = bench.trained(name, zoo_entry(name).build(), recipe("search"), steps=steps, seed=SEED)
    graph, weights = fold_batch_norm(found.graph, found.weights)
    float_db = bench.psnr_float_db(graph, weights)
    drops = {}
    for way in NAMES:
        deployed = quantize(graph, weights, bench.calibration, method=METHODS[way])
        written = by_file(bench, graph, *deployed)
        drops[way] = float_db - bench.psnr_db(written)
    simulated = in_uint8(Simulation(graph, *deployed)(image_tensor(bench.lr)))
    apart = np.abs(simulated.astype(int) - written)
    return Row(
        name,
        float_db,
        drops,
        after_qat(bench, graph, weights, more),
        bench.psnr_db(simulated) - bench.psnr_db(written),
        float((apart <= 1).mean()),
    )


def by_file(bench: Bench, graph: Graph, weights: Weights, grid: tuple[Grid, ...]) -> np.ndarray:
    """What LiteRT makes of the crops."""
    size = bench.lr.shape[1]
    return run_tflite(to_tflite(graph, weights, grid, height=size, width=size), bench.lr)


def after_qat(bench: Bench, graph: Graph, weights: Weights, steps: int) -> float:
    """PSNR of the file after further training."""
    stage = Stage(
        steps, Cosine(QAT_RATE, steps), batch_size=8, lr_patch=24, quantisation=Qat(ranges="lsq")
    )
    feed = Feed(bench.dataset.train, scale=3, seed=SEED + 1)
    trainer = Trainer(
        graph.deployed, Recipe("qat", "", (stage,)), feed, Conditions(SEED, begin=weights)
    )
    trainer.advance(steps)
    grid = trainer.grid()
    if grid is None:
        raise AssertionError("a stage with Qat has grids")
    return bench.psnr_db(by_file(bench, trainer.graph, trainer.weights(), grid))


def shown(row: Row) -> list[str]:
    """A row of the table."""
    qat = "" if row.qat_db is None else f"{row.float_db - row.qat_db:+.3f}"
    return [
        row.network,
        f"{row.float_db:.2f}",
        *(f"{row.drops_db[way]:+.3f}" for way in NAMES),
        qat,
        f"{row.simulation_db:+.3f}",
        f"{100 * row.within_one:.2f} %",
    ]


def means(rows: list[Row], title: str) -> list[str]:
    """The mean row of some networks."""
    drops = (f"{mean(row.drops_db[way] for row in rows):+.3f}" for way in NAMES)
    trained = [row.float_db - row.qat_db for row in rows if row.qat_db is not None]
    return [
        f"{title} ({len(rows)})",
        f"{mean(row.float_db for row in rows):.2f}",
        *drops,
        f"{mean(trained):+.3f}",
        f"{max((row.simulation_db for row in rows), key=abs):+.3f} at most",
        f"{100 * min(row.within_one for row in rows):.2f} % at least",
    ]


def finished(file: Path | None, asked: str) -> dict[str, Row]:
    """Rows of an earlier run that was asked the same."""
    if file is None or not file.is_file():
        return {}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    rows = (Row(**line["row"]) for line in lines if line["asked"] == asked)
    return {row.network: row for row in rows}


def main() -> None:
    """Prints one row a network, and means."""
    options = parser(__doc__)
    options.add_argument("--networks", nargs="+", help="default: every small x3 network")
    options.add_argument("--steps", type=int, nargs=2, default=[300, 100], help="float, QAT")
    options.add_argument("--out", type=Path, help="where finished rows are kept")
    args = options.parse_args()
    bench = Bench(args)
    asked = f"steps {args.steps}, data {args.data}, valid {args.valid}, {args.precision}"
    done = finished(args.out, asked)
    names = args.networks or list(networks())
    for place, name in enumerate(names, 1):
        if name not in done:
            done[name] = measure(bench, name, *args.steps)
            if args.out:
                with args.out.open("a") as lines:
                    lines.write(json.dumps({"asked": asked, "row": asdict(done[name])}) + "\n")
        print(f"{place}/{len(names)} {name}", file=sys.stderr, flush=True)
    rows = [done[name] for name in names]
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    columns = ["network", "float dB", *NAMES, "QAT", "simulation", "within one step"]
    print(*table(columns, [*(shown(row) for row in rows), means(rows, "mean")]), sep="\n")
    steps, more = args.steps
    print(
        f"\nDrops against float in dB, less is better. Recipe search, {steps} steps; QAT: LSQ, "
        f"{more} further steps at {QAT_RATE:g}; seed {SEED}; {bench.facts()}"
    )


if __name__ == "__main__":
    main()
