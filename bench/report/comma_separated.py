"""All rows of all tables as one CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.evaluate.measures import AVERAGED, all_measures
from bench.evaluate.results import Figure, Row, Table
from bench.report.report import Report
from bench.report.training import training_line
from bench.report.tuned import budget

# Of each measure. An interval is for other patients and seeds (bench.evaluate.estimate.LEVEL).
WHAT = ("mean", "sd", "low", "high")


def comma_separated(report: Report) -> str:
    """All rows of all tables as one CSV with full precision; undefined figures are empty.

    A row of a task that names findings is followed by one for each finding, which the column
    ``finding`` names; it has the figures of that finding against all images without it. The
    measures are those of the tasks at hand. Each run that has not ended is a row with the state
    ``interrupted`` or ``running``.
    """
    head = [
        "source", "task", "split", "split_seed", "image_size", "kind", "model", "loss",
        "settings", "weights", "finding", "state", "reason", "seeds", "parameters",
        "multiply_adds", *_measure_columns(report.tables), "delong_low", "delong_high",
        "answered_images", "test_images", "below_controls", "reference",
        "difference", "difference_low", "difference_high", "p", "p_holm", "verdict",
        "smallest_difference", "compared_images", "delong_p", "tuning_budget", "tuning_trials",
        "tuning_train_seconds", "train_seconds", "images_per_second",
        "inference_images_per_second", "devices", "training", "data", "split_hash",
    ]  # fmt: skip
    out = io.StringIO()
    writer = csv.DictWriter(out, head, restval="", lineterminator="\n")
    writer.writeheader()
    for table in report.tables:
        for row in table.rows:
            names = _names(table, row)
            whole_task = _whole_task(row) | _answered(row, table)
            writer.writerow(names | whole_task | _compared(row, table) | _tuning(row))
            support = row.support
            for finding, figures in row.findings.items():
                about = {"finding": finding, "support": support[finding]}
                writer.writerow(names | about | _figures(figures))
    for tuning in report.failed_tunings:
        named = {name: getattr(tuning, name) for name in ("task", "model", "loss", "reason")}
        writer.writerow({"kind": "network", "state": "failed", **named})
    for run in report.unfinished:
        state = "running" if run.running else "interrupted"
        writer.writerow({"state": state, "reason": run.name})
    return out.getvalue()


def _measure_columns(tables: Sequence[Table]) -> list[str]:
    outputs = [table.outputs for table in tables]
    measures = [f"{measure}_{what}" for measure in all_measures(outputs) for what in WHAT]
    if all(one.binary for one in outputs):
        return measures
    return ["support", *measures, *(_over(name) for name in AVERAGED)]


def _names(table: Table, row: Row) -> dict[str, Any]:
    """What tells a row's lines from those of other rows."""
    reasons = [f"seed {seed}: {reason}" for seed, reason in row.failures]
    state = "finished" if row.seeds else "failed"
    return {
        "source": table.data.source,
        "task": table.data.task,
        "split": table.data.split.name,
        "split_seed": table.data.split.seed,
        "image_size": table.data.image_size,
        "kind": row.kind,
        "model": row.model,
        "loss": row.loss,
        "settings": row.settings,
        "weights": row.weights,
        "state": "unavailable" if row.unavailable else state,
        "reason": row.unavailable or "; ".join(reasons),
        "seeds": " ".join(map(str, row.seeds)),
        "training": training_line(table.settings) if row.kind == "network" else "",
        "data": table.data.fingerprint,
        "split_hash": table.data.split.hash,
    }


def _whole_task(row: Row) -> dict[str, Any]:
    return {
        **_figures(row.metrics),
        **{_over(name): findings for name, findings in row.macro_over.items()},
        "delong_low": _number(row.delong.low if row.delong else None),
        "delong_high": _number(row.delong.high if row.delong else None),
        "below_controls": _below_controls(row),
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,
        "train_seconds": row.train_seconds,
        "images_per_second": row.images_per_second,
        "inference_images_per_second": row.inference_images_per_second,
        "devices": "; ".join(row.devices),
    }


def _below_controls(row: Row) -> bool | None:
    """None of controls, and where a row was not held against them."""
    held = row.kind != "control" and row.answered is None
    return row.below_controls if held else None


def _answered(row: Row, table: Table) -> dict[str, int]:
    """How many test images the figures are of, and how many there are."""
    images = table.data.parts["test"].images
    if not row.runs:
        return {"test_images": images}
    return {
        "answered_images": images if row.answered is None else row.answered[0],
        "test_images": images,
    }


def _compared(row: Row, table: Table) -> dict[str, Any]:
    """The row against the reference; ``p`` is before the correction."""
    if table.reference is None or row.versus is None:
        return {"verdict": "reference"} if row.is_reference else {}
    one = row.versus
    return {
        "reference": table.reference.name,
        "difference": _number(one.difference.value),
        "difference_low": _number(one.difference.low),
        "difference_high": _number(one.difference.high),
        "p": _number(one.p),
        "p_holm": _number(one.p_holm),
        "verdict": one.verdict,
        "smallest_difference": _number(one.smallest),
        "compared_images": one.images,
        "delong_p": _number(one.delong_p),
    }


def _tuning(row: Row) -> dict[str, Any]:
    if row.tuning is None:
        return {}
    return {
        "tuning_budget": budget(row.tuning),
        "tuning_trials": row.tuning.spent.trials,
        "tuning_train_seconds": row.tuning.spent.train_seconds,
    }


def _figures(figures: Mapping[str, Figure]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, figure in figures.items():
        interval = figure.interval
        ends = (interval.low, interval.high) if interval else (None, None)
        for what, value in zip(WHAT, (figure.mean, figure.deviation, *ends), strict=True):
            found[f"{name}_{what}"] = _number(value)
    return found


def _over(name: str) -> str:
    """The column of how many findings a macro average is over."""
    return f"macro_{name}_findings"


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
