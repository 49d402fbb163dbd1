"""Dead leaves: training images from a seed, with the edges and the scales of photographs.

Overlapping shapes whose radii follow R^-3 have the same statistics at every zoom, as natural images
do; gradients and textures inside them teach a network more than edges alone.

Source:
    Lee, Mumford and Huang 2001 (doi:10.1023/A:1011109015675);
    Achddou, Gousseau and Ladjal 2021 (arXiv:2105.00749) for training on them.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nas.data.resample import Pixels

__all__ = ["dead_leaves"]

_Floats = NDArray[np.float32]

_OVERSAMPLING = 2  # painted larger without antialiasing, then averaged in blocks of 2x2
_SHAPES_PER_PIXEL = 2900 / 240**2  # at the smallest radius; covers about three times over
_BACKDROP = 40  # large shapes painted first, so that no hole remains in practice
_SMALLEST_RADIUS = (1.5, 4.0)  # pixels of the result; each image has its own, for calmer ones
_LARGEST_RADIUS = 1 / 3  # of the side


def dead_leaves(seed: int, count: int, size: int) -> list[Pixels]:
    """Generates square images; image i depends on `seed`, i and `size` only.

    Args:
        seed: 0 or more.
        count: How many images.
        size: Side in pixels, at least 8.

    Returns:
        `count` arrays, uint8 [size, size, 3].

    Example:
        >>> [image.shape for image in dead_leaves(seed=0, count=2, size=24)]
        [(24, 24, 3), (24, 24, 3)]
    """
    return [_image(np.random.default_rng([seed, index]), size) for index in range(count)]


@dataclass(frozen=True, slots=True)
class _Leaves:
    """One entry per shape, the back one first; lengths in oversampled pixels, angles in radians."""

    x: _Floats
    y: _Floats
    radius: _Floats
    aspect: _Floats  # short side over long side
    angle: _Floats
    kind: NDArray[np.int64]  # 0 disc, 1 rectangle, 2 ellipse, 3 triangle


def _image(rng: Generator, size: int) -> Pixels:
    side = size * _OVERSAMPLING
    leaves = _scatter(rng, size, side)
    owner = _paint(leaves, side)
    light = _shade(rng, leaves, owner)
    mean: _Floats = light[0::2, 0::2] + light[1::2, 0::2] + light[0::2, 1::2] + light[1::2, 1::2]
    image: Pixels = np.clip(mean / 4 + 0.5, 0, 255).astype(np.uint8)
    return image


def _scatter(rng: Generator, size: int, side: int) -> _Leaves:
    finest, calmest = (radius * _OVERSAMPLING for radius in _SMALLEST_RADIUS)
    largest = max(_LARGEST_RADIUS * side, 2 * calmest)
    smallest = math.exp(rng.uniform(math.log(finest), math.log(calmest)))
    # The mean area of a shape goes with r^2 log(R / r): keep what the shapes cover together.
    fewer = (finest / smallest) ** 2 * math.log(largest / finest) / math.log(largest / smallest)
    num = _BACKDROP + round(_SHAPES_PER_PIXEL * size**2 * fewer)
    # Density R^-3 between the two: R^-2 is uniform.
    radius = rng.uniform(largest**-2, smallest**-2, num) ** -0.5
    radius[:_BACKDROP] = rng.uniform(0.5, 1, _BACKDROP) * largest
    kind = rng.choice(4, num, p=[0.35, 0.4, 0.15, 0.1])
    aspect = np.where(kind == 0, 1.0, rng.uniform(0.25, 1, num))
    angle = rng.uniform(0, 2 * math.pi, num)
    # Man-made things stand upright: a third of the rectangles do.
    angle[(kind == 1) & (rng.random(num) < 0.33)] = 0
    f = np.float32
    x, y = rng.uniform(0, side, (2, num)).astype(f)
    return _Leaves(x, y, radius.astype(f), aspect.astype(f), angle.astype(f), kind)


def _paint(leaves: _Leaves, side: int) -> NDArray[np.int32]:
    """Which shape is seen at each pixel: [side, side] indices into `leaves`."""
    canvas = Image.new("I", (side, side), 0)
    draw = ImageDraw.Draw(canvas)
    corners = _outlines(leaves)
    boxes = np.stack([leaves.x, leaves.y, leaves.x, leaves.y], axis=1)
    boxes += leaves.radius[:, None] * np.array([-1, -1, 1, 1], np.float32)
    steps = zip(leaves.kind.tolist(), boxes.tolist(), corners, strict=True)
    for index, (kind, box, outline) in enumerate(steps):
        if kind == 0:
            draw.ellipse(box, fill=index)
        else:
            draw.polygon(outline, fill=index)
    return np.asarray(canvas, dtype=np.int32)


_CORNERS = {1: 4, 2: 14, 3: 3}  # of a kind's outline; Pillow cannot turn an ellipse


def _outlines(leaves: _Leaves) -> list[list[float]]:
    """x0, y0, x1, y1, ... of each shape; empty for discs."""
    outlines: list[list[float]] = [[] for _ in leaves.kind]
    for kind, corners in _CORNERS.items():
        chosen = np.flatnonzero(leaves.kind == kind)
        turn = (np.arange(corners) + 0.5) * (2 * math.pi / corners)
        along = leaves.radius[chosen, None] * np.cos(turn)
        across = leaves.radius[chosen, None] * leaves.aspect[chosen, None] * np.sin(turn)
        cos, sin = np.cos(leaves.angle[chosen, None]), np.sin(leaves.angle[chosen, None])
        x = leaves.x[chosen, None] + along * cos - across * sin
        y = leaves.y[chosen, None] + along * sin + across * cos
        points = np.stack([x, y], axis=2).reshape(len(chosen), -1).tolist()
        for index, outline in zip(chosen.tolist(), points, strict=True):
            outlines[index] = outline
    return outlines


def _shade(rng: Generator, leaves: _Leaves, owner: NDArray[np.int32]) -> _Floats:
    """Colour, gradient, texture and a soft light over everything: float32 [side, side, 3]."""
    side, num = owner.shape[0], len(leaves.kind)
    row, column = np.mgrid[:side, :side].astype(np.float32)
    image = _colours(rng, num)[owner]
    # Position inside the shape, in units of its radius.
    u = (column - leaves.x[owner]) / leaves.radius[owner]
    v = (row - leaves.y[owner]) / leaves.radius[owner]
    slope = rng.normal(0, 14, (2, num)).astype(np.float32)
    tint = rng.normal(1, 0.35, (num, 3)).astype(np.float32)
    image += (u * slope[0][owner] + v * slope[1][owner])[:, :, None] * tint[owner]
    texture = _waves(rng, owner, row, column, num) + _grain(rng, owner, num)
    soft_light = 1 + np.float32(0.12) * _cloud(rng, side, cells=4)
    image += texture[:, :, None]
    image *= soft_light[:, :, None]
    return image


def _colours(rng: Generator, num: int) -> _Floats:
    """[num, 3] colours: wide in brightness, shy in hue, drawn around a few of the image's own."""
    anchors = rng.normal(0, 1, (7, 2)) * np.array([26, 20])  # blue-yellow, red-green
    chroma = anchors[rng.integers(0, 7, num)] + rng.normal(0, 7, (num, 2))
    centre, spread = rng.uniform(85, 150), rng.uniform(40, 75)
    light = np.clip(rng.normal(centre, spread, num), 4, 250)
    # Dark and bright things are less colourful.
    chroma *= (1 - ((light - 127) / 150) ** 2)[:, None]
    red = light + 0.4 * chroma[:, 0] + 0.9 * chroma[:, 1]
    green = light + 0.1 * chroma[:, 0] - 0.45 * chroma[:, 1]
    blue = light - 1.0 * chroma[:, 0] - 0.1 * chroma[:, 1]
    return np.stack([red, green, blue], axis=1).astype(np.float32)


