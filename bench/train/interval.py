"""The steps since the last validation, and when a checkpoint is due between two validations."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

# A checkpoint between validations may take a fiftieth of the time before it: 2 % of the training.
LEAST_RATIO = 50


@dataclass(kw_only=True)
class ValidationInterval:
    """The steps since the last validation.

    Attributes:
        losses: float64 (steps of the whole interval,), mean loss of each step taken, on the device:
            reading one at every step would make the host wait.
        norms: of their gradients, likewise; NaN where none is computed, and before an interruption.
        taken: number of steps taken.
        seconds: spent in them.
    """

    losses: Tensor
    norms: Tensor
    taken: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, steps: int, *, device: torch.device) -> ValidationInterval:
        """An interval of so many steps, none of them taken."""
        empty = torch.full((steps,), math.nan, dtype=torch.float64, device=device)
        return cls(losses=empty, norms=empty.clone())

    def add(self, loss: Tensor, norm: Tensor | None = None) -> None:
        """Take down the mean loss of the next step, and the norm of its gradient if known."""
        self.losses[self.taken] = loss
        if norm is not None:
            self.norms[self.taken] = norm
        self.taken += 1

    @property
    def is_over(self) -> bool:
        """Whether all its steps were taken."""
        return self.taken == len(self.losses)

    @property
    def mean_loss(self) -> float:
        """Mean loss of its steps; waits for the device, and does not depend on it."""
        return math.fsum(self.losses[: self.taken].tolist()) / self.taken

    @property
    def first_not_finite(self) -> int | None:
        """Position of the first step whose loss is not finite; None where all are."""
        faulty = (~self.losses[: self.taken].isfinite()).nonzero()
        return int(faulty[0]) if len(faulty) else None


@dataclass(kw_only=True)
class SaveTimer:
    """Time of the next checkpoint: ``seconds`` after the last, or later where it takes long.

    Attributes:
        seconds: between two checkpoints, at least.
        ended: when the last one was written, by the monotonic clock.
        cost: seconds that the last one took.
    """

    seconds: float
    ended: float = field(default_factory=time.monotonic)
    cost: float = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the next checkpoint is to be written."""
        return time.monotonic() - self.ended >= max(self.seconds, LEAST_RATIO * self.cost)

    def saved(self, began: float) -> None:
        """Take note of a checkpoint that has been written since a time of the monotonic clock."""
        self.ended = time.monotonic()
        self.cost = self.ended - began
