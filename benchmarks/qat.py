"""Quantisation-aware training against post-training quantisation, by converted files.

    python benchmarks/qat.py [--networks ABPN XCAT] [--steps 1000 400] [--json]

Each network trains in float and goes on from there in several ways, all as long and at the same
rate: in float, to be quantised afterwards, and in INT8 with each way of finding ranges. `network`
is what training saw at its end, `file` what LiteRT makes of the converted file.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import get_args, get_type_hints

from trained import Bench, parser, table

from nas.graph import Graph
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.method import BEST, PLAIN
from nas.quantize.refit import quantize
from nas.quantize.scheme import Grid
from nas.quantize.settings import Qat
from nas.readers.to_torch import image_tensor, in_uint8
from nas.readers.weights import Weights
from nas.train.feed import Feed
from nas.train.recipes import recipe
from nas.train.schedules import Cosine
from nas.train.stages import Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo import zoo_graph

RANGES = get_args(get_type_hints(Qat)["ranges"])
RATE = 3e-4
SEED = 0


@dataclass(frozen=True)
class Row:
    """PSNR in dB; `network_db` is empty for what only a file has."""

    network: str
    way: str
    network_db: float | None
    file_db: float


def measure(bench: Bench, name: str, steps: int, more: int) -> list[Row]:
    """All ways of one network."""
    begun = bench.trained(name, zoo_graph(name), recipe("final"), steps=steps, seed=SEED)
    graph, images = begun.graph, bench.calibration
    further = Stage(more, Cosine(RATE, more), batch_size=8, lr_patch=24, clip_in_loss=False)

    def gone_on(stage: Stage) -> Trainer:
        feed = Feed(bench.dataset.train, scale=3, seed=SEED + 1)
        trainer = Trainer(
            graph, Recipe("further", "", (stage,)), feed, Conditions(SEED, begin=begun.weights)
        )
        trainer.advance(more)
        return trainer

    float_weights = gone_on(further).weights()
    rows = [
        Row(name, "float", bench.psnr_float_db(graph, float_weights), float("nan")),
        *(
            _row(bench, name, way, graph, quantize(graph, float_weights, images, method=method))
            for way, method in (("plain", PLAIN), ("best", BEST))
        ),
    ]
    for ranges in RANGES:
        trainer = gone_on(replace(further, quantisation=Qat(ranges=ranges)))
        seen = bench.psnr_db(in_uint8(trainer.upscaled(image_tensor(bench.lr))))
        grid = trainer.grid()
        if grid is None:
            raise AssertionError("a stage with Qat has grids")
        deployed = trainer.weights(), grid
        rows.append(_row(bench, name, f"QAT, {ranges}", trainer.graph, deployed, seen))
    return rows


def _row(
    bench: Bench,
    name: str,
    way: str,
    graph: Graph,
    deployed: tuple[Weights, tuple[Grid, ...]],
    seen: float | None = None,
) -> Row:
    size = bench.lr.shape[1]
    file = to_tflite(graph, *deployed, height=size, width=size)
    return Row(name, way, seen, bench.psnr_db(run_tflite(file, bench.lr)))


def shown(row: Row) -> list[str]:
    """A row of the table."""
    figures = ("" if x is None or x != x else f"{x:.3f}" for x in (row.network_db, row.file_db))
    return [row.network, row.way, *figures]


def main() -> None:
    """Prints one row a network and way."""
    options = parser(__doc__)
    options.add_argument("--networks", nargs="+", default=["ABPN", "XCAT"])
    options.add_argument("--steps", type=int, nargs=2, default=[1000, 400], help="float, further")
    args = options.parse_args()
    bench = Bench(args)
    rows = [row for name in args.networks for row in measure(bench, name, *args.steps)]
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    print(*table(["network", "way", "network dB", "file dB"], [shown(r) for r in rows]), sep="\n")
    steps, more = args.steps
    print(
        f"\nRecipe final, {steps} steps, then {more} at {RATE:g}, cosine, 8 patches of 24x24, seed "
        f"{SEED}; {bench.facts()}"
    )


if __name__ == "__main__":
    main()
