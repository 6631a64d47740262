"""From stored runs to the rows of a table. Every figure is computed from stored predictions."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.metrics import binary_metrics, choose_threshold
from bench.store import Run

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
    """One model with one loss (or one control), over its seeds.

    Attributes:
        kind: ``network`` or ``control``.
        model, loss: names; loss is "" for a control.
        weights: ``pretrained``, ``from scratch`` or "" for a control.
        settings: what tells this row from others of the same model and loss; "" where nothing
            needs to.
        seeds: those that finished.
        metrics: by the keys of ``METRICS``; empty where no seed finished.
        parameters, multiply_adds: of the network; None for a control.
        train_seconds, images_per_second: means over the seeds; None for a control.
        failures: seed and reason of each failed run.
        unavailable: why a control cannot be had; "" otherwise.
        beaten: a network whose mean AUC is not above that of the best control.
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
    failures: tuple[tuple[int, str], ...] = ()
    unavailable: str = ""
    beaten: bool = False

    @property
    def auc(self) -> float:
        """Mean AUC; minus infinity where there is none, so that such rows sort last."""
        mean = self.metrics["auc"].mean if self.metrics else math.nan
        return -math.inf if math.isnan(mean) else mean


@dataclass(frozen=True, kw_only=True)
class Table:
    """The comparison on one data set, task and split.

    Attributes:
        data: ``PreparedData.describe()`` of its runs.
        rows: by falling AUC; failed and unavailable ones last.
        best_control: name and AUC of the best control, None without any.
        environments: the distinct environments of its runs, dates left out.
        dates: of the first and the last run.
    """

    data: dict[str, Any]
    rows: tuple[Row, ...]
    best_control: tuple[str, float] | None
    environments: tuple[dict[str, Any], ...]
    dates: tuple[str, str]


def collect(runs: Iterable[Run]) -> list[Table]:
    """Group runs into tables: one for each data set, image size, task and split.

    Args:
        runs: those that ended.

    Raises:
        InputError: there are none, or stored predictions are damaged.
    """
    groups: defaultdict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        data = run.data
        groups[data["fingerprint"], data["task"], data["split"]["hash"]].append(run)
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
        key = json.dumps([cell.kind, cell.model, cell.loss, cell.settings], sort_keys=True)
        by_row[key].append(run)
    differing = _differing_settings([group[0] for group in by_row.values()])
    rows = [_row(group, differing) for group in by_row.values()]

    controls = [row for row in rows if row.kind == "control" and row.auc > -math.inf]
    best = max(controls, key=lambda row: row.auc, default=None)
    rows = [_mark(row, best) for row in rows]
    rows.sort(key=lambda row: (-row.auc, bool(row.unavailable), row.model, row.loss))
    dates = sorted(run.environment["date"] for run in runs)
    environments = {
        json.dumps({k: v for k, v in run.environment.items() if k != "date"}, sort_keys=True)
        for run in runs
    }
    return Table(
        data=runs[0].data,
        rows=tuple(rows),
        best_control=(best.model, best.auc) if best else None,
        environments=tuple(json.loads(text) for text in sorted(environments)),
        dates=(dates[0], dates[-1]),
    )


def _row(runs: list[Run], differing: frozenset[str]) -> Row:
    runs = sorted(runs, key=lambda run: run.cell.seed)
    cell = runs[0].cell
    finished = [run for run in runs if run.verdict.state == "finished"]
    costs = [run.verdict.costs for run in finished if run.verdict.costs is not None]
    values = [_metrics(run) for run in finished]
    flat = _flatten(cell.settings)
    model = cell.settings.get("model", {})
    return Row(
        kind=cell.kind,
        model=cell.model,
        loss=cell.loss,
        weights=""
        if cell.kind == "control"
        else ("pretrained" if model["pretrained"] else "from scratch"),
        settings=", ".join(f"{key}={flat[key]}" for key in sorted(differing & set(flat))),
        seeds=tuple(run.cell.seed for run in finished),
        metrics={name: Figure.over([v[name] for v in values]) for name in METRICS}
        if values
        else {},
        parameters=costs[0].parameters if costs else None,
        multiply_adds=costs[0].multiply_adds if costs else None,
        train_seconds=float(np.mean([c.train_seconds for c in costs])) if costs else None,
        images_per_second=float(np.mean([c.images_per_second for c in costs])) if costs else None,
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
    validation, test = (frame["part"] == part for part in ("validation", "test"))
    threshold = choose_threshold(targets[validation], scores[validation])
    metrics = vars(binary_metrics(targets[test], scores[test], threshold=threshold))
    return {name: float(metrics[name]) for name in METRICS}


def _mark(row: Row, best_control: Row | None) -> Row:
    if row.kind != "network" or best_control is None or not row.metrics:
        return row
    return Row(**{**vars(row), "beaten": not row.auc > best_control.auc})


def _differing_settings(runs: list[Run]) -> frozenset[str]:
    """Keys whose values tell apart networks of the same name, loss and kind of weights."""
    groups: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        if run.cell.kind == "network":
            groups[run.cell.model, run.cell.loss].append(_flatten(run.cell.settings))
    differing = set()
    for group in groups.values():
        keys = {key for settings in group for key in settings}
        differing |= {key for key in keys if len({str(s.get(key)) for s in group}) > 1}
    # The table has a column of its own for it.
    return frozenset(differing - {"model.pretrained"})


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"train": {"lr": 1}}`` to ``{"train.lr": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
