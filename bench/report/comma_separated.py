"""All rows of all tables as one CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.metrics import AVERAGED
from bench.report.collect import Figure, Row, Table
from bench.report.measures import all_measures
from bench.report.training import training_line
from bench.runs import Unfinished


def comma_separated(tables: Sequence[Table], *, unfinished: Sequence[Unfinished] = ()) -> str:
    """All rows of all tables as one CSV with full precision; undefined figures are empty.

    A row of a task that names findings is followed by one for each finding, which the column
    ``finding`` names; it has the figures of that finding against all images without it. The
    measures are those of the tasks at hand.

    Args:
        tables: what :func:`bench.report.collect.collect` gave.
        unfinished: runs that have not ended; each is a row with the state ``interrupted`` or
            ``running``.
    """
    head = [
        "source", "task", "split", "split_seed", "image_size", "kind", "model", "loss",
        "settings", "weights", "finding", "state", "reason", "seeds", "parameters",
        "multiply_adds", *_measure_columns(tables), "below_controls", "train_seconds",
        "images_per_second", "micro_batches", "devices", "training", "data", "split_hash",
    ]  # fmt: skip
    out = io.StringIO()
    writer = csv.DictWriter(out, head, restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            names = _names(table, row)
            writer.writerow(names | _whole_task(row))
            for finding, figures in row.findings.items():
                support = table.data["parts"]["test"]["classes"][finding]
                writer.writerow(
                    names | {"finding": finding, "support": support} | _figures(figures)
                )
    for run in unfinished:
        state = "running" if run.running else "interrupted"
        writer.writerow({"state": state, "reason": run.name})
    return out.getvalue()


def _measure_columns(tables: Sequence[Table]) -> list[str]:
    outputs = [table.outputs for table in tables]
    measures = [f"{measure}_{what}" for measure in all_measures(outputs) for what in ("mean", "sd")]
    if all(one.binary for one in outputs):
        return measures
    return ["support", *measures, *(_over(name) for name in AVERAGED)]


def _names(table: Table, row: Row) -> dict[str, Any]:
    """What tells a row's lines from those of other rows."""
    reasons = [f"seed {seed}: {reason}" for seed, reason in row.failures]
    state = "finished" if row.seeds else "failed"
    return {
        "source": table.data["source"],
        "task": table.data["task"],
        "split": table.data["split"]["name"],
        "split_seed": table.data["split"]["seed"],
        "image_size": table.data["image_size"],
        "kind": row.kind,
        "model": row.model,
        "loss": row.loss,
        "settings": row.settings,
        "weights": row.weights,
        "state": "unavailable" if row.unavailable else state,
        "reason": row.unavailable or "; ".join(reasons),
        "seeds": " ".join(map(str, row.seeds)),
        "training": training_line(table.settings) if row.kind == "network" else "",
        "data": table.data["fingerprint"],
        "split_hash": table.data["split"]["hash"],
    }


def _whole_task(row: Row) -> dict[str, Any]:
    return {
        **_figures(row.metrics),
        **{_over(name): findings for name, findings in row.macro_over.items()},
        "below_controls": row.below_controls if row.kind == "network" else "",
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,
        "train_seconds": row.train_seconds,
        "images_per_second": row.images_per_second,
        "micro_batches": "; ".join(f"seed {seed}: {size}" for seed, size in row.micro_batches),
        "devices": "; ".join(row.devices),
    }


def _figures(figures: Mapping[str, Figure]) -> dict[str, float | None]:
    return {
        **{f"{name}_mean": _number(figure.mean) for name, figure in figures.items()},
        **{f"{name}_sd": _number(figure.deviation) for name, figure in figures.items()},
    }


def _over(name: str) -> str:
    """The column of how many findings a macro average is over."""
    return f"macro_{name}_findings"


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
