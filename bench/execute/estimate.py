"""Plan of a run and an estimate of its time, without running it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch

from bench.config import Experiment, expand, levels_of, missing_references
from bench.data.tasks import Task
from bench.errors import first_line
from bench.execute.cell_runner import label_at
from bench.execute.preflight import Checked, check_levels, network_shape
from bench.progress import duration
from bench.registry import LOSSES, find_model
from bench.registry.costs import model_costs, weights_here
from bench.runs.cells import Cell, first_seed_cells, pretrained_models
from bench.train import lay_out, make_step, random_state_kept
from bench.train.allocator import keep_freed_memory
from bench.train.random_images import random_images

# A probe is one small training step; this bounds its arithmetic (multiply-adds), so that even
# the largest network on a slow processor takes some seconds.
PROBE_MULTIPLY_ADDS = 20e9


class Planned(NamedTuple):
    """A control, or a network's first seed, with its level and what the checks have found."""

    cell: Cell
    level: Experiment
    checked: Checked


def describe_plan(experiment: Experiment, *, device: torch.device) -> Iterator[str]:
    """The cells with their estimated minutes, a line for all seeds, and the sum.

    Each network is timed on one small training step on this device. Validations are not
    counted, nor what an early stop may save, nor what was finished before: neither images nor
    pretrained weights are touched, so that a plan can be made before they are there.

    Raises:
        InputError: as :func:`check_levels`.
    """
    plain = expand(experiment)
    levels = list(zip(plain, check_levels(plain, device=device), strict=True))
    planned = _planned(experiment, levels)
    seeds = experiment.seeds
    cells = sum(1 if each.cell.kind == "control" else len(seeds) for each in planned.values())
    iterations = max(level.train.max_iterations for level, _ in levels)
    size = max(level.train.batch_size for level, _ in levels)
    yield (
        f"{experiment.name}, task {', '.join(dict.fromkeys(level.task for level, _ in levels))}: "
        f"{cells} cells, {iterations:,} iterations "
        f"of {size} images at most for each network, on {device}"
    )
    yield from missing_references(experiment)
    rates: dict[str, float] = {}
    total = 0.0
    for first, (cell, level, checked) in planned.items():
        if cell.kind == "control":
            yield f"  {first}: seconds"
            continue
        label = first.replace(
            f" seed {cell.seed}", f" seed{'s' * (len(seeds) > 1)} {' '.join(map(str, seeds))}"
        )
        task, fault = checked.task, checked.cell_fault(cell)
        if fault is not None:
            yield f"  {label}: will fail: {fault}"
            continue
        network = repr((cell.model, level.model, level.data.image_size, len(task.classes)))
        if network not in rates:
            try:
                rates[network] = probe(cell, task, level, device)
            except Exception as error:
                # Too little memory, say, or a model that fails in training mode.
                yield f"  {label}: cannot be timed: {first_line(error)}"
                continue
        seconds = level.train.max_iterations * level.train.batch_size / rates[network]
        total += seconds * len(seeds)
        each = " each" if len(seeds) > 1 else ""
        rate = f"{rates[network]:,.0f}" if rates[network] >= 10.0 else f"{rates[network]:.2g}"
        yield f"  {label}: about {duration(seconds)}{each} ({rate} images/s)"
    yield (
        f"about {duration(total)} in all, without validations, decoding and compiling; "
        "runs that are finished already are not done again; no image was looked at"
    )
    if missing := _missing_weights(plain):
        yield f"pretrained weights to be fetched first: {', '.join(missing)}"


def _planned(
    experiment: Experiment, levels: Iterable[tuple[Experiment, Checked]]
) -> dict[str, Planned]:
    """The rows by label: a control is one, however many levels of the training are varied."""
    return {
        label_at(cell, varied): Planned(cell, level, checked)
        for level, checked in levels
        for varied in [levels_of(experiment, level)]
        for cell in first_seed_cells(level)
    }


def _missing_weights(levels: Iterable[Experiment]) -> list[str]:
    """Models whose pretrained weights are not on this machine, sorted."""
    return sorted(
        {
            name
            for level in levels
            for name, found in weights_here(
                map(find_model, pretrained_models(level)), weights_dir=level.model.weights_dir
            ).items()
            if found is False
        }
    )


def probe(cell: Cell, task: Task, experiment: Experiment, device: torch.device) -> float:
    """Training images a second of a cell's network, from one small timed step."""
    entry = find_model(cell.model)
    shape = network_shape(experiment, cell.model, task)
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
