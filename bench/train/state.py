"""The whole state of a training, which a checkpoint holds as one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.train import checkpoint
from bench.train.cuda_graph import StepRunner
from bench.train.history import Validation
from bench.train.optimizer import load_optimizer_state
from bench.train.schedule import PlateauDecay
from bench.train.step import Step


@dataclass(kw_only=True)
class TrainingState:
    """All that a training changes.

    Attributes:
        step: has the network and the optimiser, and counts the seconds of compiling.
        runner: takes the steps, and counts the seconds of capturing.
        schedule: decides on the learning rate after each validation.
        history: one entry a validation.
    """

    step: Step
    runner: StepRunner
    schedule: PlateauDecay
    history: list[Validation] = field(default_factory=list)

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
        network = self.step.network.state_dict()
        if self.history[-1].best:
            checkpoint.save({"network": network}, folder / checkpoint.BEST)
        state = {
            "network": network,
            "optimizer": self.step.optimizer.state_dict(),
            "schedule": vars(self.schedule),
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
        load_optimizer_state(self.step.optimizer, state["optimizer"])
        self.schedule = PlateauDecay(**state["schedule"])
        self.history = [Validation(**entry) for entry in state["history"]]
        self.runner.capture_seconds = state["capture_seconds"]
        self.step.compile_seconds = state["compile_seconds"]
        return True
