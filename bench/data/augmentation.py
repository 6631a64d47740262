"""Random changes of training images: drawn on the host, made on the device."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bench.config.schema import AugmentConfig

# Rows of the drawn numbers: mirrored (0 or 1), pixels up and to the left, contrast, brightness, and
# the affine map from an output's coordinates to the input's, row by row, in which the image
# reaches from -1 to 1.
ROWS = 11
_PLAIN = np.array([0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0], dtype=np.float32)


def draw(
    config: AugmentConfig, *, count: int, side: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Draw the random changes of each image of a batch.

    On the host, so that a seed means the same on every device.

    Returns:
        (ROWS, count): whether it is mirrored (0 or 1), by how many pixels its content moves up and
        to the left, the factor of its contrast, what is added to its brightness (on the scale
        0..255), and the six numbers of an affine map (:func:`torch.nn.functional.affine_grid`).
    """
    drawn = np.repeat(_PLAIN[:, None], count, axis=1)
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
    if _resamples(config):
        drawn[5:] = _draw_affine(config, count=count, random=random)
    return drawn


def _resamples(config: AugmentConfig) -> bool:
    return bool(config.rotate or config.scale or config.crop)


def _draw_affine(
    config: AugmentConfig, *, count: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Maps of a rotated and scaled window of each image, (6, count)."""
    angle = np.radians(random.uniform(-config.rotate, config.rotate, count))
    # Larger by a factor is as likely as smaller by it.
    larger = np.exp(random.uniform(-1, 1, count) * np.log1p(config.scale))
    window = random.uniform(1 - config.crop, 1, count)
    x, y = random.uniform(-1, 1, (2, count)) * (1 - window)
    cos, sin = np.cos(angle) * window / larger, np.sin(angle) * window / larger
    return np.stack([cos, -sin, x, sin, cos, y])


def augment(images: Tensor, config: AugmentConfig, draws: Tensor) -> Tensor:
    """Make the random changes, from :func:`draw`, of a batch's images, (b, 1, side, side) uint8.

    Mirroring and moving are one gather of bytes. Only then do the pixels become floats, which
    rotation, scale and crop interpolate once, together. The result is float32 on the scale 0..255,
    not clipped.
    """
    mirrored, up, left, gain, change = draws[:5]
    if config.flip or config.shift:
        images = _moved(images, mirrored=mirrored, up=up, left=left)
    x = images.float()
    if _resamples(config):
        affine = draws[5:].T.reshape(-1, 2, 3)
        grid = F.affine_grid(affine, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
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
