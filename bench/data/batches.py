"""Batches: uint8 rows of the memory map, gathered, moved to the device, changed there.

The stream is a function of (seed, step) alone: step t holds the images at places t·B … t·B+B-1
of an endless sequence of epoch permutations. So every batch is full (batch norm never sees a
left-over of one image), nothing is dropped, and a resumed run sees what an uninterrupted one
would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.config.schema import AugmentConfig
from bench.randomness import generator


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Mean and standard deviation of the training pixels, on the scale 0..1.

    The same for every network, pretrained ones included: they were trained on inputs of about
    zero mean and unit variance, and this gives them such inputs.
    """

    mean: float
    std: float


def measure_normalisation(
    pixels: NDArray[np.uint8], pixel_rows: NDArray[np.int64], *, chunk: int = 256
) -> Normalisation:
    """Mean and standard deviation over all pixels of some rows, from their exact histogram.

    Args:
        pixels: (images, side, side) uint8.
        pixel_rows: rows to measure, (n,).
        chunk: rows held in memory at once.
    """
    counts = np.zeros(256, dtype=np.int64)
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
    """Some images of a memory map with their targets, ready to be batched onto a device.

    Attributes:
        pixels: (all images, side, side) uint8, usually a memory map.
        pixel_rows: this set's rows of it, (n,) int64.
        targets: (n,) int64 or (n, labels) float32.
        normalisation: applied on the device.
        in_channels: 1, or 3 for the same image three times.
        device: where the batches go.
    """

    pixels: NDArray[np.uint8]
    pixel_rows: NDArray[np.int64]
    targets: NDArray[np.int64] | NDArray[np.float32]
    normalisation: Normalisation
    in_channels: int
    device: torch.device

    def __len__(self) -> int:
        return len(self.pixel_rows)

    def gather(self, places: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Images (b, 1, side, side) uint8 and targets at some places of this set, on the device."""
        rows = np.ascontiguousarray(self.pixels[self.pixel_rows[places]])
        images = torch.from_numpy(rows).unsqueeze(1)
        targets = torch.from_numpy(self.targets[places])
        return images.to(self.device), targets.to(self.device)

    def to_input(self, images: Tensor) -> Tensor:
        """uint8 (or already float, 0..255) images to the network's normalised float32 input."""
        scale = 1.0 / (255.0 * self.normalisation.std)
        shift = -self.normalisation.mean / self.normalisation.std
        x = images.float().mul_(scale).add_(shift)
        return x if self.in_channels == 1 else x.expand(-1, self.in_channels, -1, -1)

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once, in order, as network input and targets; the last batch may be short."""
        for start in range(0, len(self), batch_size):
            places = np.arange(start, min(start + batch_size, len(self)))
            images, targets = self.gather(places)
            yield self.to_input(images), targets


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

    def places(self, step: int) -> NDArray[np.int64]:
        """Places in the training part of the images of a step, (batch_size,)."""
        count = len(self._images)
        positions = np.arange(step * self._batch_size, (step + 1) * self._batch_size)
        epochs, within = positions // count, positions % count
        return np.concatenate(
            [self._permutation(int(e))[within[epochs == e]] for e in np.unique(epochs)]
        )

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Network input (b, channels, side, side) float32 and targets of a step."""
        images, targets = self._images.gather(self.places(step))
        if self._augment != AugmentConfig():
            images = augment(images, self._augment, generator(self._seed, "augment", step))
        return self._images.to_input(images), targets

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._order:
            # A step spans two epochs at most unless the set is smaller than a batch; older
            # permutations can always be drawn again.
            self._order = {e: p for e, p in self._order.items() if e >= epoch - 1}
            self._order[epoch] = generator(self._seed, "order", epoch).permutation(
                len(self._images)
            )
        return self._order[epoch]


def augment(images: Tensor, config: AugmentConfig, random: np.random.Generator) -> Tensor:
    """Change each image of a batch at random.

    The numbers are drawn on the CPU, so that a seed means the same on every device.

    Args:
        images: (b, 1, side, side) uint8.
        config: which changes, and how large.
        random: the step's generator.

    Returns:
        (b, 1, side, side) float32 on the scale 0..255, not clipped.
    """
    count, _, side, _ = images.shape
    device = images.device
    x = images.float()
    if config.flip:
        mirrored = torch.from_numpy(random.random(count) < 0.5).to(device)
        x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    if config.shift:
        most = int(config.shift * side)
        offsets = torch.from_numpy(random.integers(-most, most + 1, size=(2, count))).to(device)
        padded = torch.nn.functional.pad(x, (most, most, most, most))
        place = torch.arange(side, device=device)
        rows = (place + most + offsets[0, :, None])[:, :, None]
        columns = (place + most + offsets[1, :, None])[:, None, :]
        x = padded[torch.arange(count, device=device)[:, None, None], 0, rows, columns][:, None]
    if config.contrast:
        gain = _column(random.uniform(1 - config.contrast, 1 + config.contrast, count), device)
        mean = x.mean(dim=(2, 3), keepdim=True)
        x = (x - mean) * gain + mean
    if config.brightness:
        change = random.uniform(-config.brightness, config.brightness, count)
        x = x + 255.0 * _column(change, device)
    return x


def _column(values: NDArray[np.float64], device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)[:, None, None, None]
