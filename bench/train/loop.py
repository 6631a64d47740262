"""The training loop, the same for every network, loss and device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from baselines.finetune import set_training_mode
from bench import signals
from bench.config.schema import TrainConfig
from bench.train import checkpoint
from bench.train.allocator import keep_freed_memory
from bench.train.cuda_graph import StepRunner
from bench.train.device import wait_for
from bench.train.distributed.group import ALONE, Group
from bench.train.distributed.step import make_shared_step
from bench.train.errors import TrainingFailedError, memory_errors_explained
from bench.train.history import SILENT, Listener, Training, TrainingData, Validation
from bench.train.prediction import mean_loss, predict
from bench.train.score import overall_auc
from bench.train.state import SaveTimer, TrainingState, average_of
from bench.train.step import make_step


def train(
    network: nn.Module,
    loss: nn.Module,
    data: TrainingData,
    *,
    config: TrainConfig,
    seed: int,
    folder: Path,
    listener: Listener = SILENT,
    group: Group = ALONE,
) -> Training:
    """Train a network, keep the weights of the best validation AUC, and load them into it.

    At every validation, every ``config.checkpoint_seconds`` between two of them, and where a signal
    stops the training after its present step (:mod:`bench.signals`), the state is written to
    ``folder``. A call that finds such a state resumes from it and ends as an uninterrupted one
    would have (bit for bit on a CPU with as many threads).

    Args:
        network: on the device of the data, with its initial weights.
        loss: from (logits, targets) to the mean loss of a batch, on the same device.
        seed: order, augmentation and dropout follow from it and the step.
        folder: of ``last.pt`` and ``best.pt``.
        group: the processes that train together, of which this is one.

    Raises:
        TrainingFailedError: a loss is no longer finite, or the network has nothing to train.
        InputError: the network is to be compiled and cannot be here; or memory does not suffice,
            and with more the training resumes from ``folder``.
    """
    device, side = data.training.device, data.training.placement.side
    keep_freed_memory(device)
    make = make_step if group.count == 1 else partial(make_shared_step, group=group)
    step = make(network, loss, data.training, config=config, seed=seed)
    state = TrainingState(
        config=config,
        step=step,
        runner=StepRunner(step, end=config.max_iterations, on_note=listener.on_note),
        timer=SaveTimer(seconds=config.checkpoint_seconds),
        average=average_of(network, decay=config.ema),
        group=group,
    )
    if state.restore(folder):
        listener.on_step(state.iteration)
    with memory_errors_explained(_what_does_not_fit(config, side=side)):
        try:
            _go_on(state, data, folder, listener)
        except signals.Stopped:
            if state.is_unsaved:
                state.save(folder)
            raise
    group.wait()  # for the first one's last file
    # The network's live weights moved on after the best validation.
    checkpoint.load_best(network, folder, device=device)
    return Training(
        history=tuple(state.history),
        capture_seconds=state.runner.capture_seconds,
        compile_seconds=step.compile_seconds,
    )


def _go_on(state: TrainingState, data: TrainingData, folder: Path, listener: Listener) -> None:
    """Train until all steps are taken, or the schedule ends the training."""
    if state.config.compile and not state.is_over:
        listener.on_note("the network is compiled in the first step, which may take minutes")
    while not state.is_over:
        # The first step may compile for minutes, and there is none to keep yet.
        with signals.deferred(lambda: state.is_unsaved):
            _take_steps(state, folder, on_step=listener.on_step)
        loss, auc = _validate(state, data)
        with signals.deferred():
            first = not state.history
            state.history.append(_validation(state, loss=loss, auc=auc))
            state.begin_interval()
            state.save(folder)
            if first and math.isnan(state.history[0].validation_auc):
                listener.on_note(
                    "validation AUC is undefined, since no output has images with and without "
                    f"it: the weights of iteration {state.iteration} are kept"
                )
            listener.on_validation(state.history)


def _take_steps(state: TrainingState, folder: Path, *, on_step: Callable[[int], None]) -> None:
    """Take the steps until the next validation, with a checkpoint wherever one is due."""
    set_training_mode(state.step.network)
    interval = state.interval
    began, prepared = time.perf_counter(), state.preparation_seconds

    def count_seconds() -> None:
        nonlocal began, prepared
        wait_for(state.step.stream.device)
        spent = state.preparation_seconds - prepared
        interval.seconds += time.perf_counter() - began - spent
        prepared += spent

    while not interval.is_over:
        number = state.iteration
        loss = state.runner(number)
        if state.average is not None:
            state.average.update(state.step.network, step=number + 1)
        interval.add(loss, state.step.gradient_norm)
        state.is_unsaved = True
        if signals.is_asked() or (state.timer.is_due and not interval.is_over):
            count_seconds()
            signals.check()
            _check_steps(state)
            state.save(folder)
            began = time.perf_counter()
        on_step(number + 1)
    count_seconds()


def _validate(state: TrainingState, data: TrainingData) -> tuple[float, float]:
    """Mean loss and AUC of the validation part; of the state nothing is changed."""
    step = state.step
    _check_steps(state)
    if step.stream.device.type == "cpu":
        # The gradients' memory serves the predictions; a CUDA graph keeps its own.
        step.network.zero_grad(set_to_none=True)
    predicted = predict(
        state.judged,
        data.validation,
        kind=data.kind,
        precision=step.precision,
        group=state.group,
    )
    targets = data.validation.targets_at(np.arange(len(data.validation)))
    side = data.validation.placement.side
    loss = mean_loss(step.loss, predicted.logits, targets, side=side)
    if not math.isfinite(loss):
        text = f"the validation loss is {loss} after step {state.iteration}"
        raise TrainingFailedError(text + _advice(state, step=state.iteration))
    return loss, overall_auc(targets, predicted.probabilities, kind=data.kind)


def _validation(state: TrainingState, *, loss: float, auc: float) -> Validation:
    """The next line of the history, which the schedule takes note of."""
    schedule, iteration = state.step.schedule, state.iteration
    return Validation(
        iteration=iteration,
        lr=schedule.rate(state.config.lr, iteration - 1),
        train_loss=state.interval.mean_loss,
        validation_loss=loss,
        validation_auc=auc,
        decision=schedule.update(loss),
        # With an undefined AUC no comparison holds: the first validation's weights stay.
        best=state.best_auc is None or auc > state.best_auc,
        train_seconds=state.train_seconds,
    )


def _check_steps(state: TrainingState) -> None:
    """Raise where the loss of a step since the last validation is not finite; waits for them."""
    interval = state.interval
    position = interval.first_not_finite
    if position is None:
        return
    losses, norms = interval.losses.tolist(), interval.norms.tolist()
    number = state.validated + position + 1
    text = f"the training loss is {losses[position]} at step {number}"
    if number == 1:
        raise TrainingFailedError(
            f"{text}, before any weight was changed: look at the model, the loss and the images"
        )
    if position:
        norm = norms[position - 1]
        gradient = "" if math.isnan(norm) else f" (norm of the gradient {norm:.4g})"
        text += f", after {losses[position - 1]:.4g} at the step before{gradient}"
    raise TrainingFailedError(text + _advice(state, step=number))


def _advice(state: TrainingState, *, step: int) -> str:
    """The end of the line that tells of a loss that is not finite."""
    config = state.config
    lr = state.step.schedule.rate(config.lr, step - 1)
    # A tenth of a rate that is far too high is too high as well.
    smaller = min(config.lr / 10, TrainConfig(recipe=config.recipe).lr)
    return f", at learning rate {lr:g}: try a smaller first one (train.lr={smaller:g})"


def _what_does_not_fit(config: TrainConfig, *, side: int) -> str:
    """The end of the line that tells of too little memory, with what to try."""
    images = min(config.micro_batch or config.batch_size, config.batch_size)
    hint = "try a smaller data.image_size"
    if images > 1:
        without = " and train.compile=false" if config.compile else ""
        hint = (
            f"set train.micro_batch={images // 2}{without} (a run of its own, in which batch norm "
            f"sees micro-batches), or {hint}"
        )
    return f"{images} images of {side} px at once: {hint}"
