"""Whether the fast ways compute what the plain ones do; the reference is float32 on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.config.schema import Precision
from bench.data.batches import Batch, ImageSet, TrainingStream
from bench.data.placement import InHostMemory, MemoryMapped, OnDevice
from bench.train import lay_out
from bench.train.compiled import compile_step
from bench.train.graph import WARM_UP_STEPS, GraphedStep, Record, record_graph
from bench.train.pace import FastestStep
from bench.train.step import Step
from tools.gpu_check.material import (
    AUGMENT,
    BATCH,
    CPU,
    PRECISIONS,
    SEED,
    Phantom,
    largest_relative,
    losses_of,
    make_network,
    make_step,
    recorded_however_short,
    refusals,
)

# Relative, over the first steps: a bfloat16 has 8 bits, TF32, in which CUDA computes float32
# convolutions, has 11. Later steps make more of a difference than they were given.
LOSS: dict[Precision, float] = {"float32": 0.01, "bfloat16": 0.03}
HELD_STEPS = 3
# Kernels that add in no fixed order (atomics) differ in the last bits of float32, and every step
# makes more of it: where plain steps differ more among themselves, more is allowed.
SAME_LOSS = 0.01
OWN_DIFFERENCES = 3
# By so much the learning rate falls, and so many times as far the weights may move as plain ones.
DECAY, SAME_WAY = 10, 2
# Of a refused training; it is timed, and then recorded, after the second validation.
REFUSED_STEPS, REFUSED_VALIDATIONS = 14, 4


def placements(device: torch.device) -> dict[str, Any]:
    """The three placements give the same batches, augmented, and those of the CPU."""
    phantom = Phantom(200)
    places = np.arange(150, dtype=np.int64)
    reference = _batches(phantom.part(MemoryMapped(phantom.pixels, device=CPU), places))
    failed = []
    for make in (OnDevice, InHostMemory, MemoryMapped):
        found = _batches(phantom.part(make(phantom.pixels, device=device), places))
        if make is OnDevice:
            on_device = found
        elif not torch.equal(on_device, found):
            failed.append(f"{make.__name__} gives other batches than OnDevice")
    off = float((on_device - reference).abs().max())
    if not off <= 1e-4:
        failed.append(f"batches differ from the CPU's by up to {off:g}")
    return {"largest_difference_from_cpu": off, "failed": failed}


def _batches(images: ImageSet) -> Tensor:
    stream = TrainingStream(images, batch_size=BATCH, seed=SEED, augment=AUGMENT)
    return torch.stack([stream.batch(step)[0].cpu() for step in range(12)])


def graphs(
    device: torch.device, *, models: Sequence[str] = ("cxnet_m1", "resnet18")
) -> dict[str, Any]:
    """Steps replayed from a graph have the losses of the plain ones, with the same dropout.

    After the first replayed steps the learning rate falls, so that the step is recorded again.
    Held are the first steps of both recordings, and how far the weights moved after the decay,
    which tells a graph that still has the old rate; the later losses are written down. On a CPU,
    the recorded function runs again instead.

    Args:
        device: where.
        models: registered names.
    """
    data = Phantom(400)
    record = _recorder(device)
    found: dict[str, Any] = {"tolerance": SAME_LOSS, "failed": []}
    for model in models:
        for precision in PRECISIONS:
            (plain, moved), (again, _), (replayed, replayed_moved) = (
                _train_with_a_decay(data, model, device, precision=precision, record=how)
                for how in (None, None, record)
            )
            losses = {"plain": plain, "plain_again": again, "replayed": replayed}
            differences = _judge(losses, "replayed", held=2 * HELD_STEPS)
            differences["moved_after_the_decay"] = ratio = replayed_moved / moved
            found[f"{model} {precision}"] = differences | losses
            if differences["failed"]:
                found["failed"].append(f"{model} {precision}: {differences['failed']}")
            if not 1 / SAME_WAY < ratio < SAME_WAY:
                found["failed"].append(
                    f"{model} {precision}: after the decay weights move {ratio:.3g} times as far "
                    "as with plain steps"
                )
    return found


def _train_with_a_decay(
    data: Phantom,
    model: str,
    device: torch.device,
    *,
    precision: Precision,
    record: Record | None,
) -> tuple[list[float], float]:
    """Losses after the warm-up, and how far weights move after the decay; plain without record."""
    step = make_step(data, make_network(model, device), precision=precision)
    losses_of(step, range(WARM_UP_STEPS))
    way = GraphedStep(step, record=record) if record else step
    decay = WARM_UP_STEPS + HELD_STEPS
    losses = losses_of(way, range(WARM_UP_STEPS, decay))
    for group in step.optimizer.param_groups:
        group["lr"] /= DECAY
    before = [p.detach().clone() for p in step.network.parameters()]
    losses += losses_of(way, range(decay, 20))
    after = step.network.parameters()
    moved = sum(float((a.detach() - b).abs().sum()) for a, b in zip(after, before, strict=True))
    return losses, moved


def _recorder(device: torch.device) -> Record:
    return record_graph if device.type == "cuda" else _run_again


def _run_again(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Stands in for a graph where there is no CUDA."""
    return function


def _judge(losses: dict[str, list[float]], name: str, *, held: int) -> dict[str, Any]:
    """How far some losses are off the plain ones, and why that is too far; None where it is not."""
    own, off = (
        largest_relative(losses["plain"][:held], losses[other][:held])
        for other in ("plain_again", name)
    )
    allowed = max(SAME_LOSS, OWN_DIFFERENCES * own)
    too_far = None if off <= allowed else f"losses are {off:.3g} off the plain steps'"
    return {"held_steps": held, "relative_difference": off, "of_plain": own, "failed": too_far}


