"""Mean and standard deviation by which a network's input is scaled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Mean and standard deviation of pixels, on the scale 0..1.

    Of the training pixels; or, for a pretrained network, those it was pretrained with.
    """

    mean: float
    std: float


# Pixels that are counted at once: numpy counts in copies of eight times their size, which would be
# gigabytes for some hundred large images, and is quickest where the copy stays in a cache.
COUNTED_AT_ONCE = 2**17


def measure_normalisation(
    pixels: NDArray[np.uint8], pixel_rows: NDArray[np.int64]
) -> Normalisation:
    """Mean and standard deviation over all pixels, (images, side, side) uint8, of some rows.

    They are computed from the exact histogram.
    """
    counts = np.zeros(256, dtype=np.int64)
    chunk = max(1, COUNTED_AT_ONCE // pixels.shape[1] ** 2)
    for start in range(0, len(pixel_rows), chunk):
        block = pixels[pixel_rows[start : start + chunk]]
        counts += np.bincount(block.ravel(), minlength=256)
    values = np.arange(256) / 255.0
    mean = float(counts @ values / counts.sum())
    variance = float(counts @ (values - mean) ** 2 / counts.sum())
    # A constant image set would divide by zero; any positive number leaves it constant.
    return Normalisation(mean=mean, std=max(variance**0.5, 1e-3))
