"""What a recipe consists of: stages as frozen tables. No torch here but in the losses.

Steps are those of the published recipe. A run with a smaller budget maps each of its steps to the
published step at the same fraction of the stage, so that any schedule keeps its shape.
"""

from dataclasses import dataclass, field
from typing import Literal

from nas.data.patches import Augment
from nas.quantize.settings import Fqsr, Qat
from nas.train.losses import L1, Loss
from nas.train.schedules import Constant, Schedule

__all__ = ["Fqsr", "Prune", "Qat", "Recipe", "Stage"]


@dataclass(frozen=True, slots=True)
class Prune:
    """Channels that a stage takes out at its beginning, those that the loss would miss least.

    Args:
        keep: Fraction of the channels of each inner convolution that stays.
    """

    keep: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a training, with its own optimiser state.

    Args:
        steps: Of the optimiser, as published.
        schedule: Learning rate of each step.
        loss: What is minimised.
        batch_size: Patches a step.
        lr_patch: Low-resolution patch edge in pixels.
        augment: What is done to patches at random.
        optimizer: "soap" is Adam along directions that are found for each kernel.
        betas: Of Adam.
        epsilon: Of Adam.
        clip_in_loss: Whether the output clip is run before the loss; its gradient vanishes where it
            limits.
        activation: What stands in for each ReLU in this stage.
        ema_decay: Of the averaged weights, which are the ones that are read; 0: none.
        weight_clip: Kernels are limited to this magnitude after each step; 0: not.
        centre_gradients: Whether the mean of each filter's gradient is subtracted from it.
        distil: Weight of the L1 distance to the output of the network at the end of the stage
            before.
        adversarial: Weight of the loss of a discriminator that trains beside (SRGAN).
        prune: What is taken out first.
        fuse: Whether train-time forms are first collapsed, so that plain convolutions train.
        carry: Whether the long skip is first rewritten into three channels that carry the image
            through the convolutions, whose weights are then kept.
        quantisation: Whether and how the network trains quantised.
    """

    steps: int
    schedule: Schedule = field(default=Constant(1e-3))
    loss: Loss = field(default=L1())
    batch_size: int = 16
    lr_patch: int = 64
    augment: Augment = field(default=Augment())
    optimizer: Literal["adam", "soap"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    clip_in_loss: bool = True
    activation: Literal["relu", "silu"] = "relu"
    ema_decay: float = 0.0
    weight_clip: float = 0.0
    centre_gradients: bool = False
    distil: float = 0.0
    adversarial: float = 0.0
    prune: Prune | None = None
    fuse: bool = False
    carry: bool = False
    quantisation: Qat | Fqsr | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    Args:
        name: As `--recipe` takes it.
        source: Paper and section.
        stages: One after the other.
        start: "he", or "identity", whose readout is solved in closed form.
        gain: Multiplies the deviation of random kernels at the start (XLSR: sqrt of its variance
            scale).
        ridge: Where not None, the weights that are read have their last convolution solved anew,
            with this pull towards the trained ones.
        restarts: How often a training that swings out, or whose loss is no longer finite, begins
            again, each time at half the rate.
        note: What the paper leaves open and was chosen here; on which data it was published.
    """

    name: str
    source: str
    stages: tuple[Stage, ...]
    start: Literal["he", "identity"] = "he"
    gain: float = 1.0
    ridge: float | None = None
    restarts: int = 0
    note: str = ""

    @property
    def steps(self) -> int:
        """Of all stages, as published."""
        return sum(stage.steps for stage in self.stages)
