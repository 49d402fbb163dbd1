"""Ways to quantise a trained network, made of named parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nas.quantize.calibration import MINMAX, Calibration

__all__ = ["BEST", "METHODS", "PLAIN", "READOUT", "REFIT", "Layers", "Method"]

Layers = Literal["none", "readout", "all"]
"""To which convolutions a part applies; the readout is the one that writes the pixels."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way of post-training quantisation.

    Args:
        calibration: How ranges follow from what is seen on representative images.
        equalize: Whether channels that share a grid are first brought to one range.
        bias_correction: Whether the bias of each convolution makes good the mean error of its
            output, one after the other on what the quantised network feeds it.
        refit: Convolutions that are solved anew on the features of the quantised network, to write
            what they wrote in the float network.
        feedback: Convolutions in which each weight's rounding makes good that of the others.
        alternatives: Other calibrations that are tried; the one with which the output changes least
            is kept.
        tune_ranges: Whether each range is at last moved to where the output changes least.
        per_channel: Whether each output channel of a kernel has a scale of its own.
        activation_bits: Of what is between convolutions.
    """

    calibration: Calibration = MINMAX
    equalize: bool = True
    bias_correction: bool = False
    refit: Layers = "readout"
    feedback: Layers = "readout"
    alternatives: tuple[Calibration, ...] = ()
    tune_ranges: bool = False
    per_channel: bool = True
    activation_bits: Literal[8, 16] = 8


READOUT = Method()
PLAIN = Method(equalize=False, refit="none", feedback="none")
REFIT = Method(Calibration("mse"), refit="all", feedback="all")
BEST = Method(refit="all", feedback="all", alternatives=(Calibration("mse"),), tune_ranges=True)
METHODS: Mapping[str, Method] = {
    "plain": PLAIN,
    "equalize": Method(refit="none", feedback="none"),
    "bias-correction": Method(bias_correction=True, refit="none", feedback="none"),
    "feedback": Method(refit="none", feedback="all"),
    "readout": READOUT,
    "refit": REFIT,
    "best": BEST,
}
"""By the name that a person gives."""