def precision(
    device: torch.device, *, models: Sequence[str] = ("cxnet_m1", "resnet18")
) -> dict[str, Any]:
    """The first steps' losses on the device against float32 on the CPU, without dropout.

    Args:
        device: where.
        models: registered names; of those whose dropout is a layer.
    """
    data = Phantom(400)
    found: dict[str, Any] = {"tolerance": LOSS, "held_steps": HELD_STEPS, "failed": []}
    for model in models:
        reference = _losses_without_dropout(data, model, CPU, precision="float32")
        for name in PRECISIONS:
            losses = _losses_without_dropout(data, model, device, precision=name)
            off = largest_relative(reference[:HELD_STEPS], losses[:HELD_STEPS])
            found[f"{model} {name}"] = {
                "cpu_float32": reference, "device": losses, "largest_relative_difference": off,
            }  # fmt: skip
            if not off <= LOSS[name]:
                found["failed"].append(f"{model} {name}: losses are {off:.3g} off the CPU's")
    return found


def compiling(device: torch.device, *, model: str = "cxnet_m1") -> dict[str, Any]:
    """A compiled network has the losses of the plain one, replayed too, and draws dropout anew.

    Args:
        device: where; on a CPU the recorded function runs again instead.
        model: registered name, of a network whose dropout is a layer.
    """
    data = Phantom(400)
    reference = _losses_without_dropout(data, model, CPU, precision="float32")
    found: dict[str, Any] = {"tolerance": LOSS, "held_steps": HELD_STEPS, "failed": []}
    for name in PRECISIONS:
        step = compile_step(_step_without_dropout(data, model, device, precision=name))
        losses = losses_of(step, range(WARM_UP_STEPS))
        record = _recorder(device)
        losses += losses_of(GraphedStep(step, record=record), range(WARM_UP_STEPS, 10))
        off = largest_relative(reference[: 2 * HELD_STEPS], losses[: 2 * HELD_STEPS])
        found[name] = {
            "cpu_float32": reference, "device": losses, "largest_relative_difference": off,
        }  # fmt: skip
        if not off <= LOSS[name]:
            found["failed"].append(f"{name}: losses are {off:.3g} off the CPU's")
    found["masks"] = _drawn_by_a_compiled_step(data, model, device)
    first, again, *others = found["masks"]
    if first != again or len({first, *others}) != 1 + len(others):
        found["failed"].append("a step's dropout is not that of its number")
    return found


def _drawn_by_a_compiled_step(data: Phantom, model: str, device: torch.device) -> list[float]:
    """Losses of the same weights and batch in the steps 3, 3, 4 and 5: dropout alone differs."""
    places = np.arange(len(data.pixels), dtype=np.int64)
    same = _FirstBatch(
        data.part(OnDevice(data.pixels, device=device), places),
        batch_size=BATCH, seed=SEED, augment=AUGMENT,
    )  # fmt: skip
    step = make_step(data, make_network(model, device), precision="float32")
    for group in step.optimizer.param_groups:
        group["lr"] = 0.0
    way = compile_step(replace(step, stream=same))
    losses_of(way, range(WARM_UP_STEPS))
    record = _recorder(device)
    return losses_of(GraphedStep(way, record=record), (3, 3, 4, 5))


class _FirstBatch(TrainingStream):
    """Gives every step the batch of the first."""

    def raw(self, _: int) -> Batch:
        """See :meth:`bench.data.batches.TrainingStream.raw`."""
        return super().raw(0)


def _losses_without_dropout(
    data: Phantom, model: str, device: torch.device, *, precision: Precision
) -> list[float]:
    return losses_of(_step_without_dropout(data, model, device, precision=precision), range(10))


def _step_without_dropout(
    data: Phantom, model: str, device: torch.device, *, precision: Precision
) -> Step:
    network = make_network(model, device)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return make_step(data, network, precision=precision)


def refusal(device: torch.device, *, record: Record = record_graph) -> dict[str, Any]:
    """A network that cannot be recorded trains on as if nobody had tried.

    Its forward pass reads a number back, which ends a recording with an error, and it has
    dropout, whose generator the recording had taken hold of.

    Args:
        device: where.
        record: how its step is recorded, or refused.
    """
    data = Phantom(400)
    steps = range(REFUSED_STEPS)
    notes: list[str] = []
    losses = {
        name: losses_of(make_step(data, _waiting_network(device), precision="float32"), steps)
        for name in ("plain", "plain_again")
    }
    take = FastestStep(
        make_step(data, _waiting_network(device), precision="float32"),
        end=REFUSED_STEPS,
        validate_every=REFUSED_VALIDATIONS,
        on_note=notes.append,
        record=record,
    )
    with recorded_however_short(), closing(take):
        losses["refused"] = losses_of(take, steps)
    found = _judge(losses, "refused", held=REFUSED_STEPS)
    failed = [found.pop("failed")]
    if not refusals(notes):
        failed.append("its step was not refused")
    return found | losses | {"notes": notes, "failed": [reason for reason in failed if reason]}


class _Waits(nn.Module):
    """Changes nothing, but reads a number back to know that."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(max=x.max().item())


def _waiting_network(device: torch.device) -> nn.Module:
    torch.manual_seed(SEED)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Dropout(0.5), _Waits(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(32, 2),
    )  # fmt: skip
    return lay_out(network, device=device, memory_format="auto")
