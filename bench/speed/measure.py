"""One network on one device: how fast it learns and answers, and what it takes to do so."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from bench.environment import pick_device
from bench.peak_memory import peak_memory_bytes
from bench.registry import find_model
from bench.speed.case import IMAGES, Case, Workbench, in_memory
from bench.speed.energy import energy_counter
from bench.speed.repeats import BLOCK_SECONDS, Repeats, long_enough, seconds_of
from bench.speed.work import Work, count_work
from bench.train import answer
from bench.train.autocast import autocast
from bench.train.evaluate import answered_at_once
from bench.train.graph import WARM_UP_STEPS
from bench.train.pace import TIMED_STEPS, FastestStep, how_to_record
from bench.train.random_state import random_state_kept

LATENCY_CALLS = 30
# The paper's rhythm: a validation every 3,000 steps; of ChestX-ray14 about a tenth is held out.
STEPS_BETWEEN_VALIDATIONS = 3_000
VALIDATION_IMAGES = 11_000


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of one network.

    Attributes:
        model: its name.
        precision: in which it computed.
        work: what one image costs it.
        training: images a second in training steps as a run does them: from the stored pixels
            to the updated weights, in the way that is fastest in the long run.
        inference: images a second from the stored pixels to probabilities, as a run answers.
        answered_at_once: images in a batch there.
        latency: seconds from one stored image to its logits on the host, each call.
        peak_memory: bytes at most until the end of training: of the device's memory that
            torch had given out on CUDA, of the process's resident memory on a CPU (which holds
            torch itself).
        capture_seconds: what recording the step as a graph took; None where it was not tried.
        compile_seconds: spent in compiling the network; None where it was not.
        notes: what the harness said of its way to train.
        joules: of a training image, as far as the driver counts them; None where it does not.
    """

    model: str
    precision: str
    work: Work
    training: Repeats
    inference: Repeats
    answered_at_once: int
    latency: Repeats
    peak_memory: int
    capture_seconds: float | None
    compile_seconds: float | None
    notes: tuple[str, ...]
    joules: Repeats | None

    @property
    def latency_90(self) -> float:
        """Nine calls in ten were not slower."""
        return float(np.quantile(self.latency.values, 0.9))

    def validation_share(self, batch_size: int) -> float:
        """Time in validations over time in training steps, computed from the two rates.

        At the paper's rhythm, with :data:`VALIDATION_IMAGES` images.
        """
        validating = VALIDATION_IMAGES / self.inference.median
        training = STEPS_BETWEEN_VALIDATIONS * batch_size / self.training.median
        return validating / training


def measure(case: Case, *, repeats: int, block_seconds: float = BLOCK_SECONDS) -> Measured:
    """Measure one network in this process.

    Peak memory is that of the process so far: for a figure of one network, give it a process of
    its own (:mod:`bench.speed.child`).

    Args:
        case: the network and its setting.
        repeats: measurements of each rate.
        block_seconds: each takes this long at least.

    Raises:
        InputError: the network cannot take the size, a name is unknown, the device is not there,
            or memory does not suffice.
    """
    with random_state_kept(pick_device(case.device)):
        return in_memory(case, lambda: _measure(case, repeats=repeats, block_seconds=block_seconds))


def _measure(case: Case, *, repeats: int, block_seconds: float) -> Measured:
    bench = Workbench(case)
    device = bench.device
    timed = partial(seconds_of, device=device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    notes: list[str] = []
    step = FastestStep(
        bench.step,
        end=sys.maxsize,
        validate_every=sys.maxsize,
        on_note=notes.append,
        record=how_to_record(bench.step),
    )
    train = Consecutive(step)
    if device.type == "cuda":
        train(WARM_UP_STEPS + 2 * TIMED_STEPS + 2)  # it has chosen by then
    with closing(step):
        steps = long_enough(train, device=device, seconds=block_seconds)
        joules_so_far = energy_counter(device)
        rates, energies = [], []
        for _ in range(repeats):
            before = joules_so_far() if joules_so_far else math.nan
            images = steps * case.batch_size
            rates.append(images / timed(lambda: train(steps)))
            if joules_so_far:
                energies.append((joules_so_far() - before) / images)
        peak = _peak_memory(device)
    bench.network.zero_grad(set_to_none=True)  # as a run does before it answers
    at_once = answered_at_once(case.image_size, device)

    def infer(count: int) -> None:
        places = np.arange(count * at_once) % IMAGES
        answer(
            bench.network,
            bench.loss,
            bench.images(places),
            kind="multiclass",
            precision=bench.precision,
        )

    batches = long_enough(infer, device=device, seconds=block_seconds)
    answered = [batches * at_once / timed(lambda: infer(batches)) for _ in range(repeats)]
    one = _one_image(bench)
    for _ in range(3):
        one()
    return Measured(
        model=case.model,
        precision=bench.precision,
        work=count_work(
            find_model(case.model), in_channels=case.in_channels, image_size=case.image_size
        ),
        training=Repeats(tuple(rates)),
        inference=Repeats(tuple(answered)),
        answered_at_once=at_once,
        latency=Repeats(tuple(timed(one) for _ in range(LATENCY_CALLS))),
        peak_memory=peak,
        capture_seconds=step.capture_seconds or None,
        compile_seconds=step.compile_seconds or None,
        notes=tuple(notes),
        joules=Repeats(tuple(energies)) if energies else None,
    )


class Consecutive:
    """Does a step again and again, numbered on from the last.

    Args:
        step: called with its number.
    """

    def __init__(self, step: Callable[[int], object]) -> None:
        self._step = step
        self._done = 0

    def __call__(self, steps: int) -> None:
        """Do some more steps."""
        for _ in range(steps):
            self._step(self._done)
            self._done += 1


def _one_image(bench: Workbench) -> Callable[[], torch.Tensor]:
    """From one stored image to its logits on the host."""
    image = bench.images(np.zeros(1, dtype=np.int64))
    bench.network.eval()

    @torch.inference_mode()
    def run() -> torch.Tensor:
        ((x, _),) = image.in_order(1)
        with autocast(bench.device, bench.precision):
            logits: torch.Tensor = bench.network(x)
        return logits.cpu()

    return run


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_memory_bytes()
