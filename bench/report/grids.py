"""The tables of a comparison in their order, each with how to read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.evaluate.measures import AT_THRESHOLD, CALIBRATION, OPERATING, columns, leading
from bench.evaluate.results import Table
from bench.report import cells, findings_legend, legend, tuned
from bench.report.grid import Grid
from bench.report.notes import notes as notes_on
from bench.report.sections import sections as new_sections


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table and how to read it.

    Attributes:
        grid: with a title.
        notes: sentences, a paragraph each.
    """

    grid: Grid
    notes: Sequence[str]


def sections(table: Table, *, bold: Callable[[str], str]) -> list[Section]:
    """Who is better, the other measures, the tuning, each finding, and what was published.

    Args:
        table: the comparison.
        bold: puts the best value of a column in bold; used only where one row alone has it.
    """
    found = [Section(grid=cells.comparison(table, bold=bold), notes=legend.comparison(table))]
    for title, names, about in _measures(table):
        grid = cells.measures(table, names, title=title, bold=bold)
        notes = [*about(table), *legend.without_interval(table, names)]
        found.append(Section(grid=grid, notes=notes))
    tunings = tuned.tunings(table)
    if tunings is not None:
        found.append(Section(grid=tunings, notes=tuned.sentences(table)))
    found += [
        Section(grid=grid, notes=findings_legend.findings(table) if last else ())
        for last, grid in _with_last(cells.per_finding(table, bold=bold))
    ]
    published = _published(table)
    if published is not None:
        found.append(Section(grid=published, notes=notes_on(table, "published")))
    return found


def _measures(table: Table) -> list[tuple[str, list[str], Callable[[Table], list[str]]]]:
    """Title, measures and legend of each table of them."""
    if not table.outputs.binary:
        names = [name for name in columns(table.outputs) if name != leading(table.outputs)]
        return [("Over all findings", names, findings_legend.averages)]
    return [
        ("At the threshold", [*AT_THRESHOLD], legend.threshold),
        ("Operating points", ["average_precision", *OPERATING], legend.operating),
        ("Calibration", [*CALIBRATION], legend.calibration),
    ]


def _with_last(grids: Sequence[Grid]) -> list[tuple[bool, Grid]]:
    return [(place == len(grids), grid) for place, grid in enumerate(grids, start=1)]


def _published(table: Table) -> Grid | None:
    found = [section for section in new_sections(table) if section.id == "published"]
    if not found:
        return None
    columns = found[0].columns
    texts = ([cell.text for cell in column.cells] for column in columns)
    body = [list(row) for row in zip(*texts, strict=True)]
    return Grid(
        title=found[0].title,
        head=[column.head for column in columns],
        body=body,
        left=1,
        words=len(columns) - 1,
    )
