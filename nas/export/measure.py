"""What each form of a network makes of the check images: PSNR image by image, and differences.

Only numpy here: the forms themselves are given as functions, so a check without torch or TensorFlow
measures exactly as the export did.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nas.data.metrics import psnr_db
from nas.data.resample import Pixels
from nas.export.check_set import CheckSet, Numbers

__all__ = ["Form", "Measured", "Run", "measure"]

Run = Callable[[Pixels], Numbers]
"""One image uint8 (h, w, 3) -> (scale h, scale w, 3), uint8 or float in 0..1."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to run the network.

    Args:
        name: Such as "keras".
        file: Of the package, or "" where nothing is read but graph and weights.
        precision: "float" or "int8".
        runtime: What ran it.
    """

    name: str
    file: str
    precision: str
    runtime: str


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A form on the check images.

    Args:
        form: Which.
        psnr_db: Of each image against its original; RGB, `scale` pixels shaved.
        outputs: What it made, as it came, without what is beyond the image.
    """

    form: Form
    psnr_db: tuple[float, ...]
    outputs: tuple[Numbers, ...]

    def largest_difference(self, other: "Measured") -> float:
        """Between both outputs, limited to 0..1."""
        pairs = zip(self.outputs, other.outputs, strict=True)
        return max(float(np.abs(a.clip(0, 1) - b.clip(0, 1)).max()) for a, b in pairs)


def measure(form: Form, run: Run, images: CheckSet, size: tuple[int, int] | None) -> Measured:
    """Runs a form on all check images, placed in its input size."""
    outputs, psnrs_db = [], []
    for place, image in enumerate(images.placed(size)):
        output, original = images.cut(place, run(image))
        outputs.append(output)
        psnrs_db.append(psnr_db(_codes(output), original, shave=images.scale))
    return Measured(form, tuple(psnrs_db), tuple(outputs))


def _codes(output: Numbers) -> Pixels:
    if output.dtype == np.uint8:
        return output
    codes: Pixels = np.rint(output.clip(0, 1) * 255).astype(np.uint8)
    return codes
