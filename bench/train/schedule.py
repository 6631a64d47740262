"""Schedules of the learning rate: the paper's decay at plateaus, made a rule, and a cosine.

The paper divided the learning rate by 2, 5 or 10 "manually through monitoring the loss curve".
Here: divide it when the validation loss has not fallen for ``patience`` validations, and stop
at the plateau after the last decay. The rule is ours; the factors are the paper's.

The cosine is that of Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.config.schema import TrainConfig

Decision = Literal["improved", "waiting", "decay", "stop"]


@dataclass(kw_only=True)
class Schedule:
    """A learning rate that stays as it is after its warm-up; its fields are its state."""

    warmup: int = 0  # steps in which the rate rises to its full height, in a straight line
    best_loss: float = math.inf

    def rate(self, full: float, step: int) -> float:
        """Learning rate of a step.

        Args:
            full: the rate without warm-up and decay.
            step: number of steps taken before it.
        """
        return full * (step + 1) / self.warmup if step < self.warmup else full

    @property
    def changes_every_step(self) -> bool:
        """Whether the rate may change between two validations."""
        return self.warmup > 0

    def update(self, loss: float) -> Decision:
        """Take the newest validation loss and say what follows from it."""
        if loss < self.best_loss:
            self.best_loss = loss
            return "improved"
        return "waiting"


@dataclass(kw_only=True)
class PlateauDecay(Schedule):
    """Decides after each validation whether to go on, decay or stop."""

    factor: float  # by which the rate is divided at a decay
    patience: int  # validations without a lower validation loss that make a plateau
    max_decays: int  # decays before the next plateau ends the training
    waited: int = 0  # validations since the loss fell, or since the last decay
    decays: int = 0

    def rate(self, full: float, step: int) -> float:
        """Learning rate of a step; see :meth:`Schedule.rate`."""
        for _ in range(self.decays):
            full /= self.factor
        return super().rate(full, step)

    def update(self, loss: float) -> Decision:
        """Take the newest validation loss and say what follows from it."""
        if super().update(loss) == "improved":
            self.waited = 0
            return "improved"
        self.waited += 1
        if self.waited < self.patience:
            return "waiting"
        self.waited = 0
        if self.decays == self.max_decays:
            return "stop"
        self.decays += 1
        return "decay"


@dataclass(kw_only=True)
class CosineDecay(Schedule):
    """Half a cosine from the full rate, after the warm-up, to nothing after the last step."""

    steps: int

    def rate(self, full: float, step: int) -> float:
        """Learning rate of a step; see :meth:`Schedule.rate`."""
        if step < self.warmup:
            return super().rate(full, step)
        done = (step - self.warmup) / (self.steps - self.warmup)
        return full * 0.5 * (1 + math.cos(math.pi * done))

    @property
    def changes_every_step(self) -> bool:
        """Whether the rate may change between two validations."""
        return True


def make_schedule(config: TrainConfig) -> Schedule:
    """The schedule of a training by its settings."""
    warmup = round(config.warmup * config.max_iterations)
    if config.schedule == "cosine":
        return CosineDecay(warmup=warmup, steps=config.max_iterations)
    return PlateauDecay(
        warmup=warmup,
        factor=config.decay_factor,
        patience=config.patience,
        max_decays=config.max_decays,
    )
