"""What stands in the cells of a table, as text; the same in every format but for the bold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bench.report.collect import Figure, Row, Table
from bench.report.grid import Grid
from bench.report.measures import ERRORS, PER_FINDING, TRADED, columns

DAGGER = "†"
MIXED = "mixed"


def comparison(table: Table, *, bold: Callable[[str], str]) -> Grid:
    """The figures of the whole task, a row for each model, loss and settings.

    Args:
        table: the comparison.
        bold: puts the best value of a column in bold; used only where one row alone has it.
    """
    measures = columns(table.outputs)
    leading = next(iter(measures))
    best = {
        name: best_alone([row.metrics.get(name) for row in table.rows], smaller=name in ERRORS)
        for name in measures
        if name not in TRADED
    }
    body = []
    for place, row in enumerate(table.rows):
        figures = []
        for name in measures:
            text = show_figure(row.metrics.get(name))
            if name == leading and row.below_controls:
                text += f" {DAGGER}"
            figures.append(bold(text) if best.get(name) == place else text)
        body.append(
            [
                *_names(table, row),
                "–" if row.parameters is None else f"{row.parameters:,}",
                _seeds(row),
                *figures,
                _cost(row.train_seconds, row),
                _cost(row.images_per_second, row),
            ]
        )
    heads = _name_heads(table)
    return Grid(
        head=[*heads, "parameters", "seeds", *measures.values(), "train s", "images/s"],
        body=body,
        left=len(heads),
    )


def per_finding(table: Table, *, bold: Callable[[str], str]) -> list[Grid]:
    """The figures of each finding, a table for each measure; none for a two-class task.

    The findings are columns, since there are fourteen at most and of the networks there may be
    any number. Each head tells how many images its figures rest on.

    Args:
        table: the comparison.
        bold: as in :func:`comparison`.
    """
    if table.outputs.binary:
        return []
    support = table.data["parts"]["test"]["classes"]
    heads = _name_heads(table)
    head = [*heads, *(f"{name} ({support[name]:,})" for name in table.outputs.classes)]
    grids = []
    for measure, called in PER_FINDING.items():
        body = [_names(table, row) for row in table.rows]
        for name in table.outputs.classes:
            figures = [row.findings.get(name, {}).get(measure) for row in table.rows]
            best = None if measure in TRADED else best_alone(figures, smaller=measure in ERRORS)
            for place, (line, figure) in enumerate(zip(body, figures, strict=True)):
                text = show_figure(figure)
                line.append(bold(text) if place == best else text)
        title = f"{called} of each finding (in brackets: test images that have it)"
        grids.append(Grid(title=title, head=head, body=body, left=len(heads)))
    return grids


def show_figure(figure: Figure | None) -> str:
    """``0.812 ± 0.004``, ``0.812`` for one seed, ``n/a`` where undefined or there is none."""
    if figure is None or math.isnan(figure.mean):
        return "n/a"
    mean = f"{figure.mean:.3f}"
    return mean if figure.deviation is None else f"{mean} ± {figure.deviation:.3f}"


def best_alone(figures: Sequence[Figure | None], *, smaller: bool) -> int | None:
    """The place of the best mean as shown; None where several show the same or one alone has any.

    Args:
        figures: of one column.
        smaller: whether the smallest is the best.
    """
    shown = {
        place: float(f"{figure.mean:.3f}")
        for place, figure in enumerate(figures)
        if figure is not None and not math.isnan(figure.mean)
    }
    if len(shown) < 2:
        return None
    best = min(shown.values()) if smaller else max(shown.values())
    places = [place for place, value in shown.items() if value == best]
    return places[0] if len(places) == 1 else None


def _name_heads(table: Table) -> list[str]:
    """Heads of the columns that name a row; ``settings`` only where a row shows some."""
    return ["model", "loss", *(["settings"] if _with_settings(table) else []), "weights"]


def _names(table: Table, row: Row) -> list[str]:
    return [
        row.model if row.kind == "network" else f"control: {row.model}",
        row.loss or "–",
        *([row.settings or "–"] if _with_settings(table) else []),
        row.weights or "–",
    ]


def _with_settings(table: Table) -> bool:
    return any(row.settings for row in table.rows)


def _seeds(row: Row) -> str:
    if row.kind == "control":
        return "n/a" if row.unavailable else ("failed" if row.failures else "–")
    count = str(len(row.seeds))
    return f"{count} ({len(row.failures)} failed)" if row.failures else count


def _cost(value: float | None, row: Row) -> str:
    if value is not None:
        return f"{value:,.0f}"
    return MIXED if row.timed_on_several_devices else "–"
