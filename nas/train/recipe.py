"""Recipes: how a network is trained, as frozen tables of numbers."""

from dataclasses import dataclass

__all__ = ["FINAL", "SEARCH", "Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run.

    Args:
        steps: Length of the cosine schedule.
        rungs: Steps at which the network is quantised and measured; the last may be below `steps`.
        batch_size: Patches a step.
        lr_patch: Low-resolution patch edge in pixels.
        learning_rate: Peak of the schedule (Adam).
        readout_factor: Multiplies the learning rate of the last convolution.
        warmup_steps: Linear rise of the learning rate.
        ema_decay: Of the averaged weights, which are the ones that are read.
        body_gain: Multiplies He-normal weights beside the three identity paths of the start.
        ridge: Pull of closed-form readouts towards the trained weights, relative to the mean
            diagonal of the normal matrix.
        solve_patches: Patches of `solve_lr_size` for readouts and calibration.
        solve_lr_size: Low-resolution edge of these patches in pixels.
        validation_crops: How many low-resolution crops of 64x64 pixels are measured.
    """

    steps: int = 1000
    rungs: tuple[int, ...] = (100, 300, 1000)
    batch_size: int = 8
    lr_patch: int = 24
    learning_rate: float = 4e-3
    readout_factor: float = 0.5
    warmup_steps: int = 30
    ema_decay: float = 0.97
    body_gain: float = 0.7
    ridge: float = 1.0
    solve_patches: int = 48
    solve_lr_size: int = 32
    validation_crops: int = 24


SEARCH = Recipe()
FINAL = Recipe(steps=3000, rungs=(3000,), learning_rate=2e-3, ema_decay=0.99)
