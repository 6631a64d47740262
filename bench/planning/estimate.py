"""Plan of a run and an estimate of its time, without running it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bench.cache import facts_file
from bench.config import Experiment, expand, levels_of, missing_references
from bench.planning.speeds import SPEEDS, Rates, measure_speeds
from bench.progress import duration
from bench.registry import find_model
from bench.registry.costs import weights_here
from bench.runs.cells import Cell, first_seed_cells, pretrained_models


class Planned(NamedTuple):
    """A control, or a network's first seed, with its level and the rates of that level."""

    cell: Cell
    level: Experiment
    rates: Rates


def describe_plan(experiment: Experiment, *, device: str) -> Iterator[str]:
    """The cells with their estimated minutes, a line for all seeds, and the sum.

    Each network is timed in small training steps on this device, once for all plans
    (:func:`measure_speeds`).
    Validations are not counted, nor what an early stop may save, nor what was finished before:
    neither images nor pretrained weights are touched, so that a plan can be made before they are
    there.
    """
    plain = expand(experiment)
    speeds = measure_speeds(plain, device=device)
    planned = _planned(experiment, zip(plain, speeds.rates, strict=True))
    seeds = experiment.seeds
    cells = sum(1 if each.cell.kind == "control" else len(seeds) for each in planned.values())
    iterations = max(level.train.max_iterations for level in plain)
    size = max(level.train.batch_size for level in plain)
    yield (
        f"{experiment.name}, task {', '.join(dict.fromkeys(level.task for level in plain))}: "
        f"{cells} cells, {iterations:,} iterations "
        f"of {size} images at most for each network, on {speeds.device}"
    )
    yield from missing_references(experiment)
    total = 0.0
    for first, (cell, level, rates) in planned.items():
        if cell.kind == "control":
            yield f"  {first}: seconds"
            continue
        label = first.replace(
            f" seed {cell.seed}", f" seed{'s' * (len(seeds) > 1)} {' '.join(map(str, seeds))}"
        )
        rate = rates[cell.model, cell.loss]
        if isinstance(rate, str):
            yield f"  {label}: {rate}"
            continue
        seconds = level.train.max_iterations * level.train.batch_size / rate
        total += seconds * len(seeds)
        each = " each" if len(seeds) > 1 else ""
        yield (
            f"  {label}: about {duration(seconds)}{each} "
            f"({f'{rate:,.0f}' if rate >= 10.0 else f'{rate:.2g}'} images/s)"
        )
    yield (
        f"about {duration(total)} in all, without validations, decoding and compiling; "
        "runs that are finished already are not done again; no image was looked at"
    )
    if speeds.measured:
        yield (
            f"speeds were measured here on {speeds.measured}; delete {str(facts_file(SPEEDS))!r} "
            "to measure them again"
        )
    if missing := _missing_weights(plain):
        yield f"pretrained weights to be fetched first: {', '.join(missing)}"


def _planned(
    experiment: Experiment, levels: Iterable[tuple[Experiment, Rates]]
) -> dict[str, Planned]:
    """The rows by label: a control is one, however many levels of the training are varied."""
    return {
        cell.label_at(varied): Planned(cell, level, rates)
        for level, rates in levels
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
