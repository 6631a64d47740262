"""From stored runs to the rows of a table. Every figure is computed from stored predictions."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.metrics import binary_metrics, choose_threshold
from bench.report.settings import Comparison, captions, compare, flatten, weights
from bench.store import JUDGED_PARTS, Run

# In the order of the table's columns; the first sorts it.
METRICS = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "recall": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "F1",
    "average_precision": "AP",
    "brier": "Brier",
    "ece": "ECE",
}
# Any of these can be made perfect at the cost of another, so none of them has a best row.
TRADED = frozenset({"recall", "specificity", "precision"})
# Where a smaller value is the better one.
ERRORS = frozenset({"brier", "ece"})


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
        seeds: those that finished.
        metrics: by the keys of ``METRICS``; empty where no seed finished.
        parameters, multiply_adds: of the network; None for a control.
        train_seconds, images_per_second: means over the seeds; None for a control, and where
            there is more than one of ``devices``.
        devices: what the seeds that finished were trained on, earlier attempts included.
        failures: seed and reason of each failed run.
        unavailable: why a control cannot be had; "" otherwise.
        below_controls: a network whose mean AUC is not above that of the best control.
    """

    kind: str
    model: str
    loss: str
    weights: str
    settings: str
    seeds: tuple[int, ...]
    metrics: dict[str, Figure] = field(default_factory=dict)
    parameters: int | None = None
    multiply_adds: int | None = None
    train_seconds: float | None = None
    images_per_second: float | None = None
    devices: tuple[str, ...] = ()
    failures: tuple[tuple[int, str], ...] = ()
    unavailable: str = ""
    below_controls: bool = False

    @property
    def auc(self) -> float:
        """Mean AUC; minus infinity where there is none, so that such rows sort last."""
        mean = self.metrics["auc"].mean if self.metrics else math.nan
        return -math.inf if math.isnan(mean) else mean

    @property
    def timed_on_several_devices(self) -> bool:
        """Times of a network that cannot be averaged."""
        return self.kind == "network" and len(self.devices) > 1


@dataclass(frozen=True, kw_only=True)
class Table:
    """The comparison on one data set, task and split.

    Attributes:
        data: ``PreparedData.describe()`` of its runs; ``root``, ``notes`` and ``skipped`` hold
            what any of them says.
        settings: what those of its networks have in common.
        rows: by falling AUC; failed and unavailable ones last.
        best_control: name and AUC of the best control, None without any.
        environments: those of its runs, earlier attempts included.
    """

    data: dict[str, Any]
    settings: Comparison
    rows: tuple[Row, ...]
    best_control: tuple[str, float] | None
    environments: tuple[dict[str, Any], ...]


def collect(runs: Iterable[Run]) -> list[Table]:
    """Group runs into tables: one for each data set, image size, task and split.

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
    return sorted(
        tables,
        key=lambda t: (t.data["source"], t.data["split"]["name"], t.data["image_size"]),
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
    controls = [row for row in rows if row.kind == "control" and row.auc > -math.inf]
    best = max(controls, key=lambda row: row.auc, default=None)
    rows = [_mark(row, best) for row in rows]
    rows.sort(key=lambda row: (-row.auc, bool(row.unavailable), row.model, row.loss, row.settings))
    return Table(
        data=_merge([run.data for run in runs]),
        settings=compare(cells),
        rows=tuple(rows),
        best_control=(best.model, best.auc) if best else None,
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
    values = [_metrics(run) for run in finished]
    timed = costs if len(devices) == 1 else []
    return Row(
        kind=cell.kind,
        model=cell.model,
        loss=cell.loss,
        weights=weights(cell),
        settings=settings,
        seeds=tuple(run.cell.seed for run in finished),
        metrics={name: Figure.over([v[name] for v in values]) for name in METRICS}
        if values
        else {},
        parameters=costs[0].parameters if costs else None,
        multiply_adds=costs[0].multiply_adds if costs else None,
        train_seconds=float(np.mean([c.train_seconds for c in timed])) if timed else None,
        images_per_second=float(np.mean([c.images_per_second for c in timed])) if timed else None,
        devices=devices,
        failures=tuple(
            (run.cell.seed, run.verdict.reason) for run in runs if run.verdict.state == "failed"
        ),
        unavailable=next(
            (run.verdict.reason for run in runs if run.verdict.state == "unavailable"), ""
        ),
    )


def _metrics(run: Run) -> dict[str, float]:
    """Test metrics of a run, at the threshold chosen on its validation part."""
    frame = run.predictions()
    targets, scores = frame["target"].to_numpy(), frame["probability"].to_numpy()
    validation, test = (frame["part"] == part for part in JUDGED_PARTS)
    threshold = choose_threshold(targets[validation], scores[validation])
    metrics = vars(binary_metrics(targets[test], scores[test], threshold=threshold))
    return {name: float(metrics[name]) for name in METRICS}


def _mark(row: Row, best_control: Row | None) -> Row:
    if row.kind != "network" or best_control is None or not row.metrics:
        return row
    return replace(row, below_controls=not row.auc > best_control.auc)


def _environments(run: Run) -> list[dict[str, Any]]:
    """Of each attempt, oldest first: a run can be interrupted and go on elsewhere."""
    return [*run.environment.get("earlier", []), run.environment]


def _merge(described: list[dict[str, Any]]) -> dict[str, Any]:
    """One description of data that was read at several times, perhaps from several folders."""
    skipped: dict[str, dict[str, None]] = {}
    for data in described:
        for kind, images in data["skipped"].items():
            skipped.setdefault(kind, {}).update(dict.fromkeys(images))
    roots = dict.fromkeys(data["root"] for data in described if data["root"])
    return described[0] | {
        "root": ", ".join(roots),
        "notes": list(dict.fromkeys(note for data in described for note in data["notes"])),
        "skipped": {kind: list(images) for kind, images in skipped.items()},
    }
