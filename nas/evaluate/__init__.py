"""Evaluation of super-resolution networks on test images, as papers report it.

    model ── load_upscaler ──▶ Upscaler ─┐
                                         ├─ score ──▶ ImageScore ... ──▶ mean, interval, difference
    folder ─ load_images ────▶ Pairs ────┘                └────────────▶ pictures

`upscaler` finds out what a person means and hands it to `torch_network`, `keras_file` or
`tflite_file`. Files of anybody say little of themselves: `ends` finds the range of their numbers,
`any_size` which images they run as a whole; `tiles` cuts the others, with the overlap that `reach`
reads from a graph. `photo` reads what people photograph, `enlarged` writes what becomes of it.
`scores` and `statistics` compute the figures, `images` loads and `pictures` shows. Only the loader
of a model's kind imports its heavy library.
"""

from nas.evaluate.scores import ImageScore, score
from nas.evaluate.upscaler import Upscaler, load_upscaler

__all__ = ["ImageScore", "Upscaler", "load_upscaler", "score"]
