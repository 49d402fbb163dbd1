"""Steps a second of this engine beside a plain PyTorch loop, on any device.

    python benchmarks/train_speed.py [--device cpu] [--rounds 7] [--steps 20] [--json]

The plain loop is what a user would write: a module, a dataset that cuts patches, a loader, Adam,
float32, channels first. It trains the same network on the same patches at the same rates, so its
loss is that of the engine, which is checked. On a GPU the engine is timed step by step and
captured, and with several networks at once, whose steps are added up.

All take turns: in each round each of them trains a few steps, so that what else the machine does
hits them alike. A rate is the median of the rounds, a ratio the median of the ratios of the rounds.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from nas.data.images import Pair
from nas.data.patches import PatchSampler
from nas.data.sets import load_dataset
from nas.graph import Graph
from nas.readers.to_torch import to_torch
from nas.train.feed import Feed
from nas.train.hardware import Hardware, choose_hardware
from nas.train.losses import Batch
from nas.train.recipes import recipe
from nas.train.sources import HostSource
from nas.train.stages import Recipe, Stage
from nas.train.start import start_of
from nas.train.trainer import Conditions, Trainer
from nas.zoo import zoo_entry

CASES = {"XLSR": "xlsr", "ABPN": "abpn"}
TOGETHER = (2, 4, 8)  # networks at once on a GPU
Row = dict[str, Any]
Advance = Callable[[int], float]
"""Trains so many steps more and gives their mean loss."""


class Patches(Dataset[tuple[Tensor, Tensor]]):
    """One patch an item, as the sampler of the engine draws it."""

    def __init__(self, sampler: PatchSampler, stage: Stage) -> None:
        self._sampler, self._size, self._steps = sampler, stage.batch_size, stage.steps
        self._step, self._draws = -1, sampler.draws(0, 1)

    def __len__(self) -> int:
        return self._size * self._steps

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        step, place = divmod(index, self._size)
        if step != self._step:
            self._step, self._draws = step, self._sampler.draws(step, self._size)
        draws, side, scale = self._draws, self._sampler.lr_patch, self._sampler.scale
        pair = self._sampler.pairs[draws.images[place]]
        top, left, turn = draws.tops[place], draws.lefts[place], draws.turns[place]
        factor = float(draws.intensities[place])
        lr = _cut(pair.lr, top, left, side, turn)
        hr = _cut(pair.hr, top * scale, left * scale, side * scale, turn)
        return lr * factor, hr * factor


def _cut(image: np.ndarray, top: int, left: int, side: int, turn: int) -> Tensor:
    patch = image[top : top + side, left : left + side]
    patch = patch[::-1] if turn & 1 else patch
    patch = patch[:, ::-1] if turn & 2 else patch
    patch = patch.swapaxes(0, 1) if turn & 4 else patch
    return torch.from_numpy(np.ascontiguousarray(patch.transpose(2, 0, 1))).float() / 255


def plain_loop(graph: Graph, chosen: Recipe, feed: Feed, device: str) -> Advance:
    """What a user would write."""
    stage = chosen.stages[0]
    network: nn.Module = to_torch(graph.deployed, start_of(graph, chosen, seed=0))
    network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), betas=stage.betas, eps=stage.epsilon)
    sampler = feed.sampler(feed.largest_patch(stage.lr_patch), stage.augment)
    workers = {"num_workers": 4, "pin_memory": True} if device != "cpu" else {}
    batches = enumerate(DataLoader(Patches(sampler, stage), stage.batch_size, **workers))

    def advance(steps: int) -> float:
        total = 0.0
        for step, (lr, hr) in islice(batches, steps):
            lr, hr = lr.to(device, non_blocking=True), hr.to(device, non_blocking=True)
            optimizer.param_groups[0]["lr"] = stage.schedule.rate(step)
            loss = stage.loss(Batch(lr, hr, network(lr)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / steps

    return advance


class HostFeed(Feed):
    """Patches from the processor in any case, so that steps are not captured."""

    def source(self, stage: Stage, device: str) -> HostSource:
        sampler = self.sampler(self.largest_patch(stage.lr_patch), stage.augment)
        return HostSource(sampler, stage.batch_size, device)


def engine(
    graph: Graph, chosen: Recipe, feed: Feed, hardware: Hardware, *, networks: int = 1
) -> Advance:
    """This engine; several networks train in turn."""
    conditions = Conditions(0, hardware=hardware)
    trainers = [Trainer(graph, chosen, feed, conditions) for _ in range(networks)]

    def advance(steps: int) -> float:
        running = [trainer.advancing(trainer.step + steps) for trainer in trainers]
        for _ in zip(*running, strict=True):
            pass
        return trainers[0].mean_loss()

    return advance


def stage_of(case: str) -> Stage:
    """The float training of a network, which is timed."""
    return recipe(CASES[case]).stages[0]


def arms(case: str, pairs: tuple[Pair, ...], device: str) -> dict[str, Advance]:
    """By name whoever is timed; the first is what the others are compared with."""
    graph = zoo_entry(case).build()
    chosen = replace(recipe(CASES[case]), stages=(stage_of(case),))
    feed, host = (kind(pairs, scale=graph.scale, seed=0) for kind in (Feed, HostFeed))
    exact, short = (choose_hardware(device, kind) for kind in ("float32", "bfloat16"))
    found = {"plain PyTorch": plain_loop(graph, chosen, feed, device)}
    if not exact.is_cuda:
        found["engine"] = engine(graph, chosen, feed, exact)
        return found | {"engine, bfloat16": engine(graph, chosen, feed, short)}
    found["engine, not captured"] = engine(graph, chosen, host, exact)
    found["engine"] = engine(graph, chosen, feed, exact)
    found["engine, bfloat16"] = engine(graph, chosen, feed, short)
    for networks in TOGETHER:
        name = f"engine, {networks} networks"
        found[name] = engine(graph, chosen, feed, exact, networks=networks)
    return found


def measure(case: str, found: dict[str, Advance], *, rounds: int, steps: int) -> Iterator[Row]:
    """Rates of all arms, taken in turn."""
    losses = {name: advance(steps) for name, advance in found.items()}  # also warms up
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(rounds):
        order = list(found)[turn % len(found) :] + list(found)[: turn % len(found)]
        for name in order:
            began = time.perf_counter()
            found[name](steps)
            seconds[name].append(time.perf_counter() - began)
        print(f"{case}: round {turn + 1}/{rounds}", file=sys.stderr, flush=True)
    (first, *_) = found
    for name, taken in seconds.items():
        each = int(name.split()[1]) if "networks" in name else 1
        ratios = [each * a / b for a, b in zip(seconds[first], taken, strict=True)]
        rate = each * steps / statistics.median(taken)
        yield {
            "network": case,
            "how": name,
            "steps_per_s": rate,
            "ratio": statistics.median(ratios),
            "ratio_low": min(ratios),
            "ratio_high": max(ratios),
            "loss": losses[name],
            "recipe_hours": stage_of(case).steps / rate / 3600,
        }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="bundled", help="folder(s) of images")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, help="a round; default: 20, on a GPU 1280")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    device = choose_hardware(given.device).device
    steps = given.steps or (20 if device == "cpu" else 1280)
    pairs = load_dataset(given.data, scale=3, lr_patch=64).train
    rows: list[Row] = []
    for case in CASES:
        rows += measure(case, arms(case, pairs, device), rounds=given.rounds, steps=steps)
    if given.json:
        print(json.dumps({"machine": machine(device), "rows": rows}, indent=2))
        return
    print(machine(device))
    print("| network | how | steps/s | to plain PyTorch | loss | published steps take |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        spread = f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
        print(
            f"| {row['network']} | {row['how']} | {row['steps_per_s']:.1f} | {spread} | "
            f"{row['loss']:.5f} | {row['recipe_hours']:.2f} h |"
        )


def machine(device: str) -> str:
    """What the figures rest on."""
    name = torch.cuda.get_device_name(device) if device != "cpu" else platform.processor()
    threads = f"{torch.get_num_threads()} threads"
    return f"{name or platform.machine()}, {threads}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