def _waves(
    rng: Generator, owner: NDArray[np.int32], row: _Floats, column: _Floats, num: int
) -> _Floats:
    """Stripes inside some shapes, from soft to hard: float32 [side, side]."""
    period = np.exp(rng.uniform(math.log(5), math.log(40), num))  # oversampled pixels
    angle, phase = rng.uniform(0, 2 * math.pi, (2, num))
    height = np.where(rng.random(num) < 0.28, rng.uniform(5, 32, num), 0)
    hardness = rng.choice([1.0, 1.0, 4.0], num)
    turns = 2 * math.pi / period
    f = np.float32
    waves = column * (turns * np.cos(angle)).astype(f)[owner]
    waves += row * (turns * np.sin(angle)).astype(f)[owner]
    waves = np.sin(waves + phase.astype(f)[owner]) * hardness.astype(f)[owner]
    striped: _Floats = np.clip(waves, -1, 1) * height.astype(f)[owner]
    return striped


def _grain(rng: Generator, owner: NDArray[np.int32], num: int) -> _Floats:
    """Noise inside some shapes, fine in some and cloudy in others: float32 [side, side]."""
    side = owner.shape[0]
    fine, medium, coarse = (_cloud(rng, side, max(2, side // cell)) for cell in (2, 5, 14))
    pick = rng.choice(4, num, p=[0.45, 0.2, 0.2, 0.15])
    height = rng.uniform(3, 20, num)
    grain = np.zeros_like(fine)
    for kind, noise in enumerate((fine, medium, coarse), start=1):
        grain += noise * np.where(pick == kind, height, 0).astype(np.float32)[owner]
    return grain


def _cloud(rng: Generator, side: int, cells: int) -> _Floats:
    """Smooth noise of about unit height: `cells` independent values along each side."""
    noise = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC))
