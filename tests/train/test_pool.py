"""Gathering on a device gives the patches that cutting on the processor gives, bit for bit."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.data.images import Pair
from nas.data.patches import Augment, Draws, PatchSampler
from nas.train.feed import Feed
from nas.train.pool import PixelPool, is_pooled, shared_pool
from nas.train.sources import HostSource, PoolSource
from nas.train.stages import Stage

ALL = Augment(intensities=(1.0, 0.7, 0.5), shuffle=True)


def noise(name: str, height: int, width: int, scale: int) -> Pair:
    rng = np.random.default_rng(height * width)
    sizes = (height, width, 3), (height * scale, width * scale, 3)
    return Pair(name, *(rng.integers(0, 256, size, np.uint8) for size in sizes))


def pairs(scale: int) -> list[Pair]:
    return [noise("a", 9, 14, scale), noise("small", 5, 30, scale), noise("c", 17, 8, scale)]


@pytest.mark.parametrize("scale", [2, 3])
def test_every_turn_and_every_order_of_colours_is_that_of_the_sampler(scale: int) -> None:
    """All 8 turns times all 6 orders, in two images of different widths, at the last place too."""
    kept = [pair for pair in pairs(scale) if pair.name != "small"]
    sampler = PatchSampler(kept, lr_patch=6, scale=scale, seed=0)
    cases = [(turn, order) for turn in range(8) for order in permutations(range(3))]
    size = len(cases)
    images = np.arange(size) % 2
    room = np.array([pair.lr.shape[:2] for pair in kept])[images] - 6
    where = np.arange(size)[:, None] * [5, 7] % (room + 1)
    where[:2] = room[:2]
    draws = Draws(
        images,
        where[:, 0],
        where[:, 1],
        np.array([turn for turn, _ in cases]),
        np.linspace(0.3, 1, size).astype(np.float32),
        np.array([order for _, order in cases]),
    )
    sampler.augment = ALL  # so that colours count
    pool = PixelPool(kept, "cpu")
    found = pool.gather(pool.reads(draws, 6, scale), 6, scale)
    factors = torch.from_numpy(draws.intensities)[:, None, None, None]
    for got, cut in zip(found, sampler.cut(draws), strict=True):
        wanted = torch.from_numpy(cut).permute(0, 3, 1, 2).float().div(255) * factors
        assert torch.equal(got, wanted)
        assert got.is_contiguous(memory_format=torch.channels_last)


@given(step=st.integers(0, 10**6), size=st.integers(1, 9), shuffle=st.booleans())
def test_pool_and_host_show_the_same_patches(step: int, size: int, shuffle: bool) -> None:
    images = pairs(3)
    augment = replace(ALL, shuffle=shuffle)
    sampler = PatchSampler(images, lr_patch=6, scale=3, seed=4, augment=augment)
    assert len(sampler.pairs) == 2  # one is too small, so places differ
    source = PoolSource(sampler, size, PixelPool(images, "cpu"))
    host = HostSource(sampler, size, "cpu").patches(step)
    pool = source.gather(source.reads(step, step + 2)[0])
    assert all(torch.equal(a, b) for a, b in zip(host, pool, strict=True))


def test_one_intensity_that_is_not_one_counts_too() -> None:
    def lr(*intensities: float) -> torch.Tensor:
        augment = Augment(intensities=intensities)
        sampler = PatchSampler(pairs(2), lr_patch=4, scale=2, seed=0, augment=augment)
        return HostSource(sampler, 2, "cpu").patches(0)[0]

    torch.testing.assert_close(lr(0.5), lr(1.0) * 0.5)


def test_trainings_on_the_same_images_share_them() -> None:
    images = pairs(2)
    first = shared_pool(images, "cpu")
    assert shared_pool(list(images), "cpu") is first
    assert shared_pool(images[:2], "cpu") is not first
    assert shared_pool(pairs(2), "cpu") is not first
    assert is_pooled(images, "cpu")
    del first
    assert not is_pooled(images, "cpu")  # with the last training


def test_images_go_to_a_gpu_that_has_room_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice their size must be free; what is there already needs no room."""
    images = pairs(2)
    size_bytes = sum(pair.lr.nbytes + pair.hr.nbytes for pair in images)
    free = [2 * size_bytes]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free[0], 10**9))
    stage = Stage(1, batch_size=2, lr_patch=4)
    feeds = [Feed(images, scale=2, seed=0) for _ in range(3)]
    assert isinstance(feeds[0].source(stage, "meta"), HostSource)
    free[0] += 1
    assert isinstance(feeds[1].source(stage, "meta"), PoolSource)
    free[0] = 0
    assert isinstance(feeds[2].source(stage, "meta"), PoolSource)


def test_patches_shrink_to_what_half_of_the_images_have() -> None:
    feed = Feed(pairs(3), scale=3, seed=0)  # shorter sides 5, 8 and 9
    assert [feed.largest_patch(wanted) for wanted in (4, 8, 9, 64)] == [4, 8, 8, 8]
    source = feed.source(Stage(1, batch_size=2, lr_patch=64), "cpu")
    assert isinstance(source, HostSource)
    lr, hr = source.patches(0)
    assert (tuple(lr.shape), tuple(hr.shape)) == ((2, 3, 8, 8), (2, 3, 24, 24))
