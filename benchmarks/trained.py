"""What the benchmarks share: networks trained once, images, what a figure rests on.

No benchmark by itself. A network is trained in a folder named after all that decides its weights,
so a benchmark that was stopped goes on, and one network serves several benchmarks.
"""

import argparse
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from nas.data.metrics import psnr_db
from nas.data.patches import validation_crops
from nas.data.resample import Pixels
from nas.data.sets import Dataset, load_dataset
from nas.graph import Graph, to_text
from nas.quantize.stored import StoredNetwork, is_stored, load_stored
from nas.readers.to_torch import image_tensor, in_uint8, to_torch
from nas.readers.weights import Weights
from nas.train.feed import Feed
from nas.train.hardware import Hardware
from nas.train.session import Session, TrainConfig
from nas.train.stages import Recipe
from nas.train.trainer import Conditions

CROP = 64  # low-resolution edge in pixels
CROPS = 24


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the options that every benchmark of trainings has."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--data", default="bundled", help="folder(s) of images to train on")
    found.add_argument("--valid", help="folder of images to measure on")
    found.add_argument("--work", type=Path, default=Path("runs/benchmarks"), help="trained ones")
    found.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    found.add_argument("--json", action="store_true", help="print JSON")
    return found


class Bench:
    """Trains, and measures on crops of the validation images."""

    def __init__(self, args: argparse.Namespace, scale: int = 3) -> None:
        torch.set_num_threads(1)
        self.scale = scale
        self._args = args
        self.dataset: Dataset = load_dataset(
            args.data, scale=scale, lr_patch=32, valid=args.valid, seed=0
        )
        self.lr, self.hr = validation_crops(
            self.dataset.valid, lr_size=CROP, scale=scale, count=CROPS
        )

    def trained(
        self, name: str, graph: Graph, recipe: Recipe, *, steps: int, seed: int
    ) -> StoredNetwork:
        """The network as trained, from its folder if it has been trained before."""
        args = self._args
        hardware = Hardware("cpu", args.precision)
        key = f"{name}-{recipe.name}-{steps}-{seed}-{args.precision}-{self.dataset.digest[:6]}"
        folder = args.work / key
        folder.mkdir(parents=True, exist_ok=True)
        config = TrainConfig(
            to_text(graph), recipe.name, args.data, args.valid, self.dataset.digest,
            self.scale, seed, steps, hardware.device, hardware.precision,
        )  # fmt: skip
        conditions = Conditions(seed, steps, hardware)
        session = Session(graph, recipe, self.dataset, config, folder=folder, conditions=conditions)
        if session.trainer.step < session.trainer.steps or not is_stored(folder):
            print(f"training {key}", file=sys.stderr, flush=True)
            for _ in session.train():
                pass
        return load_stored(folder)

    @property
    def calibration(self) -> torch.Tensor:
        """Patches of training images, (n, c, h, w), to take ranges from."""
        return Feed(self.dataset.train, scale=self.scale, seed=0).solve_set.lr

    def psnr_float_db(self, graph: Graph, weights: Weights) -> float:
        """RGB, `scale` pixels shaved, mean over the crops."""
        with torch.no_grad():
            return self.psnr_db(in_uint8(to_torch(graph, weights)(image_tensor(self.lr))))

    def psnr_db(self, images: Pixels) -> float:
        """Of upscaled crops, uint8 (n, h, w, 3)."""
        return psnr_db(np.ascontiguousarray(images), self.hr, shave=self.scale)

    def facts(self) -> str:
        """What figures rest on, in a line."""
        versions = {name: importlib.metadata.version(name) for name in ("torch", "ai-edge-litert")}
        return (
            f"trained on {self._args.data} ({len(self.dataset.train)} images, digest "
            f"{self.dataset.digest}), {self._args.precision}; PSNR in RGB on {CROPS} crops of "
            f"{CROP * self.scale}x{CROP * self.scale} pixels of {len(self.dataset.valid)} images; "
            + ", ".join(f"{name} {version}" for name, version in versions.items())
        )


def table(columns: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + " --- |" * len(columns)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
