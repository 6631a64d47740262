"""The one training loop, for every network, loss and device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines.finetune import set_training_mode
from bench.config.schema import TrainConfig
from bench.data.batches import ImageSet, TrainingStream
from bench.data.placement import to_device
from bench.errors import InputError
from bench.registry import TargetKind
from bench.train import checkpoint
from bench.train.autocast import pick_precision
from bench.train.compiled import compile_step
from bench.train.evaluate import answer
from bench.train.failure import TrainingFailedError
from bench.train.heap import keep_freed_memory
from bench.train.memory import halve, release, unless_out_of_memory
from bench.train.optimizer import make_optimizer
from bench.train.pace import FastestStep, how_to_record
from bench.train.schedule import Decision, PlateauDecay
from bench.train.score import overall_auc
from bench.train.step import MicroBatchedStep, Step


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
        train_seconds: seconds in training steps; validations, start-up, recording and compiling
            left out.
        capture_seconds: seconds spent in recording steps as CUDA graphs (:mod:`bench.train.pace`).
        compile_seconds: seconds spent in compiling the network, in every process that trained it.
        micro_batch: most images at once in a step; None where it was the whole batch.
    """

    history: tuple[Validation, ...]
    best_iteration: int
    best_auc: float
    iterations: int
    train_seconds: float
    capture_seconds: float
    compile_seconds: float
    micro_batch: int | None


def _ignore(_: object) -> None:
    """Listens to nothing."""


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
    up to rounding, only slower (:mod:`bench.train.micro_batches`). With ``config.compile`` it
    ends there instead.

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
        InputError: the network is to be compiled, and cannot be here, or memory does not suffice
            for whole batches.
    """
    device = training.device
    keep_freed_memory(device)
    precision = pick_precision(config.precision, device)
    optimizer = make_optimizer(network, config)
    schedule = PlateauDecay(patience=config.patience, max_decays=config.max_decays)
    stream = TrainingStream(
        training, batch_size=config.batch_size, seed=seed, augment=config.augment
    )
    targets = to_device(validation.targets, device)
    history: list[Validation] = []
    start = 0
    captured = compiled = 0.0
    at_once = min(config.micro_batch or config.batch_size, config.batch_size)
    resumed = checkpoint.load(folder / checkpoint.LAST, device=device)
    if resumed is not None:
        _restore(network, optimizer, resumed)
        schedule = PlateauDecay(**resumed["schedule"])
        history = [Validation(**entry) for entry in resumed["history"]]
        start = resumed["iteration"]
        captured = resumed.get("capture_seconds", 0.0)  # not in those of the first versions
        compiled = resumed.get("compile_seconds", 0.0)  # likewise
        at_once = resumed["at_once"]
        on_step(start)
    del resumed  # a second copy of weights and momenta on the device
    step = Step(
        network=network,
        loss=loss,
        optimizer=optimizer,
        stream=stream,
        precision=precision,
        seed=seed,
    )
    take = _way_to_step(step, at_once=at_once, config=config, on_note=on_note)

    # What to go back to where memory runs out before the first checkpoint.
    with checkpoint.FirstWeights(folder) as first_weights, ExitStack() as at_end:
        at_end.callback(lambda: take.close())  # whichever way is the last one
        if start == 0:
            first_weights.keep(network)
        while start < config.max_iterations and not (history and history[-1].decision == "stop"):
            stop = min(start + config.validate_every, config.max_iterations)
            set_training_mode(network)
            began = time.perf_counter()
            captured_before, compiled_before = take.capture_seconds, take.compile_seconds
            train_loss = unless_out_of_memory(
                partial(_steps, take, range(start, stop), on_step=on_step)
            )
            recording = take.capture_seconds - captured_before
            compiling = take.compile_seconds - compiled_before
            captured += recording
            compiled += compiling
            if train_loss is None:
                if config.compile:
                    # Micro-batches draw other dropout: the run's key would name two results.
                    raise InputError(
                        f"memory does not suffice for batches of {config.batch_size} images, and "
                        "micro-batches are not compiled: train.compile=false trains with them, or "
                        "try a smaller train.batch_size"
                    )
                at_once = halve(at_once, side=training.pixels.side)
                on_note(
                    f"out of memory: from iteration {start} on, each batch of {config.batch_size} "
                    f"is computed in micro-batches of {at_once}"
                )
                # Steps since the last checkpoint are undone with the one that failed.
                take.close()
                network.zero_grad(set_to_none=True)
                optimizer = make_optimizer(network, config)
                step = replace(step, optimizer=optimizer)
                release()
                take = _way_to_step(step, at_once=at_once, config=config, on_note=on_note)
                if not first_weights.restore(network):
                    _restore(network, optimizer, _stored(folder / checkpoint.LAST, device))
                on_step(start)
                continue
            seconds = time.perf_counter() - began - recording - compiling
            if history:
                seconds += history[-1].train_seconds
            lr = optimizer.param_groups[0]["lr"]
            if not math.isfinite(train_loss):
                raise TrainingFailedError(
                    f"the training loss is {train_loss} by iteration {stop} at learning rate "
                    f"{lr:g}: try a smaller one (train.lr={lr / 10:g})"
                )
            if device.type == "cpu":
                # Their memory serves the answers; a graph on CUDA keeps its own for itself.
                network.zero_grad(set_to_none=True)
            answers = answer(network, loss, validation, kind=kind, precision=precision)
            if not math.isfinite(answers.loss):
                raise TrainingFailedError(
                    f"the validation loss is {answers.loss} at iteration {stop} and learning rate "
                    f"{lr:g}: try a smaller one (train.lr={lr / 10:g})"
                )
            score = overall_auc(targets, answers.probabilities, kind=kind)
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
                    "capture_seconds": captured,
                    "compile_seconds": compiled,
                },
                folder / checkpoint.LAST,
            )
            first_weights.drop()
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
        capture_seconds=captured,
        compile_seconds=compiled,
        micro_batch=at_once if at_once < config.batch_size else None,
    )


def _restore(network: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    network.load_state_dict(state["network"])
    fused = [group.get("fused") for group in optimizer.param_groups]
    optimizer.load_state_dict(state["optimizer"])
    # How it is computed belongs to this device, not to the one where the state was written.
    for group, own in zip(optimizer.param_groups, fused, strict=True):
        if "fused" in group:
            group["fused"] = own


def _stored(path: Path, device: torch.device) -> dict[str, Any]:
    state = checkpoint.load(path, device=device)
    assert state is not None, "the first validation writes it"
    return state


def _way_to_step(
    step: Step, *, at_once: int, config: TrainConfig, on_note: Callable[[str], None]
) -> FastestStep:
    """How the steps of a run are taken, with so many images at once."""
    if at_once < config.batch_size:
        step = MicroBatchedStep(**vars(step), micro_batch=at_once)
    elif config.compile:
        step = compile_step(step)
    return FastestStep(
        step,
        end=config.max_iterations,
        validate_every=config.validate_every,
        on_note=on_note,
        record=how_to_record(step),
    )


def _steps(take: FastestStep, numbers: range, *, on_step: Callable[[int], None]) -> float:
    """Do some steps; returns their mean loss (which waits for the device to finish them)."""
    total: Tensor | None = None
    for number in numbers:
        # Kept on the device: reading it here would make the host wait at every step.
        loss = take(number).double()
        total = loss if total is None else total + loss
        on_step(number + 1)
    return float(total) / len(numbers) if total is not None else math.nan
