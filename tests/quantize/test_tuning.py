"""Tuned ranges are never worse on the images they are tuned on, and leave bad ones."""

import torch

from nas.quantize.calibration import calibrate
from nas.quantize.scheme import grid_of, read_scheme
from nas.quantize.simulate import Simulation
from nas.quantize.tuning import tune_ranges
from nas.readers.to_torch import image_tensor, to_torch
from nas.zoo import zoo_entry
from tests.networks import sensible_weights, smooth_images

XLSR = zoo_entry("XLSR").build()


def test_ranges_that_are_too_wide_become_narrower_and_fixed_ones_stay() -> None:
    weights = sensible_weights(XLSR)
    images = image_tensor(smooth_images(2, 16, 16))
    scheme = read_scheme(XLSR)
    good = calibrate(XLSR, weights, images)
    wide = tuple(
        grid if index in scheme.fixed else grid_of(1.6 * grid.low, 1.6 * grid.high)
        for index, grid in zip(scheme.group, good, strict=True)
    )
    with torch.no_grad():
        wanted = to_torch(XLSR, weights)(images)
    found = tune_ranges(XLSR, weights, wide, images, [wanted])
    tuned = [i for i in range(len(good)) if scheme.group[i] not in scheme.fixed]
    narrower = [i for i in tuned if found[i].scale < 0.95 * wide[i].scale]
    assert len(narrower) > len(tuned) / 2
    assert all(found[i] == wide[i] for i in range(len(good)) if i not in tuned)
    by_group = {(index, grid) for index, grid in zip(scheme.group, found, strict=True)}
    assert len(by_group) == len(set(scheme.group))  # still one grid a group

    def error(grid: tuple) -> float:  # type: ignore[type-arg]
        written = Simulation(XLSR, weights, grid)(images)
        return float((written - wanted.clamp(0, 1)).square().mean())

    assert error(found) < 0.8 * error(wide)
    assert error(tune_ranges(XLSR, weights, good, images, [wanted])) <= error(good)
