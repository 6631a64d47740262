"""What stands in the cells of a table, as text; the same in every format but for the bold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bench.report.collect import ERRORS, METRICS, TRADED, Figure, Row, Table

DAGGER = "†"
MIXED = "mixed"


def columns(table: Table) -> list[str]:
    """The table's column heads; ``settings`` only where a row shows some."""
    settings = ["settings"] if any(row.settings for row in table.rows) else []
    return [
        "model",
        "loss",
        *settings,
        "weights",
        "parameters",
        "seeds",
        *METRICS.values(),
        "train s",
        "images/s",
    ]


def body(table: Table, *, bold: Callable[[str], str]) -> list[list[str]]:
    """The table's cells, row by row.

    Args:
        table: the comparison.
        bold: puts the best value of a column in bold; used only where one row alone has it.
    """
    best = {name: _best_alone(table.rows, name) for name in METRICS if name not in TRADED}
    with_settings = any(row.settings for row in table.rows)
    lines = []
    for row in table.rows:
        figures = []
        for name in METRICS:
            text = show_figure(row.metrics[name]) if row.metrics else "n/a"
            if name == "auc" and row.below_controls:
                text += f" {DAGGER}"
            figures.append(bold(text) if best.get(name) is row else text)
        lines.append(
            [
                row.model if row.kind == "network" else f"control: {row.model}",
                row.loss or "–",
                *([row.settings or "–"] if with_settings else []),
                row.weights or "–",
                "–" if row.parameters is None else f"{row.parameters:,}",
                _seeds(row),
                *figures,
                _cost(row.train_seconds, row),
                _cost(row.images_per_second, row),
            ]
        )
    return lines


def show_figure(figure: Figure) -> str:
    """``0.812 ± 0.004``, ``0.812`` for one seed, ``n/a`` where undefined."""
    if math.isnan(figure.mean):
        return "n/a"
    mean = f"{figure.mean:.3f}"
    return mean if figure.deviation is None else f"{mean} ± {figure.deviation:.3f}"


def _seeds(row: Row) -> str:
    if row.kind == "control":
        return "n/a" if row.unavailable else ("failed" if row.failures else "–")
    count = str(len(row.seeds))
    return f"{count} ({len(row.failures)} failed)" if row.failures else count


def _cost(value: float | None, row: Row) -> str:
    if value is not None:
        return f"{value:,.0f}"
    return MIXED if row.timed_on_several_devices else "–"


def _best_alone(rows: Sequence[Row], name: str) -> Row | None:
    """The row with the best mean as shown; None where several show the same or none has any."""
    shown = [
        (float(f"{row.metrics[name].mean:.3f}"), row)
        for row in rows
        if row.metrics and not math.isnan(row.metrics[name].mean)
    ]
    if len(shown) < 2:
        return None
    values = [value for value, _ in shown]
    best = min(values) if name in ERRORS else max(values)
    return next(row for value, row in shown if value == best) if values.count(best) == 1 else None
