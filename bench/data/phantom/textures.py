"""Textures that all images share, made once per image size: vessels, mesh, clouds.

An image mixes them by its own weights, which costs far less than fresh noise with structure.
They are drawn once at ``MASTER`` pixels and reduced by area, so that a small image shows what
a large one shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.data.phantom.seeding import Purpose, generator

MASTER = 512
VESSEL_TREES = 6
MESHES = 3
CLOUDS = 8

Field = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Textures:
    """Textures at one image size, float32, each (number, size, size), read-only."""

    vessels: Field  # branching lines out of both hila, 0 to 1
    mesh: Field  # irregular net, coarse enough for small images, 0 to 1
    clouds: Field  # slow variation, mean 0, standard deviation 1 (at ``MASTER``)


@lru_cache(maxsize=4)
def textures(size: int) -> Textures:
    """The textures for images of ``size`` x ``size`` pixels."""
    return Textures(**{name: _resized(made, size) for name, made in vars(_masters()).items()})


@lru_cache(maxsize=1)
def _masters() -> Textures:
    rng = generator(0, Purpose.TEXTURE)
    mesh = [1.0 - np.abs(_band(rng, 7.0, 14.0)) / 0.5 for _ in range(MESHES)]
    return Textures(
        vessels=np.stack([_vessel_tree(rng) for _ in range(VESSEL_TREES)]),
        mesh=np.clip(np.stack(mesh), 0.0, 1.0).astype(np.float32),
        clouds=np.stack([_band(rng, 1.0, 7.0) for _ in range(CLOUDS)]),
    )


def _resized(stack: Field, size: int) -> Field:
    # BOX is the mean over each pixel's area, but leaves blocks when enlarging.
    kernel = Image.Resampling.BOX if size <= MASTER else Image.Resampling.BICUBIC
    resized = np.stack(
        [np.asarray(Image.fromarray(layer).resize((size, size), kernel)) for layer in stack]
    )
    resized.setflags(write=False)
    return resized


def _band(rng: np.random.Generator, low: float, high: float) -> Field:
    """Periodic Gaussian noise between two frequencies (cycles per image), mean 0, deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((MASTER, MASTER)))
    down = np.fft.fftfreq(MASTER, 1.0 / MASTER)[:, None]
    across = np.fft.rfftfreq(MASTER, 1.0 / MASTER)[None, :]
    frequency = np.hypot(down, across)
    spectrum *= (frequency >= low) & (frequency <= high)
    noise = np.fft.irfft2(spectrum, s=(MASTER, MASTER))
    noise -= noise.mean()
    noise /= noise.std()
    return np.asarray(noise, dtype=np.float32)


def _vessel_tree(rng: np.random.Generator) -> Field:
    """Vessels of both lungs, thinning out towards the chest wall."""
    image = Image.new("L", (2 * MASTER, 2 * MASTER))  # twice as large, so that lines get soft
    pen = ImageDraw.Draw(image)
    for side in (-1.0, 1.0):
        for angle in np.linspace(-1.35, 1.45, 8):
            start = (side * 0.16, 0.02 + 0.08 * angle)
            direction = float(angle) + rng.normal(0.0, 0.12)
            _branch(pen, rng, start=start, side=side, direction=direction, width=0.030, depth=5)
    reduced = image.resize((MASTER, MASTER), Image.Resampling.BOX)
    return np.asarray(reduced, dtype=np.float32) * np.float32(1.0 / 255.0)


def _branch(
    pen: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    *,
    start: tuple[float, float],
    side: float,
    direction: float,
    width: float,
    depth: int,
) -> None:
    """One vessel and its branches; ``direction`` is the angle to the horizontal, outwards."""
    length = rng.uniform(0.09, 0.17)
    end = (start[0] + side * length * math.cos(direction), start[1] + length * math.sin(direction))
    pixels = [tuple((c + 1.0) * MASTER for c in point) for point in (start, end)]
    brightness = int(255 * min(1.0, 0.25 + width * 25.0))
    pen.line([*pixels[0], *pixels[1]], fill=brightness, width=max(1, int(width * MASTER)))
    if depth == 0:
        return
    fork = rng.uniform(0.2, 0.45)
    for turn in (-fork, fork * rng.uniform(0.3, 0.9)):
        _branch(
            pen,
            rng,
            start=end,
            side=side,
            direction=direction + turn,
            width=width * rng.uniform(0.55, 0.75),
            depth=depth - 1,
        )
