"""The training loop, the same for every network, loss and device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines.finetune import set_training_mode
from bench.config.schema import TrainConfig
from bench.data.batches import ImageSet
from bench.data.placement import to_device
from bench.registry import TargetKind
from bench.train import checkpoint
from bench.train.allocator import keep_freed_memory
from bench.train.cuda_graph import StepRunner, capture
from bench.train.errors import TrainingFailedError, memory_errors_explained
from bench.train.prediction import predict
from bench.train.schedule import Decision, PlateauDecay
from bench.train.score import overall_auc
from bench.train.step import Step, make_step


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The two parts that a training looks at.

    Attributes:
        training, validation: on the same device.
        kind: how logits become probabilities.
    """

    training: ImageSet
    validation: ImageSet
    kind: TargetKind


@dataclass(frozen=True, kw_only=True)
class Validation:
    """One line of a run's history.

    Attributes:
        iteration: steps taken.
        lr: learning rate of the steps since the last validation.
        train_loss: mean loss of those steps.
        validation_loss: mean loss over the validation part.
        validation_auc: AUC over the validation part (:func:`bench.train.score.overall_auc`); NaN
            where it is undefined.
        decision: of the decay schedule (improved, waiting, decay, stop).
        best: whether the AUC is the highest so far, so that the weights were kept; where AUC is
            undefined, those of the first validation are.
        train_seconds: seconds in training steps since the start of the run, without those that an
            interruption lost.
    """

    iteration: int
    lr: float
    train_loss: float
    validation_loss: float
    validation_auc: float
    decision: Decision
    best: bool
    train_seconds: float


@dataclass(frozen=True, kw_only=True)
class Training:
    """A finished training; the network holds its best weights.

    Attributes:
        history: one entry a validation.
        capture_seconds: seconds in capturing steps as CUDA graphs (:mod:`bench.train.cuda_graph`).
        compile_seconds: seconds in compiling the network, in every process that trained it.
    """

    history: tuple[Validation, ...]
    capture_seconds: float
    compile_seconds: float

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


