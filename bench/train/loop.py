"""The one training loop, for every network, loss and device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines.finetune import set_training_mode
from bench.config.schema import Precision, TrainConfig
from bench.data.batches import ImageSet, TrainingStream
from bench.randomness import derive_seed
from bench.registry import TargetKind
from bench.train import checkpoint, micro_batches
from bench.train.evaluate import answer, autocast
from bench.train.failure import TrainingFailedError
from bench.train.memory import halve, unless_out_of_memory
from bench.train.schedule import Decision, PlateauDecay
from bench.train.score import overall_auc


@dataclass(frozen=True, kw_only=True)
class Validation:
    """One line of a run's history.

    Attributes:
        iteration: steps done.
        lr: learning rate of the steps since the last validation.
        train_loss: mean loss of those steps.
        validation_loss: mean loss over the validation part.
        validation_auc: AUC over the validation part: of the second of two classes, otherwise
            macro AUC (:func:`bench.train.score.overall_auc`); NaN where it is undefined.
        decision: what the decay schedule made of it (improved, waiting, decay, stop).
        best: highest AUC so far, so its weights were kept; where AUC is undefined, the first
            validation's are.
        train_seconds: seconds spent in training steps since the start of the run; those that
            were lost to an interruption, or done again for want of memory, are not counted.
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
        best_iteration: step whose weights were kept.
        best_auc: validation AUC there.
        iterations: steps done in all.
        train_seconds: seconds in training steps, validations and start-up left out.
        micro_batch: most images at once in a step; None where it was the whole batch.
    """

    history: tuple[Validation, ...]
    best_iteration: int
    best_auc: float
    iterations: int
    train_seconds: float
    micro_batch: int | None


def _ignore(_: object) -> None:
    """Listens to nothing."""


def pick_precision(wish: Precision, device: torch.device) -> Precision:
    """``auto`` takes bfloat16 on CUDA devices that compute in it, float32 elsewhere."""
    if wish == "auto":
        capable = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if capable else "float32"
    return wish


def train(
    network: nn.Module,
    loss: nn.Module,
    *,
    training: ImageSet,
    validation: ImageSet,
    kind: TargetKind,
    config: TrainConfig,
    seed: int,
    folder: Path,
    on_step: Callable[[int], None] = _ignore,
    on_validation: Callable[[Sequence[Validation]], None] = _ignore,
    on_note: Callable[[str], None] = _ignore,
) -> Training:
    """Train a network, keep the weights of the best validation AUC, and load them into it.

    Every ``config.validate_every`` steps the state is written to ``folder``; a call that finds
    such a state goes on from there and ends as an uninterrupted one would have (bit for bit on
    a CPU with as many threads).

    Where memory runs out in a step, the training goes back to the last such state (or to its
    beginning) and goes on with half as many images at once, down to one: with the same result
    up to rounding, only slower (:mod:`bench.train.micro_batches`).

    Args:
        network: on the device of the image sets, its initial weights set.
        loss: from (logits, targets) to a scalar, on the same device.
        training, validation: the two parts.
        kind: how logits become probabilities.
        config: the settings.
        seed: order, augmentation and dropout follow from it and the step.
        folder: where ``last.pt`` and ``best.pt`` go.
        on_step: called with the number of steps done; the number falls where memory ran out.
        on_validation: called after each validation with the history so far.
        on_note: called with a line for the user about what was not as asked for.

    Raises:
        TrainingFailedError: the loss is no longer finite, memory does not suffice for one image,
            or the network cannot be trained in micro-batches.
    """
    device = training.device
    precision = pick_precision(config.precision, device)
    optimizer = make_optimizer(network, config)
    schedule = PlateauDecay(patience=config.patience, max_decays=config.max_decays)
    stream = TrainingStream(
        training, batch_size=config.batch_size, seed=seed, augment=config.augment
    )
    history: list[Validation] = []
    start = 0
    at_once = min(config.micro_batch or config.batch_size, config.batch_size)
    # What to go back to where memory runs out before the first checkpoint; on the host, so that
    # it takes none of the device's memory.
    beginning: dict[str, Tensor] | None = None

    resumed = checkpoint.load(folder / checkpoint.LAST, device=device)
    if resumed is None:
        beginning = {name: t.cpu().clone() for name, t in network.state_dict().items()}
    else:
        _restore(network, optimizer, resumed)
        schedule = PlateauDecay(**resumed["schedule"])
        history = [Validation(**entry) for entry in resumed["history"]]
        start = resumed["iteration"]
        at_once = resumed["at_once"]
        on_step(start)
    del resumed  # a second copy of weights and momenta on the device

    while start < config.max_iterations and not (history and history[-1].decision == "stop"):
        stop = min(start + config.validate_every, config.max_iterations)
        began = time.perf_counter()
        train_loss = unless_out_of_memory(
            partial(
                _steps,
                network,
                loss,
                optimizer,
                stream,
                range(start, stop),
                at_once=at_once,
                precision=precision,
                seed=seed,
                on_step=on_step,
            )
        )
        if train_loss is None:
            at_once = halve(at_once, side=training.pixels.shape[1])
            on_note(
                f"out of memory: from iteration {start} on, each batch of {config.batch_size} "
                f"is computed in micro-batches of {at_once}"
            )
            # Steps that were done since the last checkpoint are undone with the one that failed.
            network.zero_grad(set_to_none=True)
            optimizer = make_optimizer(network, config)
            if beginning is not None:
                network.load_state_dict(beginning)
            else:
                _restore(network, optimizer, _stored(folder / checkpoint.LAST, device))
            on_step(start)
            continue
        seconds = (history[-1].train_seconds if history else 0.0) + time.perf_counter() - began
        lr = optimizer.param_groups[0]["lr"]
        if not math.isfinite(train_loss):
            raise TrainingFailedError(
                f"the training loss is {train_loss} by iteration {stop} at learning rate {lr:g}: "
                f"try a smaller one (train.lr={lr / 10:g})"
            )
        answers = answer(network, loss, validation, kind=kind, precision=precision)
        if not math.isfinite(answers.loss):
            raise TrainingFailedError(
                f"the validation loss is {answers.loss} at iteration {stop} and learning rate "
                f"{lr:g}: try a smaller one (train.lr={lr / 10:g})"
            )
        score = overall_auc(validation.targets, answers.probabilities, kind=kind)
        # With an undefined score no comparison holds: the first validation's weights stay.
        best = not history or score > max(entry.validation_auc for entry in history)
        if not history and math.isnan(score):
            on_note(
                "validation AUC is undefined, since no output has images with and without it: "
                f"the weights of iteration {stop} are kept"
            )
        decision = schedule.update(answers.loss)
        entry = Validation(
            iteration=stop,
            lr=lr,
            train_loss=train_loss,
            validation_loss=answers.loss,
            validation_auc=score,
            decision=decision,
            best=best,
            train_seconds=seconds,
        )
        history.append(entry)
        if decision == "decay":
            for group in optimizer.param_groups:
                group["lr"] /= config.decay_factor
        if best:
            checkpoint.save({"network": network.state_dict()}, folder / checkpoint.BEST)
        checkpoint.save(
            {
                "iteration": stop,
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state(),
                "history": [vars(e) for e in history],
                "at_once": at_once,
            },
            folder / checkpoint.LAST,
        )
        beginning = None
        on_validation(history)
        start = stop

    # Read back from disk: the network's live weights moved on after the best validation.
    network.load_state_dict(_stored(folder / checkpoint.BEST, device)["network"])
    best_entry = [entry for entry in history if entry.best][-1]
    return Training(
        history=tuple(history),
        best_iteration=best_entry.iteration,
        best_auc=best_entry.validation_auc,
        iterations=history[-1].iteration,
        train_seconds=history[-1].train_seconds,
        micro_batch=at_once if at_once < config.batch_size else None,
    )


def _restore(network: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])


def _stored(path: Path, device: torch.device) -> dict[str, Any]:
    state = checkpoint.load(path, device=device)
    assert state is not None, "the first validation writes it"
    return state


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser over the parameters that are to be trained.

    ``sgd`` is torch's own, so that momentum and Nesterov mean what they say; every other name
    goes to timm's factory.

    Raises:
        ValueError: timm knows no such optimiser.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=config.nesterov,
        )
    from timm.optim import create_optimizer_v2

    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        parameters,
        opt=config.optimizer,
        lr=config.lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
    )
    return optimizer


def _steps(
    network: nn.Module,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    stream: TrainingStream,
    steps: range,
    *,
    at_once: int,
    precision: Precision,
    seed: int,
    on_step: Callable[[int], None],
) -> float:
    """Do some steps; returns their mean loss (which waits for the device to finish them)."""
    set_training_mode(network)
    total: Tensor | None = None
    for step in steps:
        x, targets = stream.batch(step)
        optimizer.zero_grad(set_to_none=True)
        # Dropout draws from torch's global generator: seeded by the step, it cannot depend on
        # what was drawn before, by an earlier run or before an interruption.
        dropout_seed = derive_seed(seed, "dropout", step)
        if at_once < len(x):
            batch_loss = micro_batches.backward(
                network,
                loss,
                x,
                targets,
                micro_batch=at_once,
                precision=precision,
                seed=dropout_seed,
            )
        else:
            torch.manual_seed(dropout_seed)
            with autocast(x.device, precision):
                batch_loss = loss(network(x), targets)
            batch_loss.backward()
        optimizer.step()
        # Kept on the device: reading it here would make the host wait at every step.
        detached: Tensor = batch_loss.detach().double()
        total = detached if total is None else total + detached
        on_step(step + 1)
    return float(total) / len(steps) if total is not None else math.nan
