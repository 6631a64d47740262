"""A heat map over a radiograph, beside the radiograph as it is."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALLEST, LARGEST = 512, 1024
"""Length in pixels of the longer side of a drawn radiograph: others are resized to the nearer."""
STRONGEST = 0.6
"""Opacity of the map where it is largest."""
GAP = 8
COLOURS = "viridis"
"""Matplotlib's colours for the map; told apart by the colour-blind too."""


def draw_overlay(gray: NDArray[np.uint8], heat: NDArray[np.float32]) -> Image.Image:
    """A radiograph, and beside it the same under its map.

    Opacity and colour rise with the map from 0, where nothing is drawn, to the map's own largest
    value; so colours of two images cannot be compared.

    Args:
        gray: the radiograph, (height, width).
        heat: a map of the whole of it, (rows, columns) of any number; what is negative counts as 0.

    Returns:
        An RGB picture of two radiographs of equal size, their proportions kept.
    """
    height, width = gray.shape
    longer = max(height, width)
    scale = min(max(longer, SMALLEST), LARGEST) / longer
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BILINEAR))
    share = _shares(heat, size)
    plain = np.repeat(picture[:, :, None], 3, axis=2).astype(np.float32)
    opacity = (STRONGEST * share)[:, :, None]
    covered = plain * (1.0 - opacity) + _colours()[np.rint(255.0 * share).astype(int)] * opacity
    gap = np.full((size[1], GAP, 3), 255.0, np.float32)
    both = np.concatenate([plain, gap, covered], axis=1)
    return Image.fromarray(np.rint(both).astype(np.uint8))


def _shares(heat: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """The positive part of a map as shares of its largest value, at a size (width, height)."""
    positive = np.maximum(heat.astype(np.float32), 0.0)
    peak = float(positive.max(initial=0.0))
    if peak > 0.0:
        positive = positive / peak
    enlarged = Image.fromarray(positive).resize(size, Image.Resampling.BILINEAR)
    shares: NDArray[np.float32] = np.clip(np.asarray(enlarged), 0.0, 1.0)
    return shares


@cache
def _colours() -> NDArray[np.float32]:
    """Red, green and blue from 0 to 255 of each of 256 shares, (256, 3)."""
    from matplotlib import colormaps

    return (255.0 * colormaps[COLOURS](np.arange(256))[:, :3]).astype(np.float32)
