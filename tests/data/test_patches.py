"""Patches: pure in (seed, step, size), aligned in both resolutions."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.dead_leaves import dead_leaves
from nas.data.images import Pair
from nas.data.patches import Augment, PatchSampler, calibration_patches, validation_crops
from nas.data.resample import downscale
from nas.errors import DataError

PLAIN = Augment()
ALL = Augment(intensities=(1.0, 0.7, 0.5), shuffle=True)
PAIRS = [Pair(str(i), downscale(image, 3), image) for i, image in enumerate(dead_leaves(0, 3, 90))]


def coded(name: int, height: int, width: int) -> Pair:
    """A pair whose pixels say which image, row and column they are of."""
    row, column = np.mgrid[:height, :width]
    lr = np.stack([np.full_like(row, name), row, column], axis=2).astype(np.uint8)
    return Pair(str(name), lr, lr.repeat(3, 0).repeat(3, 1))


def sampler(
    pairs: list[Pair], lr_patch: int = 8, seed: int = 0, augment: Augment = PLAIN
) -> PatchSampler:
    return PatchSampler(pairs, lr_patch=lr_patch, scale=3, seed=seed, augment=augment)


def interior_difference(low: np.ndarray, high: np.ndarray) -> int:
    return int(np.abs(downscale(high, 3).astype(int) - low)[2:-2, 2:-2].max())


def corners(lr: np.ndarray) -> list[tuple[int, int, int]]:
    return [tuple(crop.reshape(-1, 3).min(0).tolist()) for crop in lr]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 10**7), st.integers(1, 9))
def test_a_batch_is_a_function_of_seed_step_and_size(seed: int, step: int, size: int) -> None:
    used = sampler(PAIRS, seed=seed)
    used.batch(step + 1, size)
    for a, b in zip(
        used.batch(step, size), sampler(PAIRS, seed=seed).batch(step, size), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    lr, hr = used.batch(step, size)
    assert (lr.shape, hr.shape) == ((size, 8, 8, 3), (size, 24, 24, 3))
    assert (lr.dtype, hr.dtype) == (np.uint8, np.uint8)


def test_steps_and_seeds_differ() -> None:
    first = sampler(PAIRS).batch(0, 8)[0]
    assert not np.array_equal(first, sampler(PAIRS).batch(1, 8)[0])
    assert not np.array_equal(first, sampler(PAIRS, seed=1).batch(0, 8)[0])


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_an_hr_patch_downscales_to_its_lr_patch_inside(step: int) -> None:
    lr, hr = sampler(PAIRS, lr_patch=12).batch(step, 2)
    for low, high in zip(lr, hr, strict=True):
        # A quarter turn swaps the two passes, and between them is clipped: try both orders.
        straight = interior_difference(low, high)
        turned = interior_difference(low.swapaxes(0, 1), high.swapaxes(0, 1))
        assert min(straight, turned) <= 1  # halves may round the other way when mirrored


def test_all_eight_turns_occur() -> None:
    lr, _ = sampler([coded(0, 8, 8)]).batch(0, 200)
    assert len({patch.tobytes() for patch in lr}) == 8


def test_every_position_is_reached_and_none_outside() -> None:
    lr, _ = sampler([coded(0, 10, 9)]).batch(0, 400)
    assert set(corners(lr)) == {(0, top, left) for top in range(3) for left in range(2)}


# What steps 0 and 5 of seed 7 have shown since the first release: image, top, left, turn.
SHOWN = [
    (0, [(3, 26, 12, 2), (3, 28, 7, 0), (1, 1, 5, 7), (3, 32, 6, 2)]),
    (5, [(3, 11, 20, 0), (1, 0, 18, 6), (1, 2, 6, 4)]),
]


@pytest.mark.parametrize(("step", "shown"), SHOWN, ids=["step 0", "step 5"])
def test_patches_stay_what_they_were(step: int, shown: list[tuple[int, int, int, int]]) -> None:
    pairs = [coded(1, 20, 30), coded(2, 16, 9), coded(3, 40, 40)]
    lr, _ = sampler(pairs, seed=7).batch(step, len(shown))
    for patch, (image, top, left, turn) in zip(lr, shown, strict=True):
        rows, columns = np.mgrid[top : top + 8, left : left + 8]
        rows, columns = (rows[::-1], columns[::-1]) if turn & 1 else (rows, columns)
        rows, columns = (rows[:, ::-1], columns[:, ::-1]) if turn & 2 else (rows, columns)
        rows, columns = (rows.T, columns.T) if turn & 4 else (rows, columns)
        np.testing.assert_array_equal(patch[..., 0], image)
        np.testing.assert_array_equal(patch[..., 1], rows)
        np.testing.assert_array_equal(patch[..., 2], columns)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**7), st.integers(1, 9))
def test_draws_are_all_that_is_needed_to_make_the_patches(step: int, size: int) -> None:
    used = sampler(PAIRS, augment=Augment(shuffle=True))
    draws = used.draws(step, size)
    lr, hr = used.batch(step, size)
    for i in range(size):
        pair = used.pairs[draws.images[i]]
        top, left, turn = draws.tops[i], draws.lefts[i], draws.turns[i]
        for found, image, times in ((lr[i], pair.lr, 1), (hr[i], pair.hr, 3)):
            rows = slice(top * times, (top + 8) * times)
            patch = image[rows, left * times : (left + 8) * times]
            patch = patch[::-1] if turn & 1 else patch
            patch = patch[:, ::-1] if turn & 2 else patch
            patch = patch.transpose(1, 0, 2) if turn & 4 else patch
            np.testing.assert_array_equal(found, patch[:, :, draws.colours[i]])


def test_what_is_done_to_patches_does_not_change_which_they_are() -> None:
    plain, bare, every = (
        sampler(PAIRS, augment=augment).draws(3, 64)
        for augment in (PLAIN, Augment(geometric=False), ALL)
    )
    for other in (bare, every):
        np.testing.assert_array_equal(other.images, plain.images)
        np.testing.assert_array_equal(other.tops, plain.tops)
        np.testing.assert_array_equal(other.lefts, plain.lefts)
    np.testing.assert_array_equal(every.turns, plain.turns)


def test_nothing_is_done_that_was_not_asked_for() -> None:
    draws = sampler(PAIRS, augment=Augment(geometric=False)).draws(0, 64)
    assert set(draws.turns.tolist()) == {0}
    assert set(draws.intensities.tolist()) == {1.0}
    np.testing.assert_array_equal(draws.colours, np.tile([0, 1, 2], (64, 1)))


def test_intensities_are_drawn_equally_often() -> None:
    drawn = sampler(PAIRS, augment=ALL).draws(0, 3000).intensities
    assert drawn.dtype == np.float32
    for intensity in (1.0, 0.7, 0.5):
        assert np.mean(drawn == np.float32(intensity)) == pytest.approx(1 / 3, abs=0.035)  # 4 sigma


def test_all_six_orders_of_the_colours_are_drawn_equally_often() -> None:
    colours = sampler(PAIRS, augment=ALL).draws(0, 3000).colours
    orders, counts = np.unique(colours, axis=0, return_counts=True)
    assert len(orders) == 6
    assert np.all(np.sort(orders, axis=1) == [0, 1, 2])
    np.testing.assert_allclose(counts / 3000, 1 / 6, atol=0.028)  # 4 sigma


def test_batch_refuses_intensities_which_whole_numbers_would_round() -> None:
    used = sampler(PAIRS, augment=ALL)
    message = "uint8 patches cannot have intensities (1.0, 0.7, 0.5)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        used.batch(0, 4)
    assert used.cut(used.draws(0, 4))[1].shape == (4, 24, 24, 3)


def test_images_are_picked_by_area() -> None:
    lr, _ = sampler([coded(1, 10, 20), coded(2, 30, 20)]).batch(0, 2000)
    assert np.mean(lr[:, 0, 0, 0] == 2) == pytest.approx(3 / 4, abs=0.04)  # 4 sigma


def test_images_smaller_than_a_patch_are_never_picked() -> None:
    lr, _ = sampler([coded(1, 7, 200), coded(2, 8, 8)]).batch(0, 50)
    assert set(lr[:, 0, 0, 0].tolist()) == {2}


def test_calibration_patches_are_random_and_repeatable() -> None:
    lr, hr = calibration_patches(PAIRS, lr_size=8, count=5, seed=3, scale=3)
    assert (lr.shape, hr.shape) == ((5, 8, 8, 3), (5, 24, 24, 3))
    again, _ = calibration_patches(PAIRS, lr_size=8, count=5, seed=3, scale=3)
    np.testing.assert_array_equal(lr, again)
    other, _ = calibration_patches(PAIRS, lr_size=8, count=5, seed=4, scale=3)
    assert not np.array_equal(lr, other)


def test_one_validation_crop_an_image_is_its_centre() -> None:
    lr, hr = validation_crops([coded(0, 20, 30), coded(1, 12, 11)], lr_size=8, scale=3, count=2)
    assert corners(lr) == [(0, 6, 11), (1, 2, 1)]
    np.testing.assert_array_equal(hr, lr.repeat(3, 1).repeat(3, 2))


def test_fewer_crops_than_images_are_spread_evenly() -> None:
    lr, _ = validation_crops([coded(i, 9, 9) for i in range(9)], lr_size=8, scale=3, count=3)
    assert [name for name, _, _ in corners(lr)] == [1, 4, 7]


def test_more_crops_do_not_overlap_while_there_is_room() -> None:
    lr, _ = validation_crops([coded(0, 24, 24), coded(1, 24, 24)], lr_size=8, scale=3, count=18)
    places = corners(lr)
    assert sorted(places) == [(i, y, x) for i in (0, 1) for y in (0, 8, 16) for x in (0, 8, 16)]
    assert places[:2] == [(0, 8, 8), (1, 8, 8)]
    assert [name for name, _, _ in places] == [0, 1] * 9


def test_a_large_image_does_not_outweigh_a_small_one() -> None:
    lr, _ = validation_crops([coded(0, 24, 24), coded(1, 8, 12)], lr_size=8, scale=3, count=7)
    assert [name for name, _, _ in corners(lr)] == [0, 1, 0, 1, 0, 1, 0]


def test_the_outermost_tiles_follow_the_centre() -> None:
    lr, _ = validation_crops([coded(0, 24, 24)], lr_size=8, scale=3, count=5)
    assert corners(lr) == [(0, 8, 8), (0, 0, 0), (0, 0, 16), (0, 16, 0), (0, 16, 16)]


def test_when_no_room_is_left_crops_overlap() -> None:
    lr, _ = validation_crops([coded(0, 12, 12)], lr_size=8, scale=3, count=6)
    assert len(lr) == 6
    again, _ = validation_crops([coded(0, 12, 12)], lr_size=8, scale=3, count=6)
    np.testing.assert_array_equal(lr, again)
    assert len(set(corners(lr))) > 2


def test_validation_skips_images_smaller_than_a_crop() -> None:
    lr, _ = validation_crops([coded(0, 7, 90), coded(1, 8, 8)], lr_size=8, scale=3, count=2)
    assert [name for name, _, _ in corners(lr)] == [1, 1]


@pytest.mark.parametrize(
    "cut",
    [
        sampler,
        lambda pairs: validation_crops(pairs, lr_size=8, scale=3, count=1),
        lambda pairs: calibration_patches(pairs, lr_size=8, count=1, seed=0, scale=3),
    ],
    ids=["sampler", "crops", "calibration"],
)
def test_no_image_as_large_as_a_patch_is_an_error(cut: Callable[[list[Pair]], object]) -> None:
    pairs = [coded(0, 7, 90), coded(1, 90, 7)]
    with pytest.raises(DataError) as caught:
        cut(pairs)
    assert str(caught.value) == (
        "none of 2 images is as large as 8x8 in low resolution "
        "(give images of at least 24x24 pixels)"
    )


def test_a_pair_of_another_scale_is_refused() -> None:
    message = "0: HR (27, 27, 3) is not x2 of (9, 9, 3)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PatchSampler([coded(0, 9, 9)], lr_patch=8, scale=2, seed=0)
