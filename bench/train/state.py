"""The whole state of a training, which a checkpoint holds as one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from bench.train import checkpoint
from bench.train.cuda_graph import StepRunner
from bench.train.history import Validation
from bench.train.optimizer import load_optimizer_state
from bench.train.step import Step

if TYPE_CHECKING:
    from timm.utils import ModelEmaV3


@dataclass(kw_only=True)
class TrainingState:
    """All that a training changes.

    Attributes:
        step: has network, optimiser and schedule, and counts the seconds of compiling.
        runner: takes the steps, and counts the seconds of capturing.
        average: of the weights over the steps; None for none.
        history: one entry a validation.
    """

    step: Step
    runner: StepRunner
    average: ModelEmaV3 | None = None
    history: list[Validation] = field(default_factory=list)

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and kept: with averaged weights, where there are any."""
        return self.step.network if self.average is None else self.average.module

    @property
    def iteration(self) -> int:
        """Steps taken up to the last validation."""
        return self.history[-1].iteration if self.history else 0

    @property
    def train_seconds(self) -> float:
        """Seconds in training steps up to the last validation."""
        return self.history[-1].train_seconds if self.history else 0.0

    @property
    def best_auc(self) -> float | None:
        """Highest validation AUC so far; None before the first validation."""
        return max((entry.validation_auc for entry in self.history), default=None)

    def is_over(self, max_iterations: int) -> bool:
        """Whether all steps were taken, or the schedule ended the training."""
        stopped = bool(self.history) and self.history[-1].decision == "stop"
        return stopped or self.iteration >= max_iterations

    @property
    def preparation_seconds(self) -> float:
        """Seconds spent in capturing and compiling so far, which are none of training."""
        return self.runner.capture_seconds + self.step.compile_seconds

    def save(self, folder: Path) -> None:
        """Write the state, and the weights by themselves where they are the best so far."""
        if self.history[-1].best:
            checkpoint.save({"network": self.judged.state_dict()}, folder / checkpoint.BEST)
        state = {
            "network": self.step.network.state_dict(),
            "average": None if self.average is None else self.average.module.state_dict(),
            "optimizer": self.step.optimizer.state_dict(),
            "schedule": vars(self.step.schedule),
            "history": [vars(entry) for entry in self.history],
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
