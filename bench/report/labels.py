"""What a row is called in sentences and pictures."""

from __future__ import annotations

from bench.evaluate.labels import labels
from bench.evaluate.results import Row, Table

__all__ = ["label", "labels"]


def label(row: Row, table: Table) -> str:
    """What tells a row from all others of its table.

    Args:
        row: one of the table, with a finished run.
        table: the comparison.
    """
    rows = [other for other in table.rows if other.runs]
    # The table's rows can be copies of its reference.
    position = [other.runs[0].folder for other in rows].index(row.runs[0].folder)
    return labels(rows)[position]
