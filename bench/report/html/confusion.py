"""Confusion matrices as tables."""

from __future__ import annotations

import numpy as np

from bench.evaluate.results import Row, Table
from bench.report.columns import Section, TableCell, column, texts

CALLS = ("true negatives", "false positives", "false negatives", "true positives")


def confusions(table: Table) -> list[Section]:
    """Test images by label and call, mean over the seeds.

    Returns:
        For two classes one table with a line for each row; for findings one table for each row,
        with a line for each finding.
    """
    rows = [row for row in table.rows if any(run.confusion.any() for run in row.runs)]
    counts = {row.label: np.mean([run.confusion for run in row.runs], axis=0) for row in rows}
    if table.outputs.binary:
        title = "Test images, mean over the seeds"
        values = np.array([counts[row.label].ravel() for row in rows]).reshape(-1, len(CALLS))
        labels = [row.label for row in rows]
        return [_section(title, "row", labels, CALLS, values, rows)] if rows else []
    classes = table.outputs.classes
    calls = (
        CALLS if table.outputs.kind == "multilabel" else tuple(f"called {name}" for name in classes)
    )
    return [
        _section(f"{row.label}: test images", "finding", list(classes), calls, counts[row.label])
        for row in rows
    ]


def _section(
    title: str,
    head: str,
    names: list[str],
    calls: tuple[str, ...],
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    rows: list[Row] | None = None,
) -> Section:
    columns = [texts(head, head, names, kind="name")]
    for call, of_call in zip(calls, values.T.tolist(), strict=True):
        # Means over the seeds need not be whole.
        shown = [f"{value:,.{0 if value.is_integer() else 1}f}" for value in of_call]
        found = zip(shown, of_call, strict=True)
        columns.append(column(call, call, (TableCell(text=t, value=value) for t, value in found)))
    return Section(id="confusion", title=title, columns=columns, rows=rows or ())
