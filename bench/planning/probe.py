"""Speeds of networks, each from a few small training steps."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from bench.config import Experiment
from bench.data.tasks import Task
from bench.environment import pick_device
from bench.errors import first_line
from bench.execute.preflight import Checked, check_levels, network_shape
from bench.planning.speeds import NOT_OF_A_STEP, Rates
from bench.registry import LOSSES, find_model
from bench.registry.costs import model_costs
from bench.train.allocator import keep_freed_memory
from bench.train.device import lay_out, random_state_kept
from bench.train.random_images import random_images
from bench.train.step import Step, make_step

# A probe is one small training step; this bounds its arithmetic (multiply-adds), so that even
# the largest network on a slow processor takes some seconds.
PROBE_MULTIPLY_ADDS = 20e9
# The fastest of so many steps counts: other work on the machine makes a step slower, never faster.
STEPS = 3


def time_levels(levels: Sequence[Experiment], *, device: str) -> tuple[str, list[Rates]]:
    """Check levels of an experiment, and time each network that they can train."""
    found = pick_device(device)
    checks = check_levels(levels, device=found)
    rates: dict[str, float | str] = {}
    timed = [_time(level, each, found, rates) for level, each in zip(levels, checks, strict=True)]
    return found.type, timed


def _time(
    level: Experiment, checked: Checked, device: torch.device, rates: dict[str, float | str]
) -> Rates:
    """The rates of a level.

    Args:
        rates: known ones, to be added to: levels have most networks in common.
    """
    timed: Rates = {}
    task, step = checked.task, level.train.model_dump(exclude=NOT_OF_A_STEP)
    classes = len(task.classes)
    for model in level.models:
        for loss in level.losses:
            if (fault := checked.fault(model=model, loss=loss)) is not None:
                timed[model, loss] = f"will fail: {fault}"
                continue
            network = repr((model, level.model, level.data.image_size, task.kind, classes, step))
            if network not in rates:
                rates[network] = _rate(model, task, level, device)
            timed[model, loss] = rates[network]
    return timed


def _rate(model: str, task: Task, level: Experiment, device: torch.device) -> float | str:
    try:
        return probe(model, task, level, device)
    except Exception as error:
        # Too little memory, say, or a model that fails in training mode.
        return f"cannot be timed: {first_line(error)}"


def probe(model: str, task: Task, experiment: Experiment, device: torch.device) -> float:
    """Training images a second of a network, from small timed steps."""
    entry = find_model(model)
    shape = network_shape(experiment, model, task)
    costs = model_costs(entry, shape)
    batch = int(PROBE_MULTIPLY_ADDS / max(costs.multiply_adds, 1))
    batch = max(2, min(experiment.train.batch_size, batch))
    config = experiment.train.model_copy(update={"batch_size": batch, "compile": False})
    keep_freed_memory(device)  # as a run does
    with random_state_kept(device):
        network = entry.build(shape)
        lay_out(network, device=device, memory_format=config.memory_format).train()
        loss = LOSSES.get("ce").factory(kind=task.kind, class_weights=None).to(device)
        images = random_images(
            batch,
            side=shape.image_size,
            in_channels=shape.in_channels,
            outputs=shape.outputs,
            kind=task.kind,
            device=device,
        )
        step = make_step(network, loss, images, config=config, seed=0)
        step(0).item()  # allocates and warms up
        return batch / min(_seconds(step, number) for number in range(1, 1 + STEPS))


def _seconds(step: Step, number: int) -> float:
    began = time.perf_counter()
    step(number).item()
    return time.perf_counter() - began
