"""Speeds of networks, each from one small training step."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from bench.config import Experiment
from bench.data.tasks import Task
from bench.environment import pick_device
from bench.errors import first_line
from bench.execute.preflight import Checked, check_levels, network_shape
from bench.registry import LOSSES, find_model
from bench.registry.costs import model_costs
from bench.train import lay_out, make_step, random_state_kept
from bench.train.allocator import keep_freed_memory
from bench.train.random_images import random_images

# A probe is one small training step; this bounds its arithmetic (multiply-adds), so that even
# the largest network on a slow processor takes some seconds.
PROBE_MULTIPLY_ADDS = 20e9


def time_levels(
    levels: Sequence[Experiment], *, device: str
) -> tuple[str, list[dict[str, float | str]]]:
    """Check levels of an experiment, and time each network that they can train.

    Args:
        levels: what to run, without ``vary``.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        The device's type, and of each level by "model loss" the training images a second, or why
        there is no such number.

    Raises:
        InputError: as :func:`check_levels` and :func:`pick_device`.
    """
    found = pick_device(device)
    checks = check_levels(levels, device=found)
    rates: dict[str, float | str] = {}
    timed = [_time(level, each, found, rates) for level, each in zip(levels, checks, strict=True)]
    return found.type, timed


def _time(
    level: Experiment, checked: Checked, device: torch.device, rates: dict[str, float | str]
) -> dict[str, float | str]:
    """The rates of a level; ``rates`` are those of networks that other levels have too."""
    timed: dict[str, float | str] = {}
    for model in level.models:
        for loss in level.losses:
            if (fault := checked.fault(model=model, loss=loss)) is not None:
                timed[f"{model} {loss}"] = f"will fail: {fault}"
                continue
            train = level.train
            alike = (train.batch_size, train.precision, train.memory_format)
            classes = len(checked.task.classes)
            network = repr((model, level.model, level.data.image_size, classes, alike))
            if network not in rates:
                rates[network] = _rate(model, checked.task, level, device)
            timed[f"{model} {loss}"] = rates[network]
    return timed


def _rate(model: str, task: Task, level: Experiment, device: torch.device) -> float | str:
    try:
        return probe(model, task, level, device)
    except Exception as error:
        # Too little memory, say, or a model that fails in training mode.
        return f"cannot be timed: {first_line(error)}"


def probe(model: str, task: Task, experiment: Experiment, device: torch.device) -> float:
    """Training images a second of a network, from one small timed step."""
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
        began = time.perf_counter()
        step(1).item()
        seconds = time.perf_counter() - began
    return batch / seconds
