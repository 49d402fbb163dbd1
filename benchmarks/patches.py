"""Patches a second that one CPU core cuts, from mapped images and from PNG files.

    python benchmarks/patches.py [--data DIR] [--scale 3] [--json]

Both ways give the same patches. "mapped" is what training does: the images were decoded once and
are mapped from disk, and a batch of 16 patches is cut from them. "decoded" opens the PNG files anew
for each patch, and makes LR where there is none. Seconds are those the processor worked, so other
programs do not count, and the best of several rounds. Without --data, a few synthetic images of the
size of DIV2K are used.

A GPU that trains XLSR as its authors did, 500 000 steps of 16 patches of 32x32, in six minutes
takes 22 222 patches a second.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nas.data.dead_leaves import dead_leaves
from nas.data.images import Pair, read_pair
from nas.data.layouts import Found, find_images
from nas.data.mapped import MappedPair
from nas.data.patches import PatchSampler
from nas.data.resample import downscale
from nas.data.store import map_pairs

BATCH = 16
SIDES = (32, 64)
ROUNDS = 5
_SHAPE = (1356, 2040)  # of most images of DIV2K
_COUNT = 6


def synthesise(folder: Path, scale: int) -> None:
    """Images as DIV2K has them: HR and LR as PNG files."""
    (folder / "HR").mkdir()
    (folder / "LR").mkdir()
    height, width = (side - side % scale for side in _SHAPE)
    for i, leaf in enumerate(dead_leaves(seed=0, count=_COUNT, size=340)):
        hr = np.tile(leaf, (4, 6, 1))[:height, :width]
        Image.fromarray(hr).save(folder / "HR" / f"{i}.png")
        Image.fromarray(downscale(hr, scale)).save(folder / "LR" / f"{i}.png")


def best_s(work: Callable[[int], object], count: int) -> float:
    """Seconds per call of `work` with 0 to `count` - 1, in the best of the rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for step in range(count):
            work(step)
        times.append((time.process_time() - began) / count)
    return min(times)


def measure(found: Found, pairs: list[Pair], side: int, scale: int) -> dict[str, float]:
    """Patches of side x side LR pixels a second, both ways."""
    sampler = PatchSampler(pairs, lr_patch=side, scale=scale, seed=0)
    files = {hr.name: (hr, lr) for hr, lr in found.files}

    def decode(step: int) -> None:
        draws = sampler.draws(step, 1)
        pair = sampler.pairs[int(draws.images[0])]
        opened = read_pair(*files[pair.name], scale)
        top, left = int(draws.tops[0]), int(draws.lefts[0])
        opened.lr[top : top + side, left : left + side].copy()
        top, left, wide = top * scale, left * scale, side * scale
        opened.hr[top : top + wide, left : left + wide].copy()

    sampler.batch(0, BATCH)
    return {
        "mapped_patches_per_s": BATCH / best_s(lambda step: sampler.batch(step, BATCH), 100),
        "decoded_patches_per_s": 1 / best_s(decode, 4),
    }


def run(folder: Path, scale: int) -> dict[str, Any]:
    """All figures, from images that are mapped in a cache of their own."""
    found = find_images(folder, scale)
    pairs = [pair for pair in map_pairs(found, scale) if isinstance(pair, MappedPair)]
    return {
        "images": len(pairs),
        "has_lr": found.has_lr,
        "batch": BATCH,
        "sides": {str(side): measure(found, list(pairs), side, scale) for side in SIDES},
        "machine": {"cpu": platform.processor(), "python": platform.python_version()},
    }


def main() -> None:
    """Prints the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--scale", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as work:
        os.environ["XDG_CACHE_HOME"] = work
        if given.data is None:
            synthesise(Path(work), given.scale)
        found = run(given.data or Path(work), given.scale)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['images']} images, one core, {BATCH} patches a batch")
    for side, figures in found["sides"].items():
        mapped, decoded = figures["mapped_patches_per_s"], figures["decoded_patches_per_s"]
        print(
            f"{side:>3}x{side}: {mapped:8,.0f} patches/s mapped, {decoded:6.1f} patches/s decoded, "
            f"{mapped / decoded:,.0f} times"
        )


if __name__ == "__main__":
    main()
