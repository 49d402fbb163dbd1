"""What the clipped ReLU at the end of a network is good for, after quantisation.

    python benchmarks/clipped_relu.py [--steps 600 4000] [--data DIR --valid DIR] [--json]

XLSR with and without its clip, FSRCNN and ESPCN are trained by one recipe and converted by
TensorFlow's converter as published: uint8 ends, ranges from a representative set. A file says by
which scale and zero point its uint8 output is to be read. The challenge reads the bytes as pixels,
whatever the file says. Both readings are measured, and the file of this project beside them, whose
output range is 0..1 by construction.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from trained import Bench, parser, table

from nas.data.patches import calibration_patches
from nas.graph import Graph
from nas.quantize.convert import to_tflite
from nas.quantize.litert import run_tflite
from nas.quantize.method import BEST
from nas.quantize.quiet import quiet
from nas.quantize.refit import quantize
from nas.readers.to_keras import to_keras
from nas.readers.to_torch import image_tensor
from nas.readers.weights import Weights
from nas.train.recipes import recipe
from nas.zoo import zoo_graph

NETWORKS = ("XLSR", "XLSR-linear", "FSRCNN-RGBx3", "ESPCN-RGBx3")
PUBLISHED_DROP_DB = {"XLSR": 0.28, "XLSR-linear": 5.39, "FSRCNN-RGBx3": 7.72, "ESPCN-RGBx3": 5.61}
CALIBRATION_IMAGES = 48


@dataclass(frozen=True)
class Row:
    """One network under one condition.

    Args:
        clip_in_loss: Whether the loss saw the clipped output.
        low: Of the file's output range.
        high: Of the file's output range.
        as_said_db: Drop of the converter's file read by its scale and zero point.
        as_pixels_db: Drop of the same file, its bytes read as pixels.
        ours_db: Drop of this project's file, its bytes read as pixels.
    """

    network: str
    steps: int
    clip_in_loss: bool
    float_db: float
    low: float
    high: float
    as_said_db: float
    as_pixels_db: float
    ours_db: float
    published_db: float


def by_converter(graph: Graph, weights: Weights, images: np.ndarray) -> bytes:
    """The file that TensorFlow's converter makes when it is left to choose all ranges."""
    import tensorflow as tf

    height, width = images.shape[1:3]

    def representative() -> Iterator[list[np.ndarray]]:
        for image in images:
            yield [image[None].astype(np.float32) / 255]

    with quiet():
        network = to_keras(graph, weights, height=height, width=width)
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.uint8
        return bytes(converter.convert())


def measure(bench: Bench, name: str, steps: int, clip_in_loss: bool) -> Row:
    """Trains, converts in both ways and reads the bytes in both ways."""
    graph = zoo_graph(name)
    found = recipe("xlsr")
    if not clip_in_loss:
        stage = replace(found.stages[0], clip_in_loss=False)
        found = replace(found, name="xlsr-unclipped", stages=(stage,))
    trained = bench.trained(name, graph, found, steps=steps, seed=0)
    float_db = bench.psnr_float_db(trained.graph, trained.weights)
    calibration = calibration_images(bench)
    file = by_converter(trained.graph, trained.weights, calibration)
    scale, zero = output_grid(file)
    codes = run_tflite(file, bench.lr)
    values = (codes.astype(np.float64) - zero) * scale
    as_said = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    weights, grid = quantize(trained.graph, trained.weights, image_tensor(calibration), method=BEST)
    size = bench.lr.shape[1]
    ours = run_tflite(to_tflite(trained.graph, weights, grid, height=size, width=size), bench.lr)
    return Row(
        name,
        steps,
        clip_in_loss,
        float_db,
        -zero * scale,
        (255 - zero) * scale,
        *(float_db - bench.psnr_db(images) for images in (as_said, codes, ours)),
        PUBLISHED_DROP_DB[name],
    )


def calibration_images(bench: Bench) -> np.ndarray:
    """Crops of the training images, as large as those that are measured."""
    count, size = CALIBRATION_IMAGES, bench.lr.shape[1]
    lr, _ = calibration_patches(bench.dataset.train, lr_size=size, count=count, seed=1, scale=3)
    return lr


def output_grid(file: bytes) -> tuple[float, int]:
    """Scale and zero point of the output of a file."""
    interpreter = Interpreter(model_content=file)
    scale, zero = interpreter.get_output_details()[0]["quantization"]
    return float(scale), int(zero)


def shown(row: Row) -> list[str]:
    """A row of the table."""
    drops = (row.as_said_db, row.as_pixels_db, row.ours_db, row.published_db)
    return [
        row.network,
        str(row.steps),
        "clipped" if row.clip_in_loss else "not clipped",
        f"{row.float_db:.2f}",
        f"{row.low:.3f}..{row.high:.3f}",
        *(f"{drop:.2f}" for drop in drops),
    ]


def main() -> None:
    """Prints one row a network and condition."""
    options = parser(__doc__)
    options.add_argument("--steps", type=int, nargs="+", default=[600, 4000])
    args = options.parse_args()
    bench = Bench(args)
    rows = []
    for steps in args.steps:
        for name in NETWORKS:
            for clip_in_loss in (True, False) if name == "XLSR" else (True,):
                rows.append(measure(bench, name, steps, clip_in_loss))
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    columns = [
        "network", "steps", "loss sees output", "float dB", "output range",
        "drop, as the file says", "drop, bytes as pixels", "drop, our file", "published drop",
    ]  # fmt: skip
    print(*table(columns, [shown(row) for row in rows]), sep="\n")
    print(f"\nRecipe xlsr, seed 0; {bench.facts()}")


if __name__ == "__main__":
    main()
