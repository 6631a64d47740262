"""From stored runs to the rows of a table. Every figure is computed from stored predictions."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from bench.config.dotted import flatten
from bench.data.tasks import TASKS
from bench.errors import InputError
from bench.predictions import Outputs
from bench.report.measures import Measured, measure
from bench.report.merge import merge
from bench.report.settings import Comparison, captions, compare, train_share, weights
from bench.runs import Run


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A metric over the seeds of a row.

    Attributes:
        mean: over the seeds; NaN where it is undefined for any of them.
        deviation: sample standard deviation over the seeds; None for a single seed.
    """

    mean: float
    deviation: float | None

    @classmethod
    def over(cls, values: list[float]) -> Figure:
        """Mean and sample standard deviation of one value a seed."""
        array = np.asarray(values, dtype=np.float64)
        deviation = float(array.std(ddof=1)) if len(values) > 1 else None
        return cls(mean=float(array.mean()), deviation=deviation)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model with one loss (or one control) under one choice of settings, over its seeds.

    Attributes:
        kind: ``network`` or ``control``.
        model, loss: names; loss is "" for a control.
        weights: ``from scratch``, ``pretrained`` or ``pretrained, head``
            (:func:`bench.report.settings.weights`); "" for a control.
        settings: what tells this row from others (:func:`bench.report.settings.captions`).
        train_share: the share of the training part that it learned from.
        seeds: those that finished.
        metrics: of the whole task, by the names of :mod:`bench.report.measures`, the one that
            sorts the table first; empty where no seed finished.
        findings: those of each finding, in the order of the outputs; empty for a two-class task.
        macro_over: how many findings each macro average is over.
        parameters, multiply_adds: of the network; None for a control.
        train_seconds, images_per_second: means over the seeds; None for a control, and where
            there is more than one of ``devices``.
        devices: what the seeds that finished were trained on, earlier attempts included.
        micro_batches: seed and size, in images, where batches were split to fit the device.
        failures: seed and reason of each failed run.
        unavailable: why a control cannot be had; "" otherwise.
        below_controls: a network whose mean AUC (macro over the findings, where there are
            several) is not above that of the best control of the same share of the training part.
    """

    kind: str
    model: str
    loss: str
    weights: str
    settings: str
    train_share: float
    seeds: tuple[int, ...]
    metrics: dict[str, Figure] = field(default_factory=dict)
    findings: dict[str, dict[str, Figure]] = field(default_factory=dict)
    macro_over: dict[str, int] = field(default_factory=dict)
    parameters: int | None = None
    multiply_adds: int | None = None
    train_seconds: float | None = None
    images_per_second: float | None = None
    devices: tuple[str, ...] = ()
    micro_batches: tuple[tuple[int, int], ...] = ()
    failures: tuple[tuple[int, str], ...] = ()
    unavailable: str = ""
    below_controls: bool = False

    @property
    def auc(self) -> float:
        """Mean AUC, macro over the findings where there are several.

        Minus infinity where there is none, so that such rows sort last.
        """
        mean = next((figure.mean for figure in self.metrics.values()), math.nan)
        return -math.inf if math.isnan(mean) else mean

    @property
    def timed_on_several_devices(self) -> bool:
        """Times of a network that cannot be averaged."""
        return self.kind == "network" and len(self.devices) > 1


@dataclass(frozen=True, kw_only=True)
class Table:
    """The comparison on one data set, task and split.

    Attributes:
        data: ``PreparedData.describe()`` of its runs, merged (:func:`bench.report.merge.merge`).
        outputs: what its runs' predictions are about.
        settings: what those of its networks have in common.
        rows: by falling AUC; failed and unavailable ones last.
        best_controls: name and AUC of the best control of each share of the training part;
            shares without any are left out.
        environments: those of its runs, earlier attempts included.
    """

    data: dict[str, Any]
    outputs: Outputs
    settings: Comparison
    rows: tuple[Row, ...]
    best_controls: dict[float, tuple[str, float]]
    environments: tuple[dict[str, Any], ...]


def collect(runs: Iterable[Run]) -> list[Table]:
    """Group runs into tables: one for each data set, image size, task and split.

    They are sorted by source, task (as in :data:`bench.data.tasks.TASKS`), split and image size.

    Args:
        runs: those that ended.

    Raises:
        InputError: there are none, a run is there twice, or stored predictions are damaged.
    """
    groups: defaultdict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        data, split = run.data, run.data["split"]
        # Two splits can have the same parts, and yet claim different things of them.
        groups[data["fingerprint"], data["task"], split["hash"], split["name"]].append(run)
    if not groups:
        raise InputError("no run has ended here yet: run `bench run --all` first, or give --out")
    tables = [_table(group) for group in groups.values()]
    return sorted(tables, key=_place)


def _place(table: Table) -> tuple[Any, ...]:
    data = table.data
    return (
        data["source"],
        TASKS.index(data["task"]),
        data["split"]["name"],
        data["image_size"],
    )


def _table(runs: list[Run]) -> Table:
    by_row: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        cell = run.cell
        key = json.dumps([cell.kind, cell.model, cell.loss, flatten(cell.settings)], sort_keys=True)
        by_row[key].append(run)
    cells = [group[0].cell for group in by_row.values()]
    rows = [
        _row(group, settings=settings)
        for group, settings in zip(by_row.values(), captions(cells), strict=True)
    ]
    best = _best_controls(rows)
    rows = [_mark(row, best) for row in rows]
    rows.sort(key=lambda row: (-row.auc, bool(row.unavailable), row.model, row.loss, row.settings))
    return Table(
        data=merge(runs),
        outputs=runs[0].outputs,
        settings=compare(cells),
        rows=tuple(rows),
        best_controls=best,
        environments=tuple(environment for run in runs for environment in _environments(run)),
    )


def _row(runs: list[Run], *, settings: str) -> Row:
    runs = sorted(runs, key=lambda run: run.cell.seed)
    for earlier, later in pairwise(runs):
        if earlier.cell.seed == later.cell.seed:
            raise InputError(
                f"runs {earlier.folder.name} and {later.folder.name} are the same run "
                f"({later.cell.label}): delete one of the two folders"
            )
    cell = runs[0].cell
    finished = [run for run in runs if run.verdict.state == "finished"]
    costs = [run.verdict.costs for run in finished if run.verdict.costs is not None]
    devices = tuple(dict.fromkeys(e["device"] for run in finished for e in _environments(run)))
    measured = [measure(run) for run in finished]
    timed = costs if len(devices) == 1 else []
    return Row(
        kind=cell.kind,
        model=cell.model,
        loss=cell.loss,
        weights=weights(cell),
        settings=settings,
        train_share=train_share(cell),
        seeds=tuple(run.cell.seed for run in finished),
        metrics=_over_seeds([one.figures for one in measured]),
        findings=_findings(measured),
        # The seeds were judged on the same images, so that they agree on this.
        macro_over=measured[0].macro_over if measured else {},
        parameters=costs[0].parameters if costs else None,
        multiply_adds=costs[0].multiply_adds if costs else None,
        train_seconds=float(np.mean([c.train_seconds for c in timed])) if timed else None,
        images_per_second=float(np.mean([c.images_per_second for c in timed])) if timed else None,
        devices=devices,
        micro_batches=tuple(
            (run.cell.seed, run.verdict.costs.micro_batch)
            for run in finished
            if run.verdict.costs and run.verdict.costs.micro_batch
        ),
        failures=tuple(
            (run.cell.seed, run.verdict.reason) for run in runs if run.verdict.state == "failed"
        ),
        unavailable=next(
            (run.verdict.reason for run in runs if run.verdict.state == "unavailable"), ""
        ),
    )


def _over_seeds(figures: Sequence[dict[str, float]]) -> dict[str, Figure]:
    names = figures[0] if figures else {}
    return {name: Figure.over([one[name] for one in figures]) for name in names}


def _findings(measured: Sequence[Measured]) -> dict[str, dict[str, Figure]]:
    names = measured[0].findings if measured else {}
    return {name: _over_seeds([one.findings[name] for one in measured]) for name in names}


def _best_controls(rows: Iterable[Row]) -> dict[float, tuple[str, float]]:
    """By share of the training part: a control learns from it too."""
    best: dict[float, tuple[str, float]] = {}
    for row in rows:
        if row.kind == "control" and row.auc > best.get(row.train_share, ("", -math.inf))[1]:
            best[row.train_share] = (row.model, row.auc)
    return best


def _mark(row: Row, best_controls: dict[float, tuple[str, float]]) -> Row:
    if row.kind != "network" or row.train_share not in best_controls or not row.metrics:
        return row
    _, best = best_controls[row.train_share]
    return replace(row, below_controls=not row.auc > best)


def _environments(run: Run) -> list[dict[str, Any]]:
    """Of each attempt, oldest first: a run can be interrupted and go on elsewhere."""
    return [*run.environment.get("earlier", []), run.environment]
