"""The result of a comparison in a few sentences: the first thing that a reader sees.

The order is that of importance: whether the networks learned anything, which rows are better or
worse than the reference, and how far single runs and this test set can tell.
"""

from __future__ import annotations

import math
from typing import get_args

import numpy as np

from bench.evaluate.comparison import SIGNIFICANCE, Verdict
from bench.evaluate.measures import columns, leading
from bench.evaluate.results import Table
from bench.report.text import lines

# More rows than this are counted instead of named.
NAMED = 3


def headline(table: Table) -> list[str]:
    """The sentences of the template ``headline.j2`` that apply to a table."""
    judged = [row for row in table.rows if row.kind != "control" and row.figures]
    networks = [row for row in judged if row.kind == "network"]
    # A row that answers some of the images is not compared with those that answer all.
    whole = [row for row in judged if row.answered is None]
    compared = [(row, row.comparison) for row in judged if row.comparison is not None]
    # The largest difference first; an undefined one is no number to sort by.
    compared.sort(key=lambda pair: -np.nan_to_num(abs(pair[1].difference.value)))
    measure = leading(table.outputs)
    return lines(
        "headline",
        table=table,
        measure=measure,
        head=columns(table.outputs)[measure],
        judged=judged,
        networks=networks,
        below=[row for row in networks if row.below_controls],
        best=next(iter(whole), None),
        imported=next((row for row in whole if row.kind == "imported"), None),
        compared=compared,
        verdicts={
            verdict: [row for row, comparison in compared if comparison.verdict == verdict]
            for verdict in get_args(Verdict)
        },
        otherwise=[
            row
            for row, comparison in compared
            if comparison.verdict in ("better", "worse", "differs") and row.trained_otherwise
        ],
        shown=table.smallest_difference,
        tests=sum(
            row.comparison is not None and not math.isnan(row.comparison.p) for row in table.rows
        ),
        significance=SIGNIFICANCE,
        failed=sum(len(row.failures) for row in table.rows),
        limit=NAMED,
    )
