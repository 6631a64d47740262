"""Records of a training: its data, each validation, the result, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.data.batches import ImageSet
from bench.registry import TargetKind
from bench.train.schedule import Decision


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The two parts that a training looks at."""

    # On the same device.
    training: ImageSet
    validation: ImageSet
    kind: TargetKind


@dataclass(frozen=True, kw_only=True)
class Validation:
    """One line of a run's history."""

    iteration: int  # steps taken
    lr: float  # learning rate of the last step before it, without layer decay
    train_loss: float  # mean loss of those steps
    validation_loss: float  # mean loss over the validation part
    # AUC over the validation part (:func:`bench.train.score.overall_auc`); NaN where it is
    # undefined.
    validation_auc: float
    decision: Decision  # of the decay schedule (improved, waiting, decay, stop)
    # Whether the AUC is the highest so far, so that the weights were kept; where AUC is undefined,
    # those of the first validation are.
    best: bool
    # Seconds in training steps since the start of the run, without those that an interruption lost.
    train_seconds: float


@dataclass(frozen=True, kw_only=True)
class Training:
    """A finished training; the network holds its best weights."""

    history: tuple[Validation, ...]
    # Seconds in capturing steps as CUDA graphs (:mod:`bench.train.cuda_graph`).
    capture_seconds: float
    compile_seconds: float  # seconds in compiling the network, in every process that trained it

    @property
    def best(self) -> Validation:
        """The validation whose weights were kept."""
        return [entry for entry in self.history if entry.best][-1]

    @property
    def iterations(self) -> int:
        """Steps taken in all."""
        return self.history[-1].iteration

    @property
    def train_seconds(self) -> float:
        """Seconds in training steps, without validation, start-up, capturing and compiling."""
        return self.history[-1].train_seconds


def ignore(_: object) -> None:
    """A listener that does nothing."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Functions that a training calls."""

    on_step: Callable[[int], None] = ignore  # with the number of steps taken, after each
    # With the history so far, after each validation, when the state is stored. What it raises ends
    # the training, which can be resumed.
    on_validation: Callable[[Sequence[Validation]], None] = ignore
    on_note: Callable[[str], None] = ignore  # with a line for the user


SILENT = Listener()
