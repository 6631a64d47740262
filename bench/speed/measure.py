"""Training and inference rates, latency, memory and FLOPs of one network on one device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.environment import pick_device
from bench.errors import InputError
from bench.speed.case import Case, Workbench
from bench.speed.machine import Machine, peak_memory
from bench.speed.timing import BLOCK_SECONDS, Repeats, Stopwatch
from bench.train.cuda_graph import WARM_UP_STEPS, StepRunner
from bench.train.device import autocast, random_state_kept
from bench.train.errors import TrainingFailedError, memory_errors_explained
from bench.train.prediction import predict, prediction_batch

LATENCY_CALLS = 30


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measurements of one network.

    Attributes:
        training: images a second in training steps as a run takes them: from the stored pixels to
            the updated weights.
        inference: images a second from the stored pixels to probabilities, as a run predicts.
        prediction_batch: images in a batch there.
        latency: seconds from one stored image to its logits on the host, each call.
        peak_memory: bytes until the end of training (:func:`bench.speed.machine.peak_memory`).
        training_flop, inference_flop: additions and multiplications of an image, by torch's own
            counter (convolutions, matrix products and attention).
        capture_seconds: of the step as a CUDA graph; None where it was not captured.
        compile_seconds: of the network; None where it was not compiled.
        notes: what a run would say of its way to train.
    """

    model: str
    training: Repeats
    inference: Repeats
    prediction_batch: int
    latency: Repeats
    peak_memory: int
    training_flop: float
    inference_flop: float
    capture_seconds: float | None
    compile_seconds: float | None
    notes: tuple[str, ...]

    @property
    def latency_90(self) -> float:
        """90th percentile of the latency, in seconds."""
        return float(np.quantile(self.latency.values, 0.9))

    def shares(self, machine: Machine) -> tuple[float, float]:
        """FLOPs a second in training and in inference over the device's own rate."""
        assert machine.flops is not None, "measured with the networks"
        training = self.training.median * self.training_flop
        return training / machine.flops, self.inference.median * self.inference_flop / machine.flops

    def describe(self, machine: Machine) -> dict[str, object]:
        """All figures as JSON values, with their shares of a machine's rate."""
        repeated = ("training", "inference", "latency")
        found = asdict(self) | {name: getattr(self, name).describe() for name in repeated}
        training, inference = self.shares(machine)
        return found | {
            "latency_90": self.latency_90,
            "training_share": training,
            "inference_share": inference,
        }


def measure(case: Case, *, repeats: int, block_seconds: float = BLOCK_SECONDS) -> Measured:
    """Measure one network in this process.

    Peak memory is that of the process so far: for a figure of one network, give it a process of
    its own.

    Args:
        repeats: measurements of each rate.
        block_seconds: each takes this long at least.

    Raises:
        InputError: the network cannot take the size or be trained, a name is unknown, the device
            is not there, or memory does not suffice.
    """
    with random_state_kept(pick_device(case.device)), memory_errors_explained(case.too_large):
        try:
            bench = Workbench(case)
        except TrainingFailedError as error:
            raise InputError(f"model {case.model!r}: {error}") from None
        notes: list[str] = []
        runner = StepRunner(bench.step, end=sys.maxsize, on_note=notes.append)
        steps = map(runner, count())
        for _ in range(WARM_UP_STEPS + 1 if bench.device.type == "cuda" else 0):
            next(steps)
        train = Stopwatch(partial(next, steps), block_seconds=block_seconds)
        training = [case.batch_size * rate for rate in train.repeats(repeats).values]
        peak = peak_memory(bench.device)
        bench.network.zero_grad(set_to_none=True)  # as a run does before it predicts
        batch = prediction_batch(case.image_size, bench.device)
        infer = Stopwatch(_prediction(bench, batch), block_seconds=block_seconds)
        inference = [batch * rate for rate in infer.repeats(repeats).values]
        one_image = Stopwatch(_one_image(bench), block_seconds=block_seconds / 10)
        latency = [one_image.seconds(1) for _ in range(LATENCY_CALLS)]
        training_flop, inference_flop = count_flop(bench)
    return Measured(
        model=case.model,
        training=Repeats(tuple(training)),
        inference=Repeats(tuple(inference)),
        prediction_batch=batch,
        latency=Repeats(tuple(latency)),
        peak_memory=peak,
        training_flop=training_flop,
        inference_flop=inference_flop,
        capture_seconds=runner.capture_seconds or None,
        compile_seconds=bench.step.compile_seconds or None,
        notes=tuple(notes),
    )


def _prediction(bench: Workbench, batch: int) -> Callable[[], object]:
    """Predict a full batch, as a run does."""
    rows = np.arange(batch) % len(bench.images)
    images = replace(bench.images, pixel_rows=rows, targets=bench.images.targets[rows])
    return partial(
        predict,
        bench.network,
        images,
        kind="multiclass",
        precision=bench.step.precision,
    )


def _one_image(bench: Workbench) -> Callable[[], Tensor]:
    """From one stored image to its logits on the host."""
    row = np.zeros(1, dtype=np.int64)
    image = replace(bench.images, pixel_rows=row, targets=bench.images.targets[row])
    bench.network.eval()

    @torch.inference_mode()
    def run() -> Tensor:
        (x,) = image.in_order(1)
        with autocast(bench.device, bench.step.precision):
            logits: Tensor = bench.network(x)
        return logits.cpu()

    return run


def count_flop(bench: Workbench) -> tuple[float, float]:
    """Additions and multiplications of an image, in a training step and in a prediction."""
    images = 2  # batch norm takes no single one
    x, targets = next(bench.images.in_order(images)), bench.images.targets_at(np.arange(images))
    bench.network.train()
    with FlopCounterMode(display=False) as forward:
        loss = bench.step.loss(bench.network(x), targets)
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    inference = forward.get_total_flops() / images
    return inference + backward.get_total_flops() / images, inference
