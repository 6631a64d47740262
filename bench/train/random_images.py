"""Random images for a training step that is checked or timed before there are any data."""

from __future__ import annotations

import numpy as np
import torch

from bench.data.batches import ImageSet
from bench.data.normalisation import Normalisation
from bench.data.placement import place_pixels
from bench.randomness import generator
from bench.registry import TargetKind

# Standard deviation of random bytes, on the scale 0..1.
_STD = ((256**2 - 1) / 12) ** 0.5 / 255


def random_images(
    count: int,
    *,
    side: int,
    device: torch.device,
    in_channels: int = 1,
    outputs: int = 2,
    kind: TargetKind = "multiclass",
) -> ImageSet:
    """Images of random bytes with random targets, the same at every call.

    Args:
        count: images, of ``side`` pixels a side.
    """
    pixels = generator(0, "random pixels").integers(0, 256, (count, side, side), dtype=np.uint8)
    random = generator(0, "random targets")
    if kind == "multiclass":
        targets = random.integers(0, outputs, count)
    else:
        targets = random.integers(0, 2, (count, outputs)).astype(np.float32)
    return ImageSet(
        placement=place_pixels(pixels, device=device),
        pixel_rows=np.arange(count),
        targets=targets,
        normalisation=Normalisation(mean=0.5, std=_STD),
        in_channels=in_channels,
    )
