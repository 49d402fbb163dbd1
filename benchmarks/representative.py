"""Which images should set the ranges, and how: INT8 quality, and the seconds it takes to choose.

    python benchmarks/representative.py [--networks NAME ...] [--steps 1500] [--images 120] [--json]

Ranges from patches, from whole training images, and from one image: that of the linear search
(each image calibrates alone, PSNR of the quantised network on crops of training images decides), of
the same among the eight that are ranked best, and the one ranked best without trial. Each way
quantises plainly, and by the best method. Nothing is chosen on the images that are measured.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from trained import CROP, Bench, parser, table

from nas.data.metrics import psnr_db
from nas.data.patches import validation_crops
from nas.graph import Graph
from nas.graph.rewrites import fold_batch_norm
from nas.quantize.calibration import MINMAX, Calibration, Images
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.method import BEST, PLAIN, Method
from nas.quantize.refit import quantize
from nas.quantize.representative import linear_search, rank
from nas.quantize.scheme import Grid
from nas.quantize.simulate import Simulation
from nas.readers.to_torch import image_tensor, in_uint8
from nas.readers.weights import Weights
from nas.train.recipes import recipe
from nas.zoo import zoo_entry

SEED = 0
JUDGE_CROPS = 8
FINALISTS = 8
METHODS = {"plain": PLAIN, "best": BEST}


@dataclass(frozen=True)
class Row:
    """One way to set the ranges of one network.

    Args:
        choosing_s: Seconds to choose the images, without the quantisation.
        simulation_db: By method, PSNR lost against float in the simulation.
        file_db: The same by the converted file.
    """

    network: str
    way: str
    float_db: float
    choosing_s: float
    simulation_db: dict[str, float]
    file_db: dict[str, float]


def ways(
    bench: Bench, graph: Graph, weights: Weights, count: int
) -> Iterator[tuple[str, Calibration, Callable[[], Images]]]:
    """Name, calibration and what chooses the images."""
    large = [pair.lr for pair in bench.dataset.train if min(pair.lr.shape[:2]) >= CROP]
    chosen = large[:: max(1, len(large) // count)][:count]
    photographs = [image_tensor(lr[None].copy()) for lr in chosen]
    crops = [photograph[..., :CROP, :CROP] for photograph in photographs]
    lr, hr = validation_crops(
        bench.dataset.train, lr_size=CROP, scale=bench.scale, count=JUDGE_CROPS
    )

    def judge(grid: Sequence[Grid]) -> float:
        written = in_uint8(Simulation(graph, weights, grid)(image_tensor(lr)))
        return psnr_db(written, hr, shave=bench.scale)

    def searched(candidates: Sequence[torch.Tensor]) -> torch.Tensor:
        return candidates[linear_search(graph, weights, candidates, judge)[0]]

    def ranked(candidates: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [candidates[i] for i in rank(graph, weights, candidates)]

    for kind in ("minmax", "percentile", "mse", "entropy"):
        calibration = replace(MINMAX, kind=kind)
        yield f"48 patches, {kind}", calibration, lambda: bench.calibration
    for kind in ("minmax", "mse"):
        calibration = replace(MINMAX, kind=kind)
        yield f"{len(photographs)} images, {kind}", calibration, lambda: photographs
    yield "one image, linear search", MINMAX, lambda: searched(photographs)
    yield f"one of {FINALISTS} ranked", MINMAX, lambda: searched(ranked(photographs)[:FINALISTS])
    yield "one image, ranked", MINMAX, lambda: ranked(photographs)[0]
    yield f"one {CROP}x{CROP} crop, ranked", MINMAX, lambda: ranked(crops)[0]


def measure(bench: Bench, name: str, steps: int, count: int) -> Iterator[Row]:
    found = bench.trained(name, zoo_entry(name).build(), recipe("search"), steps=steps, seed=SEED)
    graph, weights = fold_batch_norm(found.graph, found.weights)
    float_db = bench.psnr_float_db(graph, weights)
    size = bench.lr.shape[1]
    for way, calibration, choose in ways(bench, graph, weights, count):
        print(f"{name}: {way}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        images = choose()
        choosing_s = time.perf_counter() - began
        simulated, ran = {}, {}
        for label, method in METHODS.items():
            deployed, grid = made(graph, weights, bench.calibration, method, calibration, images)
            written = in_uint8(Simulation(graph, deployed, grid)(image_tensor(bench.lr)))
            simulated[label] = float_db - bench.psnr_db(written)
            file = to_tflite(graph, deployed, grid, height=size, width=size)
            ran[label] = float_db - bench.psnr_db(run_tflite(file, bench.lr))
        yield Row(name, way, float_db, choosing_s, simulated, ran)


def made(
    graph: Graph,
    weights: Weights,
    patches: torch.Tensor,
    method: Method,
    calibration: Calibration,
    images: Images,
) -> tuple[Weights, tuple[Grid, ...]]:
    """The network quantised by a method, with ranges from the images and nothing else."""
    plain = replace(method, calibration=calibration, alternatives=())
    return quantize(graph, weights, patches, method=plain, representative=images)


def shown(row: Row) -> list[str]:
    """A row of the table."""
    cells = [row.network, f"{row.float_db:.2f}", row.way, f"{row.choosing_s:.1f}"]
    for label in METHODS:
        cells += [f"{row.simulation_db[label]:+.3f}", f"{row.file_db[label]:+.3f}"]
    return cells


def main() -> None:
    """Prints one row a network and way."""
    options = parser(__doc__)
    options.add_argument("--networks", nargs="+", default=["XLSR", "XCAT"])
    options.add_argument("--steps", type=int, default=1500)
    options.add_argument("--images", type=int, default=120, help="that are searched")
    args = options.parse_args()
    bench = Bench(args)
    rows = [row for name in args.networks for row in measure(bench, name, args.steps, args.images)]
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    columns = ["network", "float dB", "ranges from", "choosing s"]
    columns += [f"{label}, {by}" for label in METHODS for by in ("simulation", "file")]
    print(*table(columns, [shown(row) for row in rows]), sep="\n")
    print(f"\nDrops against float in dB, less is better. Recipe search, {args.steps} steps, seed "
          f"{SEED}; {bench.facts()}")  # fmt: skip


if __name__ == "__main__":
    main()
