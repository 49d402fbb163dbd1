"""Memory, seconds and seams of `nas upscale` on a large photo: prints what it finds.

python benchmarks/upscale.py [--network FILE|DIR] [--size 4000x3000] [--json]

The photo is synthetic. A process of its own runs the command; its peak of resident memory is what
Linux says of it. Seams are looked for twice: an image of 1200x900 as a whole against tiles,
and the whole photo in two tilings of other sizes. Without --network, XCAT with random weights is
taken, as the INT8 file and in float: neither time nor seams depend on how well it is trained.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nas.data.dead_leaves import dead_leaves
from nas.data.resample import Pixels
from nas.evaluate import Upscaler, load_upscaler
from nas.evaluate.tiles import Tiling, in_pieces, in_tiles, whole

_COMMAND = """
import sys
from pathlib import Path
from nas.cli.main import main
sys.argv[0] = "nas"
try:
    main()
finally:
    print(Path("/proc/self/status").read_text())
"""
_SMALL = (900, 1200)


def photo_of(height: int, width: int) -> Pixels:
    """Shapes of all sizes, repeated beside their mirror images."""
    leaves = dead_leaves(seed=0, count=1, size=960)[0]
    block = np.concatenate([leaves, leaves[::-1]])
    block = np.concatenate([block, block[:, ::-1]], axis=1)
    times = (-(-height // block.shape[0]), -(-width // block.shape[1]), 1)
    return np.ascontiguousarray(np.tile(block, times)[:height, :width])


def random_networks(folder: Path) -> list[Path]:
    """XCAT as INT8 file and as float folder, untrained."""
    from nas.quantize.calibration import calibrate
    from nas.quantize.convert import to_tflite
    from nas.quantize.quiet import quiet
    from nas.quantize.stored import store
    from nas.readers.to_torch import image_tensor
    from nas.readers.weights import random_weights
    from nas.zoo import zoo_graph

    graph = zoo_graph("xcat")
    weights = random_weights(graph, 0)
    grid = calibrate(graph, weights, image_tensor(photo_of(48, 48)[None].copy()))
    for name in ("int8", "float"):
        (folder / name).mkdir()
        store(folder / name, graph, weights)
    with quiet():
        content = to_tflite(graph, weights, grid, height=360, width=640)
    (folder / "int8" / "model.tflite").write_bytes(content)
    return [folder / "int8", folder / "float"]


def run_command(network: Path, photo: Path, out: Path) -> dict[str, Any]:
    """One call of `nas upscale`: seconds, and the peak of resident memory."""
    began = time.perf_counter()
    given = ["upscale", photo, "--network", network, "--out", out]
    command = [sys.executable, "-c", _COMMAND, *given]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    (tiles,) = re.findall(r"(\d+) tiles?, ", ended.stderr)
    (peak_kib,) = re.findall(r"VmHWM:\s+(\d+) kB", ended.stdout)
    return {
        "seconds": time.perf_counter() - began,
        "peak_bytes": int(peak_kib) * 1024,
        "tiles": int(tiles),
        "file_bytes": out.stat().st_size,
    }


def differences(upscaler: Upscaler, image: Pixels) -> dict[str, int]:
    """Samples that differ between tilings: none, where there are no seams."""
    small = image[: _SMALL[0], : _SMALL[1]]
    tiling = upscaler.tiling_of(*image.shape[:2])
    uncut = in_tiles(
        upscaler.run, small, scale=upscaler.scale, tiling=whole(*_SMALL, tiling.stride)
    )
    other = Tiling(
        *(_other(side, tiling) for side in (tiling.height, tiling.width)),
        tiling.margin,
        tiling.stride,
    )
    return {
        "whole_samples": uncut.size,
        "whole_differ": int(
            (in_tiles(upscaler.run, small, scale=upscaler.scale, tiling=other) != uncut).sum()
        ),
        "photo_differ": _compare(upscaler, image, tiling, other),
    }


def _other(side: int, tiling: Tiling) -> int:
    """Three quarters of a side."""
    return max(side * 3 // 4, 4 * tiling.margin) // tiling.stride * tiling.stride


def _compare(upscaler: Upscaler, image: Pixels, one: Tiling, other: Tiling) -> int:
    """Samples that differ, with only one of the two results in memory."""
    made = in_tiles(upscaler.run, image, scale=upscaler.scale, tiling=one)
    count = 0
    for piece in in_pieces(upscaler.run, image, scale=upscaler.scale, tiling=other):
        rows, columns = piece.pixels.shape[:2]
        known = made[piece.top : piece.top + rows, piece.left : piece.left + columns]
        count += int((known != piece.pixels).sum())
    return count


def measure(network: Path, photo: Path, folder: Path) -> dict[str, Any]:
    """Everything of one network."""
    upscaler = load_upscaler(file if (file := network / "model.tflite").is_file() else network)
    with Image.open(photo) as image:
        pixels = np.array(image)
    return {
        "network": network.name,
        "how": upscaler.how,
        "photo": list(pixels.shape[:2]),
        **run_command(network, photo, folder / f"{network.name}.png"),
        **differences(upscaler, pixels),
    }


def main() -> None:
    """Prints the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", type=Path)
    parser.add_argument("--size", default="4000x3000", help="width x height")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(photo_of(height, width)).save(folder / "photo.jpg", quality=92)
        networks = [given.network] if given.network else random_networks(folder)
        found = [measure(network, folder / "photo.jpg", folder) for network in networks]
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for row in found:
        print(
            f"{row['network']} ({row['how']}): {width}x{height}, {row['tiles']} tiles, "
            f"{row['seconds']:.0f} s, peak {row['peak_bytes'] / 1e9:.2f} GB, "
            f"file {row['file_bytes'] / 1e6:.0f} MB"
        )
        print(
            f"  {row['whole_differ']} of {row['whole_samples']:,} samples differ between a whole "
            f"image of {_SMALL[1]}x{_SMALL[0]} and its tiles, {row['photo_differ']} between two "
            "tilings of the photo"
        )


if __name__ == "__main__":
    main()
