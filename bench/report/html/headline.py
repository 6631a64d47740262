"""The result of a comparison in a few sentences: the first thing that a reader sees.

The order is that of importance: whether the networks learned anything, which rows are better or
worse than the reference, and how far single runs and this test set can tell.
"""

from __future__ import annotations

import math
from statistics import median

from bench.evaluate.comparison import SIGNIFICANCE
from bench.evaluate.measures import columns, leading
from bench.evaluate.results import Row, Table
from bench.report.text import lines

# More rows than this are counted instead of named.
NAMED = 3


def headline(table: Table) -> list[str]:
    """The sentences of the template ``headline.j2`` that apply to a table."""
    judged = [row for row in table.rows if row.kind != "control" and row.figures]
    networks = [row for row in judged if row.kind == "network"]
    compared = [row for row in judged if row.comparison is not None]
    decided = [row for row in compared if _verdict(row) in ("better", "worse")]
    smallest = [
        row.comparison.smallest
        for row in compared
        if row.comparison is not None
        and _verdict(row) == "cannot tell"
        and not math.isnan(row.comparison.smallest)
    ]
    measure = leading(table.outputs)
    return lines(
        "headline",
        table=table,
        measure=columns(table.outputs)[measure],
        leading=measure,
        judged=judged,
        networks=networks,
        below=[row for row in networks if row.below_controls],
        # A row that answers some of the images is not compared with those that answer all.
        best=next((row for row in judged if row.answered is None), None),
        imported=next(
            (row for row in judged if row.kind == "imported" and row.answered is None), None
        ),
        compared=compared,
        verdicts={
            verdict: sorted(
                (row for row in compared if _verdict(row) == verdict), key=_size, reverse=True
            )
            for verdict in ("better", "worse", "cannot tell", "n/a")
        },
        otherwise=[row for row in decided if row.trained_otherwise],
        power=median(smallest) if smallest else None,
        tests=sum(
            row.comparison is not None and not math.isnan(row.comparison.p) for row in table.rows
        ),
        significance=SIGNIFICANCE,
        failed=sum(len(row.failures) for row in table.rows),
        limit=NAMED,
    )


def _verdict(row: Row) -> str:
    return row.comparison.verdict if row.comparison else ""


def _size(row: Row) -> float:
    value = row.comparison.difference.value if row.comparison else math.nan
    return -1.0 if math.isnan(value) else abs(value)
