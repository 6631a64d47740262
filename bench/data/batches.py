"""Batches of training and evaluation images: uint8 rows of the pixels, changed on the device.

The training stream is a function of (seed, step) alone: step t holds the images t·B … t·B+B-1 of
an endless sequence of epoch permutations. So every batch is full (batch norm never sees a
left-over of one image), nothing is dropped, and a resumed run sees what an uninterrupted one
would have seen.

An image has a position in its part (0..len(part)-1) and a pixel row (its row of all pixels).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.config.schema import AugmentConfig
from bench.data.augmentation import augment, draw
from bench.data.normalisation import Normalisation
from bench.data.placement import Placement, to_device
from bench.randomness import generator


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """The images of a part with their targets, ready to be batched onto a device."""

    placement: Placement  # all images of the data set, placed for the device
    pixel_rows: NDArray[np.int64]  # the pixel row of each position of this part, (n,) int64
    targets: NDArray[np.int64] | NDArray[np.float32]  # (n,) int64 or (n, labels) float32
    normalisation: Normalisation  # applied on the device
    in_channels: int  # 1, or 3 for the same image three times

    def __len__(self) -> int:
        return len(self.pixel_rows)

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self.placement.device

    def part(self, positions: slice) -> ImageSet:
        """The images at some positions, as a set of their own."""
        return replace(self, pixel_rows=self.pixel_rows[positions], targets=self.targets[positions])

    def images_at(self, positions: NDArray[np.int64]) -> Tensor:
        """Images (b, 1, side, side) uint8 at some positions, on the device."""
        return self.placement.gather(self.pixel_rows[positions]).unsqueeze(1)

    def targets_at(self, positions: NDArray[np.int64]) -> Tensor:
        """Targets at some positions, on the device."""
        return to_device(self.targets[positions], self.device)

    def to_input(self, images: Tensor) -> Tensor:
        """uint8 (or already float, 0..255) images to the network's normalised float32 input."""
        scale = 1.0 / (255.0 * self.normalisation.std)
        shift = -self.normalisation.mean / self.normalisation.std
        x = images.to(torch.float32, copy=True).mul_(scale).add_(shift)
        return x if self.in_channels == 1 else x.expand(-1, self.in_channels, -1, -1)

    def in_order(self, batch_size: int) -> Iterator[Tensor]:
        """Every image once, in order, as network input; the last batch may be short."""
        for start in range(0, len(self), batch_size):
            positions = np.arange(start, min(start + batch_size, len(self)))
            yield self.to_input(self.images_at(positions))


class Batch(NamedTuple):
    """The images of a step before they are changed at random and normalised, on the device."""

    images: Tensor  # (b, 1, side, side) uint8
    # The random changes, from :func:`bench.data.augmentation.draw`; None for none.
    draws: Tensor | None
    # (b,) int64 or (b, labels) float32; of the whole batch, where several processes have its
    # images.
    targets: Tensor


class TrainingStream:
    """The training batches of a run, by step; order and changes follow from its seed and step.

    Batches hold the images at their own positions, by default all. Targets and random changes are
    those of the whole batch.
    """

    def __init__(
        self,
        images: ImageSet,
        *,
        batch_size: int,
        seed: int,
        augment: AugmentConfig,
        own: NDArray[np.int64] | None = None,
    ) -> None:
        self._images = images
        self._batch_size = batch_size
        self._seed = seed
        self._augment = augment
        self._own = slice(None) if own is None else own
        self._order: dict[int, NDArray[np.int64]] = {}

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self._images.device

    def positions(self, step: int) -> NDArray[np.int64]:
        """Positions in the training part of the images of a step, (batch_size,)."""
        count = len(self._images)
        first, end = step * self._batch_size, (step + 1) * self._batch_size
        parts = []
        while first < end:
            epoch, start = divmod(first, count)
            part = self._permutation(epoch)[start : start + end - first]
            parts.append(part)
            first += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def batch(self, step: int) -> Batch:
        """The images of a step as they are stored, and their random changes."""
        positions = self.positions(step)
        images = self._images.images_at(positions[self._own])
        draws = None
        if self._augment != AugmentConfig():
            drawn = draw(
                self._augment,
                count=self._batch_size,
                side=self._images.placement.side,
                random=generator(self._seed, "augment", step),
            )
            draws = to_device(np.ascontiguousarray(drawn[:, self._own]), images.device)
        return Batch(images, draws, self._images.targets_at(positions))

    def to_input(self, batch: Batch) -> Tensor:
        """Network input (b, channels, side, side) float32; on the device alone."""
        images = batch.images
        if batch.draws is not None:
            images = augment(images, self._augment, batch.draws)
        return self._images.to_input(images)

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._order:
            # A step spans two epochs at most unless the set is smaller than a batch; older
            # permutations can always be drawn again.
            self._order = {e: p for e, p in self._order.items() if e >= epoch - 1}
            self._order[epoch] = generator(self._seed, "order", epoch).permutation(
                len(self._images)
            )
        return self._order[epoch]
