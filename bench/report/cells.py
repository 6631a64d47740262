"""What stands in the cells of the tables, as text; the same in every format but for the bold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from bench.evaluate.measures import ERRORS, PER_FINDING, TRADED, columns, leading
from bench.evaluate.results import Figure, Row, Table
from bench.report import versus
from bench.report.grid import Grid
from bench.report.words import coverage

DAGGER = "†"
MIXED = "mixed"
DECIMALS = 3
# Of measures that are no shares of anything.
FEWER_DECIMALS = {"needed_to_read_at_95": 2, "needed_to_read_at_90": 2, "temperature": 2}


def comparison(table: Table, *, bold: Callable[[str], str]) -> Grid:
    """Who is better: the leading measure of each row, what it is against the reference, its cost.

    Args:
        table: the comparison.
        bold: puts the best value of a column in bold; used only where one row alone has it.
    """
    name = leading(table.outputs)
    heads = _name_heads(table)
    figures = _column(table, name, bold=bold)
    body = [
        [
            *_names(table, row),
            _seeds(row),
            f"{figure} {DAGGER}" if row.below_controls else figure,
            *versus.cells(row, table),
            "–" if row.parameters is None else f"{row.parameters:,}",
            _cost(row.train_seconds, row),
            _cost(row.images_per_second, row),
            _cost(row.inference_images_per_second, row),
        ]
        for row, figure in zip(table.rows, figures, strict=True)
    ]
    costs = ["parameters", "train s", "images/s", "inference images/s"]
    head = [*heads, "seeds", columns(table.outputs)[name], *versus.heads(table), *costs]
    return Grid(title="Who is better", head=head, body=body, left=len(heads))


def measures(table: Table, names: Iterable[str], *, title: str, bold: Callable[[str], str]) -> Grid:
    """Some measures of the whole task, a row for each row of the table.

    Args:
        table: the comparison.
        names: of the measures.
        title: of the grid.
        bold: as in :func:`comparison`.
    """
    heads = _name_heads(table)
    called = columns(table.outputs)
    body = [_names(table, row) for row in table.rows]
    for name in names:
        for line, text in zip(body, _column(table, name, bold=bold), strict=True):
            line.append(text)
    head = [*heads, *(called[name] for name in names)]
    return Grid(title=title, head=head, body=body, left=len(heads))


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
    support = table.data.parts["test"].classes
    heads = _name_heads(table)
    head = [*heads, *(f"{name} ({support[name]:,})" for name in table.outputs.classes)]
    grids = []
    for measure, called in PER_FINDING.items():
        body = [_names(table, row) for row in table.rows]
        for name in table.outputs.classes:
            figures = [row.findings.get(name, {}).get(measure) for row in table.rows]
            best = _best_alone(table.rows, figures, name=measure, decimals=DECIMALS)
            for place, (line, figure) in enumerate(zip(body, figures, strict=True)):
                text = show_figure(figure)
                line.append(bold(text) if place == best else text)
        title = f"{called} of each finding (in brackets: test images that have it)"
        grids.append(Grid(title=title, head=head, body=body, left=len(heads)))
    return grids


def show_figure(figure: Figure | None, *, decimals: int = DECIMALS) -> str:
    """``0.812 ± 0.004``, ``0.812`` for one seed, ``n/a`` where undefined or there is none."""
    if figure is None or math.isnan(figure.mean):
        return "n/a"
    mean = f"{figure.mean:.{decimals}f}"
    return mean if figure.deviation is None else f"{mean} ± {figure.deviation:.{decimals}f}"


def show_interval(figure: Figure | None, *, decimals: int = DECIMALS) -> str:
    """``(0.800–0.824)``; "" where there is none."""
    if figure is None or figure.interval is None or figure.interval.reason:
        return ""
    return f"({figure.interval.low:.{decimals}f}–{figure.interval.high:.{decimals}f})"


def _best_alone(
    rows: Sequence[Row], figures: Sequence[Figure | None], *, name: str, decimals: int
) -> int | None:
    """The place of the best mean as shown; None where several show the same or one alone has any.

    Rows that answer some of the test images do not take part: theirs may be the easy ones.
    """
    shown = {
        place: float(f"{figure.mean:.{decimals}f}")
        for place, (row, figure) in enumerate(zip(rows, figures, strict=True))
        if row.answered is None and figure is not None and not math.isnan(figure.mean)
    }
    if len(shown) < 2 or name in TRADED:
        return None
    best = min(shown.values()) if name in ERRORS else max(shown.values())
    places = [place for place, value in shown.items() if value == best]
    return places[0] if len(places) == 1 else None


def _column(table: Table, name: str, *, bold: Callable[[str], str]) -> list[str]:
    """A measure of each row, with its interval."""
    decimals = FEWER_DECIMALS.get(name, DECIMALS)
    figures = [row.metrics.get(name) for row in table.rows]
    best = _best_alone(table.rows, figures, name=name, decimals=decimals)
    texts = []
    for place, figure in enumerate(figures):
        text = show_figure(figure, decimals=decimals)
        interval = show_interval(figure, decimals=decimals)
        texts.append(f"{bold(text) if place == best else text} {interval}".rstrip())
    return texts


def _name_heads(table: Table) -> list[str]:
    """Heads of the columns that name a row; ``settings`` only where a row shows some."""
    return ["model", "loss", *(["settings"] if _with_settings(table) else []), "weights"]


def _names(table: Table, row: Row) -> list[str]:
    return [
        (row.model if row.kind == "network" else f"{row.kind}: {row.model}")
        + coverage(row.answered),
        row.loss or "–",
        *([row.settings or "–"] if _with_settings(table) else []),
        row.weights or "–",
    ]


def _with_settings(table: Table) -> bool:
    return any(row.settings for row in table.rows)


def _seeds(row: Row) -> str:
    if not row.loss:
        return "n/a" if row.unavailable else ("failed" if row.failures else "–")
    count = str(len(row.seeds))
    return f"{count} ({len(row.failures)} failed)" if row.failures else count


def _cost(value: float | None, row: Row) -> str:
    if value is not None:
        return f"{value:,.0f}"
    return MIXED if row.timed_on_several_devices else "–"
