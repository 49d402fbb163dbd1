"""How a network trains quantised: what a recipe says of it."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["LOSS_UNIT", "RANGE_SPEED", "WARMUP_STEPS", "Fqsr", "Qat"]

WARMUP_STEPS = 20
"""Steps in which DAIA sees the maxima it starts from; nothing is rounded before."""

LOSS_UNIT = 1 / 255
"""One of the steps of 0 to 255, in which FQSR's code has its images and so its loss.

A weight of the calibration loss is in this unit, for weights and normalised values inside a network
do not grow with the range of its images. Taken as it is beside a loss of images from 0 to 1, the
published weight of 0.3 costs a small SRResNet 0.5 dB at 8 bits.
"""

RANGE_SPEED = 8.0
"""How much further a step of the optimiser moves a trained range than a weight of size one.

Kernels have weights of about a tenth, so both change by the same share (the balance that Esser et
al. 2020 argue for). With a speed of 1, 600 steps of a small SRResNet at 4 bits end 0.6 dB lower. A
power of two, so that training begins with a factor of exactly one.
"""


@dataclass(frozen=True, slots=True)
class Qat:
    """INT8 training on the grids that the converted file has.

    Args:
        ranges: How the range of each grid comes about: "minmax" follows a moving average of the
            extremes; the others are trained: "lsq" (step), "pact" (clip of what is rectified) and
            "daia" (interval, started from the mean of maxima over 20 steps).
        sqcl: Weight of the calibration loss |Q(v) - v|, in `LOSS_UNIT` (0: none).
    """

    ranges: Literal["minmax", "lsq", "pact", "daia"] = "minmax"
    sqcl: float = 0.0


@dataclass(frozen=True, slots=True)
class Fqsr:
    """Fully quantised training at few bits: simulated only, no file holds it.

    An op that has fewer bits of its own is given those.

    Args:
        weights: Bits of kernels, 2 to 8, or 32 for float.
        features: Bits of what convolutions read.
        skips: Bits of what convolutions write and sums add.
        grid: "code": 2^bits levels without zero for signed data; "paper": 2 (2^bits - 1) + 1 levels
            with zero.
        scope: "paper" quantises everything; "code" leaves out what the authors' code does: the
            image, the output, and sums that are last or of normalised values.
        daia: Whether intervals are started from data and trained; else they follow a moving average
            of the maxima.
        sqcl: Weight of the calibration loss, in `LOSS_UNIT` (0: none).
        dorefa: Weights and activations as in DoReFa-Net instead, without intervals; a baseline.
    """

    weights: int = 8
    features: int = 8
    skips: int = 32
    grid: Literal["code", "paper"] = "code"
    scope: Literal["code", "paper"] = "code"
    daia: bool = True
    sqcl: float = 0.3
    dorefa: bool = False
