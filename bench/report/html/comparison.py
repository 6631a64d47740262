"""The table that the page is about: who is better, with intervals as bars."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from bench.evaluate.measures import columns, leading
from bench.evaluate.results import Figure, Row, Table
from bench.report import versus
from bench.report.cells import DAGGER, show_figure
from bench.report.grid import Grid
from bench.report.html.sheet import Bar, Cell, Head, Scale, Sheet, number_key, sheet
from bench.report.levels import difference, span

# Colour alone does not reach everyone.
SIGNS = {"better": "▲ ", "worse": "▼ ", "cannot tell": "≈ ", "n/a": ""}
# What a reader on a small screen can do without stands behind what the table is about.
LATER = ("weights", "seeds")


def comparison(table: Table, grid: Grid) -> Sheet:
    """The leading measure of each row, its difference to the reference, and its costs.

    Args:
        table: the comparison.
        grid: what :func:`bench.report.cells.comparison` says of it.
    """
    measure = columns(table.outputs)[leading(table.outputs)]
    plain = sheet(grid, f"{measure[0].upper()}{measure[1:]} on the test part, and what it cost")
    head = list(plain.head)
    body = [list(cells) for cells in plain.body]
    _draw_measure(table, head, body, place=_place(head, measure))
    if table.reference is not None:
        first, _, last = (_place(head, text) for text in versus.heads(table))
        _draw_differences(table, head, body, place=first)
        for row, cells in zip(table.rows, body, strict=True):
            cells[last] = _verdict(row, table)
        head[last] = replace(head[last], number=False)
    if any(row.tuning for row in table.rows):
        head.append(Head(text="tuning trials"))
        for row, cells in zip(table.rows, body, strict=True):
            cells.append(_tuning(row))
    order = _order(head, before=_place(head, "parameters"))
    return replace(
        plain,
        head=[head[place] for place in order],
        body=[[cells[place] for place in order] for cells in body],
        marks=[_mark(row, table) for row in table.rows],
    )


def _place(head: list[Head], text: str) -> int:
    return [one.text for one in head].index(text)


def _order(head: list[Head], *, before: int) -> list[int]:
    """Places of the columns, those of ``LATER`` before another."""
    later = [place for place, one in enumerate(head) if one.text in LATER]
    others = [place for place in range(len(head)) if place not in later]
    cut = others.index(before)
    return [*others[:cut], *later, *others[cut:]]


def _mark(row: Row, table: Table) -> str:
    return f"{row.kind} reference" if versus.is_reference(row, table) else row.kind


def _draw_measure(table: Table, head: list[Head], body: list[list[Cell]], *, place: int) -> None:
    name = leading(table.outputs)
    figures = [row.metrics.get(name) for row in table.rows]
    reference = table.reference.metrics[name].mean if table.reference else math.nan
    scale = Scale.of((value for figure in figures for value in _values(figure)), line=reference)
    if scale is None:
        return
    head[place] = replace(head[place], scale=scale)
    for row, figure, cells in zip(table.rows, figures, body, strict=True):
        if figure is None or math.isnan(figure.mean):
            continue
        interval = figure.interval
        cells[place] = Cell(
            text=show_figure(figure) + (f" {DAGGER}" if row.below_controls else ""),
            detail="" if interval is None or interval.reason else span(interval, signed=False),
            key=number_key(figure.mean),
            bar=Bar.of(
                scale,
                value=figure.mean,
                low=interval.low if interval else math.nan,
                high=interval.high if interval else math.nan,
            ),
            mark=cells[place].mark,
        )


def _values(figure: Figure | None) -> Iterator[float]:
    if figure is not None:
        yield figure.mean
        if figure.interval is not None:
            yield from (figure.interval.low, figure.interval.high)


def _draw_differences(
    table: Table, head: list[Head], body: list[list[Cell]], *, place: int
) -> None:
    found = [row.versus.difference if row.versus else None for row in table.rows]
    values = (v for one in found if one is not None for v in (one.value, one.low, one.high))
    scale = Scale.of(values, line=0.0)
    if scale is None:
        return
    head[place] = replace(head[place], scale=scale)
    for one, cells in zip(found, body, strict=True):
        if one is not None and not math.isnan(one.value):
            cells[place] = Cell(
                text=difference(one.value),
                detail="" if one.reason else span(one, signed=True),
                key=number_key(one.value),
                bar=Bar.of(scale, value=one.value, low=one.low, high=one.high),
            )


def _verdict(row: Row, table: Table) -> Cell:
    if versus.is_reference(row, table):
        return Cell(text="reference", key="reference", mark="short")
    if row.versus is None:
        return Cell(text="n/a")
    text = versus.verdict(row, table)
    plain = row.versus.verdict
    return Cell(
        text=SIGNS[plain] + plain,
        detail=text.removeprefix(plain).strip(),
        key=plain,
        mark=f"short {plain.replace(' ', '-').replace('/', '')}",
    )


def _tuning(row: Row) -> Cell:
    if row.tuning is None:
        return Cell(text="–")
    spent = row.tuning.spent
    return Cell(
        text=f"{spent.trials:,}",
        detail=f"{spent.pruned:,} pruned, {spent.failed:,} failed, {spent.train_seconds:,.0f} s",
        key=str(spent.trials),
    )
