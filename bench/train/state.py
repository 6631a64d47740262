"""The whole state of a training, which a checkpoint holds as one record, and when one is due."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bench.config.schema import TrainConfig
from bench.train import checkpoint
from bench.train.cuda_graph import StepRunner
from bench.train.device import wait_for
from bench.train.distributed.group import ALONE, Group
from bench.train.history import Validation
from bench.train.optimizer import load_optimizer_state
from bench.train.step import Step

if TYPE_CHECKING:
    from timm.utils import ModelEmaV3

# A checkpoint between validations may take a fiftieth of the time before it: 2 % of the training.
LEAST_RATIO = 50


@dataclass(kw_only=True)
class ValidationInterval:
    """The steps since the last validation."""

    # float64 (steps of the whole interval,), mean loss of each step taken, on the device: reading
    # one at every step would make the host wait.
    losses: Tensor
    # Of their gradients, likewise; NaN where none is computed, and before an interruption.
    norms: Tensor
    taken: int = 0  # number of steps taken
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
    """Time of the next checkpoint: ``seconds`` after the last, or later where it takes long."""

    seconds: float  # between two checkpoints, at least
    # When the last one was written, by the monotonic clock.
    ended: float = field(default_factory=time.monotonic)
    cost: float = 0.0  # seconds that the last one took

    @property
    def is_due(self) -> bool:
        """Whether the next checkpoint is to be written."""
        return time.monotonic() - self.ended >= max(self.seconds, LEAST_RATIO * self.cost)

    def saved(self, began: float) -> None:
        """Take note of a checkpoint that has been written since a time of the monotonic clock."""
        self.ended = time.monotonic()
        self.cost = self.ended - began


@dataclass(kw_only=True)
class TrainingState:
    """All that a training changes."""

    config: TrainConfig
    step: Step  # has network, optimiser and schedule, and counts the seconds of compiling
    runner: StepRunner  # takes the steps, and counts the seconds of capturing
    timer: SaveTimer
    average: ModelEmaV3 | None = None  # of the weights over the steps; None for none
    group: Group = ALONE  # the processes that train; the first one writes
    history: list[Validation] = field(default_factory=list)
    interval: ValidationInterval = field(init=False)
    is_unsaved: bool = False  # whether steps were taken that no checkpoint has

    def __post_init__(self) -> None:
        self.begin_interval()

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and kept: with averaged weights, where there are any."""
        return self.step.network if self.average is None else self.average.module

    @property
    def validated(self) -> int:
        """Steps taken up to the last validation."""
        return self.history[-1].iteration if self.history else 0

    @property
    def iteration(self) -> int:
        """Steps taken."""
        return self.validated + self.interval.taken

    @property
    def train_seconds(self) -> float:
        """Seconds in the steps taken."""
        validated = self.history[-1].train_seconds if self.history else 0.0
        return validated + self.interval.seconds

    @property
    def best_auc(self) -> float | None:
        """Highest validation AUC so far; None before the first validation."""
        return max((entry.validation_auc for entry in self.history), default=None)

    @property
    def is_over(self) -> bool:
        """Whether the last validation was taken, or the schedule ended the training."""
        stopped = bool(self.history) and self.history[-1].decision == "stop"
        return stopped or self.validated >= self.config.max_iterations

    @property
    def preparation_seconds(self) -> float:
        """Seconds spent in capturing and compiling so far, which are none of training."""
        return self.runner.capture_seconds + self.step.compile_seconds

    def begin_interval(self) -> None:
        """Begin the steps up to the next validation."""
        steps = min(self.config.validate_every, self.config.max_iterations - self.validated)
        self.interval = ValidationInterval.of(max(steps, 0), device=self.step.stream.device)

    def save(self, folder: Path) -> None:
        """Write the state, and after a validation the weights that are the best so far."""
        wait_for(self.step.stream.device)  # its steps are no part of what a checkpoint takes
        began = time.monotonic()
        if self.group.is_first:
            self._write(folder)
        self.is_unsaved = False
        self.timer.saved(began)

    def _write(self, folder: Path) -> None:
        if not self.interval.taken and self.history[-1].best:
            checkpoint.save({"network": self.judged.state_dict()}, folder / checkpoint.BEST)
        state = {
            "network": self.step.network.state_dict(),
            "average": None if self.average is None else self.average.module.state_dict(),
            "optimizer": self.step.optimizer.state_dict(),
            "schedule": vars(self.step.schedule),
            "history": [vars(entry) for entry in self.history],
            "losses": self.interval.losses[: self.interval.taken].clone(),
            "interval_seconds": self.interval.seconds,
            "capture_seconds": self.runner.capture_seconds,
            "compile_seconds": self.step.compile_seconds,
        }
        checkpoint.save(state, folder / checkpoint.LAST)

    def restore(self, folder: Path) -> bool:
        """Go on from the state in a folder; whether there was one."""
        device = self.step.stream.device
        state = checkpoint.load(folder / checkpoint.LAST, device=device)
        if state is None:
            return False
        self.step.network.load_state_dict(state["network"])
        if self.average is not None:
            self.average.module.load_state_dict(state["average"])
        load_optimizer_state(self.step.optimizer, state["optimizer"])
        vars(self.step.schedule).update(state["schedule"])
        self.history = [Validation(**entry) for entry in state["history"]]
        self.begin_interval()
        for loss in state["losses"]:
            self.interval.add(loss)
        self.interval.seconds = state["interval_seconds"]
        self.runner.capture_seconds = state["capture_seconds"]
        self.step.compile_seconds = state["compile_seconds"]
        return True


def average_of(network: nn.Module, *, decay: float) -> ModelEmaV3 | None:
    """The average of a network's weights over the steps; None where its decay is 0."""
    if not decay:
        return None
    from timm.utils import ModelEmaV3

    # Without its warm-up the initial weights would weigh for 1 / (1 - decay) steps.
    return ModelEmaV3(network, decay=decay, use_warmup=True)
