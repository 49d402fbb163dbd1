"""Fully quantised training: what trained intervals and the calibration loss bring.

    python benchmarks/fqsr.py [--steps 2000 800] [--seeds 2] [--width 16 --blocks 4] [--json]

The ablation of FQSR's Table 5 and its 8-bit row, on a smaller SRResNet x2 that a processor can
train. A float network is trained once a seed; every row goes on from it.
"""

import json
from dataclasses import dataclass, replace
from statistics import mean

from trained import Bench, parser, table

from nas.graph import Graph
from nas.quantize.settings import Fqsr
from nas.readers.to_torch import image_tensor, in_uint8
from nas.readers.weights import Weights
from nas.train.feed import Feed
from nas.train.schedules import Cosine
from nas.train.stages import Recipe, Stage
from nas.train.trainer import Conditions, Trainer
from nas.zoo.fqsr import sr_resnet

SCALE = 2
RATE = 1e-3
ROWS: dict[str, Fqsr | None] = {  # what: settings; None trains on in float
    "float, trained on": None,
    "4/4/32, neither": Fqsr(4, 4, 32, daia=False, sqcl=0.0),
    "4/4/32, DAIA": Fqsr(4, 4, 32, sqcl=0.0),
    "4/4/32, DAIA and SQCL": Fqsr(4, 4, 32),
    "4/4/32, both, grid of the paper": Fqsr(4, 4, 32, grid="paper"),
    "4/4/32, DoReFa": Fqsr(4, 4, 32, sqcl=0.0, dorefa=True),
    "8/8/8, DAIA and SQCL": Fqsr(8, 8, 8),
    "8/8/8, DoReFa": Fqsr(8, 8, 8, sqcl=0.0, dorefa=True),
}
PUBLISHED_SET5_DB = {  # SRResNet x2, Tables 2 and 5; float 37.76
    "4/4/32, neither": 35.536,
    "4/4/32, DAIA": 36.372,
    "4/4/32, DAIA and SQCL": 36.854,
    "8/8/8, DAIA and SQCL": 37.555,
    "8/8/8, DoReFa": 37.205,
}


@dataclass(frozen=True)
class Plan:
    """How much is trained."""

    float_steps: int
    steps: int
    width: int
    blocks: int

    @property
    def graph(self) -> Graph:
        return sr_resnet(SCALE, self.blocks, self.width)


def stage(steps: int) -> Stage:
    """As published but for its length and smaller patches."""
    return Stage(steps, Cosine(RATE, steps), batch_size=8, lr_patch=32)


def quantised_db(
    bench: Bench, plan: Plan, settings: Fqsr | None, begin: Weights, seed: int
) -> float:
    """PSNR of a network that was trained on, quantised or not, from `begin`."""
    recipe = Recipe("fqsr", "", (replace(stage(plan.steps), quantisation=settings),))
    feed = Feed(bench.dataset.train, scale=SCALE, seed=seed)
    trainer = Trainer(plan.graph, recipe, feed, Conditions(seed, begin=begin))
    trainer.advance(plan.steps)
    return bench.psnr_db(in_uint8(trainer.upscaled(image_tensor(bench.lr))))


def main() -> None:
    """Prints one row a setting."""
    options = parser(__doc__)
    options.add_argument("--steps", type=int, nargs=2, default=[2000, 800], help="float, quantised")
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--width", type=int, default=16)
    options.add_argument("--blocks", type=int, default=4)
    args = options.parse_args()
    bench = Bench(args, SCALE)
    plan = Plan(*args.steps, args.width, args.blocks)
    found: dict[str, list[float]] = {}
    for seed in range(args.seeds):
        floats = Recipe("fqsr-float", "", (stage(plan.float_steps),))
        name = f"SRResNet-x2-{plan.blocks}x{plan.width}"
        begin = bench.trained(name, plan.graph, floats, steps=plan.float_steps, seed=seed)
        before = bench.psnr_float_db(begin.graph, begin.weights)
        found.setdefault("float", []).append(before)
        for row, settings in ROWS.items():
            value = quantised_db(bench, plan, settings, begin.weights, seed)
            found.setdefault(row, []).append(value)
    if args.json:
        print(json.dumps({"psnr_db": found, "published_set5_db": PUBLISHED_SET5_DB}, indent=2))
        return
    rows = [
        [
            row,
            *(f"{value:.3f}" for value in values),
            f"{mean(values):.3f}",
            f"{PUBLISHED_SET5_DB[row]:.3f}" if row in PUBLISHED_SET5_DB else "",
        ]
        for row, values in found.items()
    ]
    seeds = [f"seed {seed}, dB" for seed in range(args.seeds)]
    print(*table(["bits", *seeds, "mean", "published, Set5"], rows), sep="\n")
    print(
        f"\nSRResNet x2 of {plan.blocks} blocks of {plan.width}; {plan.float_steps} steps in "
        f"float, then {plan.steps} quantised, 8 patches of 32x32, Adam, cosine from {RATE}; "
        + bench.facts()
    )


if __name__ == "__main__":
    main()