def _ignore(_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Functions that a training calls.

    Attributes:
        on_step: with the number of steps taken, after each.
        on_validation: with the history so far, after each validation, when the state is stored.
            What it raises ends the training, which can be resumed.
        on_note: with a line for the user.
    """

    on_step: Callable[[int], None] = _ignore
    on_validation: Callable[[Sequence[Validation]], None] = _ignore
    on_note: Callable[[str], None] = _ignore


def train(
    network: nn.Module,
    loss: nn.Module,
    data: TrainingData,
    *,
    config: TrainConfig,
    seed: int,
    folder: Path,
    listener: Listener = Listener(),
) -> Training:
    """Train a network, keep the weights of the best validation AUC, and load them into it.

    Every ``config.validate_every`` steps the state is written to ``folder``. A call that finds
    such a state resumes from it and ends as an uninterrupted one would have (bit for bit on a CPU
    with as many threads).

    Args:
        network: on the device of the data, with its initial weights.
        loss: from (logits, targets) to the mean loss of a batch, on the same device.
        data: what is learned from, and what the best weights are selected on.
        config: the settings.
        seed: order, augmentation and dropout follow from it and the step.
        folder: of ``last.pt`` and ``best.pt``.
        listener: functions to call.

    Raises:
        TrainingFailedError: a loss is no longer finite, or the network has nothing to train.
        InputError: memory does not suffice, or the network is to be compiled and cannot be here.
            The state in ``folder`` is kept: with more memory the training resumes from it.
    """
    keep_freed_memory(data.training.device)
    step = make_step(network, loss, data.training, config=config, seed=seed)
    run = _Run(step=step, data=data, config=config, folder=folder, listener=listener)
    run.restore()
    if config.compile and not run.is_over:
        listener.on_note("the network is compiled in the first step, which may take minutes")
    side = data.training.pixels.side
    with memory_errors_explained(_what_does_not_fit(config, side=side)):
        while not run.is_over:
            set_training_mode(network)
            train_loss, seconds = run.take_steps()
            entry = run.validate(train_loss, seconds)
            if entry.decision == "decay":
                for group in step.optimizer.param_groups:
                    group["lr"] /= config.decay_factor
            run.save()
            listener.on_validation(run.history)
    # Read back from disk: the network's live weights moved on after the best validation.
    best = checkpoint.load(folder / checkpoint.BEST, device=data.training.device)
    assert best is not None, "the first validation writes it"
    network.load_state_dict(best["network"])
    return Training(
        history=tuple(run.history),
        capture_seconds=run.capture_seconds,
        compile_seconds=run.compile_seconds,
    )


class _Run:
    """A training under way: its history and schedule, and what it is made of.

    Args:
        step, data, config, folder, listener: as in :func:`train`.
    """

    def __init__(
        self,
        *,
        step: Step,
        data: TrainingData,
        config: TrainConfig,
        folder: Path,
        listener: Listener,
    ) -> None:
        self.history: list[Validation] = []
        self._step, self._data, self._config = step, data, config
        self._folder, self._listener = folder, listener
        self._schedule = PlateauDecay(patience=config.patience, max_decays=config.max_decays)
        self._targets = to_device(data.validation.targets, data.training.device)
        self._runner = StepRunner(
            step,
            end=config.max_iterations,
            on_note=listener.on_note,
            capture=capture if data.training.device.type == "cuda" else None,
        )
        # Seconds of earlier processes that trained the same run.
        self._past = {"capture_seconds": 0.0, "compile_seconds": 0.0}

    @property
    def iteration(self) -> int:
        """Steps taken up to the last validation."""
        return self.history[-1].iteration if self.history else 0

    @property
    def is_over(self) -> bool:
        """Whether all steps were taken, or the schedule ended the training."""
        stopped = bool(self.history) and self.history[-1].decision == "stop"
        return stopped or self.iteration >= self._config.max_iterations

    @property
    def _next_validation(self) -> int:
        """Steps taken by then."""
        return min(self.iteration + self._config.validate_every, self._config.max_iterations)

    @property
    def capture_seconds(self) -> float:
        """Seconds in capturing steps as CUDA graphs."""
        return self._past["capture_seconds"] + self._runner.capture_seconds

    @property
    def compile_seconds(self) -> float:
        """Seconds in compiling the network."""
        return self._past["compile_seconds"] + self._step.compile_seconds

    def take_steps(self) -> tuple[float, float]:
        """Take the steps until the next validation; returns their mean loss, and seconds."""
        numbers = range(self.iteration, self._next_validation)
        began = time.perf_counter()
        apart = self.capture_seconds + self.compile_seconds
        total: Tensor | float = 0.0
        for number, loss in zip(numbers, self._runner(numbers), strict=True):
            # Kept on the device: reading it here would make the host wait at every step.
            total = total + loss.double()
            self._listener.on_step(number + 1)
        mean = float(total) / len(numbers)  # waits for the device to finish the steps
        apart = self.capture_seconds + self.compile_seconds - apart
        return mean, time.perf_counter() - began - apart

    def validate(self, train_loss: float, seconds: float) -> Validation:
        """Predict the validation part, and append the next line of the history.

        Raises:
            TrainingFailedError: a loss is not finite.
        """
        step, data = self._step, self._data
        lr = step.optimizer.param_groups[0]["lr"]
        stop = self._next_validation
        _check_finite("training", train_loss, iteration=stop, lr=lr)
        if data.training.device.type == "cpu":
            # Their memory serves the predictions; a CUDA graph keeps its own.
            step.network.zero_grad(set_to_none=True)
        predicted = predict(
            step.network, step.loss, data.validation, kind=data.kind, precision=step.precision
        )
        _check_finite("validation", predicted.loss, iteration=stop, lr=lr)
        auc = overall_auc(self._targets, predicted.probabilities, kind=data.kind)
        if not self.history and math.isnan(auc):
            self._listener.on_note(
                "validation AUC is undefined, since no output has images with and without it: "
                f"the weights of iteration {stop} are kept"
            )
        entry = Validation(
            iteration=stop,
            lr=lr,
            train_loss=train_loss,
            validation_loss=predicted.loss,
            validation_auc=auc,
            decision=self._schedule.update(predicted.loss),
            # With an undefined AUC no comparison holds: the first validation's weights stay.
            best=not self.history or auc > max(entry.validation_auc for entry in self.history),
            train_seconds=seconds + (self.history[-1].train_seconds if self.history else 0.0),
        )
        self.history.append(entry)
        return entry

    def save(self) -> None:
        """Write the state, and the weights where they are the best so far."""
        network = self._step.network.state_dict()
        if self.history[-1].best:
            checkpoint.save({"network": network}, self._folder / checkpoint.BEST)
        state = {
            "network": network,
            "optimizer": self._step.optimizer.state_dict(),
            "schedule": self._schedule.state(),
            "history": [vars(entry) for entry in self.history],
            "capture_seconds": self.capture_seconds,
            "compile_seconds": self.compile_seconds,
        }
        checkpoint.save(state, self._folder / checkpoint.LAST)

    def restore(self) -> None:
        """Go on from the state in the folder, where there is one."""
        device = self._data.training.device
        state = checkpoint.load(self._folder / checkpoint.LAST, device=device)
        if state is None:
            return
        self._step.network.load_state_dict(state["network"])
        _load_optimizer(self._step.optimizer, state["optimizer"])
        self._schedule = PlateauDecay(**state["schedule"])
        self.history = [Validation(**entry) for entry in state["history"]]
        self._past = {name: state[name] for name in self._past}
        self._listener.on_step(self.iteration)


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Restore momenta and learning rates, but not how the update is computed.

    Whether it is fused belongs to this device, not to the one where the state was written.
    """
    fused = [group.get("fused") for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, fused, strict=True):
        if "fused" in group:
            group["fused"] = own


def _check_finite(part: str, loss: float, *, iteration: int, lr: float) -> None:
    if not math.isfinite(loss):
        raise TrainingFailedError(
            f"the {part} loss is {loss} by iteration {iteration} at learning rate {lr:g}: try a "
            f"smaller one (train.lr={lr / 10:g})"
        )


def _what_does_not_fit(config: TrainConfig, *, side: int) -> str:
    """The end of the line that tells of too little memory, with what to try."""
    images = min(config.micro_batch or config.batch_size, config.batch_size)
    if images == 1:
        return (
            f"one image of {side} px at once: try a smaller data.image_size, a smaller network, "
            "or a device with more memory"
        )
    without = " and train.compile=false" if config.compile else ""
    return (
        f"{images} images of {side} px at once: set train.micro_batch={images // 2}{without} (a "
        "run of its own, in which batch norm sees micro-batches), or try a smaller data.image_size"
    )
