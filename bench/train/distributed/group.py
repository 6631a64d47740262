"""The processes of one training, as each of them sees the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Group:
    """A process of a training, and the others beside it.

    All of them hold the same weights and take the same decisions. Images are divided among them,
    and what follows from an image is brought together again.
    """

    rank: int = 0  # number of this process, from 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def share(self, images: int) -> slice:
        """The images of a list of so many that fall to this process: shares differ by one image."""
        least, more = divmod(images, self.count)
        start = self.rank * least + min(self.rank, more)
        return slice(start, start + least + (self.rank < more))

    def positions(self, batch: int, *, parts: int) -> list[NDArray[np.int64]]:
        """Positions in a batch that fall to this process, of each of its micro-batches."""
        divided = np.array_split(np.arange(batch), parts)
        return [part[self.share(len(part))] for part in divided]

    def whole(self, own: Tensor, images: int) -> Tensor:
        """The rows of all images, from those of this process's share; the same bits in each.

        Args:
            own: (share of the images, ...), on the device of the group.
            images: how many there are in all.

        Returns:
            (images, ...). Gradients flow to ``own`` alone: each process computes with the rows of
            all, and differentiates by its own.
        """
        if self.count == 1:
            return own
        share = self.share(images)
        # Adding zeros changes no bit, and needs no shares of equal size.
        rows = own.new_zeros((images, *own.shape[1:]))
        rows[share] = own.detach()
        dist.all_reduce(rows)
        return torch.cat([rows[: share.start], own, rows[share.stop :]])

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            dist.barrier()


ALONE = Group()
"""A process that trains by itself."""
