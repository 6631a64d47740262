"""Batches: uint8 rows of the pixels, gathered and changed on the device.

The stream is a function of (seed, step) alone: step t holds the images at places t·B … t·B+B-1
of an endless sequence of epoch permutations. So every batch is full (batch norm never sees a
left-over of one image), nothing is dropped, and a resumed run sees what an uninterrupted one
would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.config.schema import AugmentConfig
from bench.data.placement import Placement, to_device
from bench.randomness import generator


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Mean and standard deviation of the training pixels, on the scale 0..1.

    The same for every network, pretrained ones included: they were trained on inputs of about
    zero mean and unit variance, and this gives them such inputs.
    """

    mean: float
    std: float


# Pixels that are counted at once: numpy counts in copies of eight times their size, which would be
# gigabytes for some hundred large images, and is quickest where the copy stays in a cache.
COUNTED_AT_ONCE = 2**17


def measure_normalisation(
    pixels: NDArray[np.uint8], pixel_rows: NDArray[np.int64]
) -> Normalisation:
    """Mean and standard deviation over all pixels of some rows, from their exact histogram.

    Args:
        pixels: (images, side, side) uint8.
        pixel_rows: rows to measure, (n,).
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


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Some images with their targets, ready to be batched onto a device.

    Attributes:
        pixels: all images of the data set, placed for the device.
        pixel_rows: this set's rows of it, (n,) int64.
        targets: (n,) int64 or (n, labels) float32.
        normalisation: applied on the device.
        in_channels: 1, or 3 for the same image three times.
    """

    pixels: Placement
    pixel_rows: NDArray[np.int64]
    targets: NDArray[np.int64] | NDArray[np.float32]
    normalisation: Normalisation
    in_channels: int

    def __len__(self) -> int:
        return len(self.pixel_rows)

    @property
    def device(self) -> torch.device:
        """Where the batches go."""
        return self.pixels.device

    def gather(self, places: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Images (b, 1, side, side) uint8 and targets at some places of this set, on the device."""
        images = self.pixels.gather(self.pixel_rows[places]).unsqueeze(1)
        return images, to_device(self.targets[places], self.device)

    def expect(self, places: NDArray[np.int64]) -> None:
        """Say which places are gathered next."""
        self.pixels.expect(self.pixel_rows[places])

    def to_input(self, images: Tensor) -> Tensor:
        """uint8 (or already float, 0..255) images to the network's normalised float32 input."""
        scale = 1.0 / (255.0 * self.normalisation.std)
        shift = -self.normalisation.mean / self.normalisation.std
        x = images.float().mul_(scale).add_(shift)
        return x if self.in_channels == 1 else x.expand(-1, self.in_channels, -1, -1)

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once, in order, as network input and targets; the last batch may be short."""
        chunks = [
            np.arange(start, min(start + batch_size, len(self)))
            for start in range(0, len(self), batch_size)
        ]
        for places, following in zip_longest(chunks, chunks[1:]):
            images, targets = self.gather(places)
            if following is not None:
                self.expect(following)
            yield self.to_input(images), targets


class Batch(NamedTuple):
    """The images of a step before they are changed at random and normalised, on the device.

    Attributes:
        images: (b, 1, side, side) uint8.
        draws: what is changed at random, from :func:`draw`; None where nothing is.
        targets: (b,) int64 or (b, labels) float32.
    """

    images: Tensor
    draws: Tensor | None
    targets: Tensor


class TrainingStream:
    """The training batches of a run, by step.

    Args:
        images: the training part.
        batch_size: images a step.
        seed: the run's seed; order and augmentation follow from it and the step.
        augment: random changes.
    """

    def __init__(
        self, images: ImageSet, *, batch_size: int, seed: int, augment: AugmentConfig
    ) -> None:
        self._images = images
        self._batch_size = batch_size
        self._seed = seed
        self._augment = augment
        self._order: dict[int, NDArray[np.int64]] = {}
        self._following: tuple[int, NDArray[np.int64]] | None = None

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        return self._images.device

    def places(self, step: int) -> NDArray[np.int64]:
        """Places in the training part of the images of a step, (batch_size,)."""
        count = len(self._images)
        first, end = step * self._batch_size, (step + 1) * self._batch_size
        parts = []
        while first < end:
            epoch, start = divmod(first, count)
            part = self._permutation(epoch)[start : start + end - first]
            parts.append(part)
            first += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def raw(self, step: int) -> Batch:
        """The images of a step as they are stored, and what is to be changed about them.

        The next step's images are sent on their way.
        """
        following = self._following
        places = following[1] if following and following[0] == step else self.places(step)
        images, targets = self._images.gather(places)
        self._following = step + 1, self.places(step + 1)
        self._images.expect(self._following[1])
        draws = None
        if self._augment != AugmentConfig():
            drawn = draw(
                self._augment,
                count=self._batch_size,
                side=self._images.pixels.side,
                random=generator(self._seed, "augment", step),
            )
            draws = to_device(drawn, images.device)
        return Batch(images, draws, targets)

    def to_input(self, batch: Batch) -> Tensor:
        """Network input (b, channels, side, side) float32; on the device alone."""
        images = batch.images
        if batch.draws is not None:
            images = augment(images, self._augment, batch.draws)
        return self._images.to_input(images)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Network input (b, channels, side, side) float32 and targets of a step."""
        raw = self.raw(step)
        return self.to_input(raw), raw.targets

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._order:
            # A step spans two epochs at most unless the set is smaller than a batch, and the
            # next one is looked at too; older permutations can always be drawn again.
            self._order = {e: p for e, p in self._order.items() if e >= epoch - 1}
            self._order[epoch] = generator(self._seed, "order", epoch).permutation(
                len(self._images)
            )
        return self._order[epoch]


def draw(
    config: AugmentConfig, *, count: int, side: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Draw how each image of a batch is changed.

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
    """Change each image of a batch as it was drawn.

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
    """Mirrored first, then moved, black where nothing comes from; (b, 1, side, side) uint8."""
    side = images.shape[-1]
    place = torch.arange(side, device=images.device)
    rows = place + up.long()[:, None]
    columns = place + left.long()[:, None]
    inside = _inside(rows, side)[:, :, None] & _inside(columns, side)[:, None, :]
    columns = torch.where(mirrored[:, None] > 0.5, side - 1 - columns, columns)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    taken = images[
        which, 0, rows.clamp(0, side - 1)[:, :, None], columns.clamp(0, side - 1)[:, None, :]
    ]
    return (taken * inside)[:, None]


def _inside(place: Tensor, side: int) -> Tensor:
    return (place >= 0) & (place < side)


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]
