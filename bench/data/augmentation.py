"""Random changes of training images: drawn on the host, made on the device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.config.schema import AugmentConfig


def draw(
    config: AugmentConfig, *, count: int, side: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Draw the random changes of each image of a batch.

    On the host, so that a seed means the same on every device.

    Args:
        config: which changes, and how large.
        count: images.
        side: of an image in pixels.
        random: the step's generator.

    Returns:
        (5, count): whether it is mirrored (0 or 1), by how many pixels its content moves up and
        to the left, the factor of its contrast, and what is added to its brightness (on the
        scale 0..255).
    """
    drawn = np.zeros((5, count), dtype=np.float32)
    drawn[3] = 1.0
    if config.flip:
        drawn[0] = random.random(count) < 0.5
    if config.shift:
        most = int(config.shift * side)
        drawn[1:3] = random.integers(-most, most + 1, size=(2, count))
    if config.contrast:
        drawn[3] = random.uniform(1 - config.contrast, 1 + config.contrast, count)
    if config.brightness:
        change = random.uniform(-config.brightness, config.brightness, count)
        drawn[4] = 255.0 * change.astype(np.float32)
    return drawn


def augment(images: Tensor, config: AugmentConfig, draws: Tensor) -> Tensor:
    """Make the random changes of each image of a batch.

    Mirroring and moving are one gather of bytes; only then do the pixels become floats.

    Args:
        images: (b, 1, side, side) uint8.
        config: which changes.
        draws: (5, b) float32 from :func:`draw`, on the images' device.

    Returns:
        (b, 1, side, side) float32 on the scale 0..255, not clipped.
    """
    mirrored, up, left, gain, change = draws
    if config.flip or config.shift:
        images = _moved(images, mirrored=mirrored, up=up, left=left)
    x = images.float()
    if config.contrast:
        mean = x.mean(dim=(2, 3), keepdim=True)
        x = (x - mean) * _column(gain) + mean
    if config.brightness:
        x = x + _column(change)
    return x


def _moved(images: Tensor, *, mirrored: Tensor, up: Tensor, left: Tensor) -> Tensor:
    """Images mirrored, then moved, with black borders; (b, 1, side, side) uint8."""
    side = images.shape[-1]
    pixel = torch.arange(side, device=images.device)
    rows = pixel + up.long()[:, None]
    columns = pixel + left.long()[:, None]
    inside = _inside(rows, side)[:, :, None] & _inside(columns, side)[:, None, :]
    columns = torch.where(mirrored[:, None] > 0.5, side - 1 - columns, columns)
    image = torch.arange(len(images), device=images.device)[:, None, None]
    moved = images[
        image, 0, rows.clamp(0, side - 1)[:, :, None], columns.clamp(0, side - 1)[:, None, :]
    ]
    return (moved * inside)[:, None]


def _inside(pixel: Tensor, side: int) -> Tensor:
    return (pixel >= 0) & (pixel < side)


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]
