"""Sentences on one table, and the glossary of a report."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from bench.environment import DECISIVE
from bench.evaluate.auc import FEW_PATIENTS
from bench.evaluate.calibration import IMPROPER
from bench.evaluate.calibration_error import CALIBRATION_BINS
from bench.evaluate.comparison import SIGNIFICANCE
from bench.evaluate.measures import column_heads, leading_head
from bench.evaluate.results import Results, Row, Table
from bench.evaluate.settings import AS_CONFIGURED, RECIPE
from bench.report.formatting import PERCENT
from bench.report.text import lines
from bench.runs.records import TuningRecord

MOST_NAMED = 3
"""Rows that a sentence names; of more it gives the number."""


def notes(table: Table, id: str, measures: Iterable[str] = ()) -> list[str]:
    """Sentences on one section of a table."""
    compared = [(row, row.comparison) for row in table.rows if row.comparison is not None]
    tested = [comparison for _, comparison in compared if not math.isnan(comparison.p)]
    figures = [figure for row in table.rows for figure in row.figures.values()]
    # Where all predictions were imported, there need not be more than a test part.
    validation = table.data.parts.get("validation")
    return lines(
        "notes",
        id=id,
        table=table,
        head=leading_head(table.outputs),
        compared=[row for row, _ in compared],
        partial=[row for row in table.rows if row.answered],
        gaps=_gaps(table, measures),
        left_out=max((figure.left_out for figure in figures if not figure.reason), default=0),
        tests=len(tested),
        environments=_environments(table),
        few_patients=FEW_PATIENTS,
        spread=_spread(table),
        smallest=sorted(each.smallest for _, each in compared if not math.isnan(each.smallest)),
        macro=_macro(table),
        unseen=[name for name, images in validation.classes.items() if not images]
        if validation
        else [],
        tuning=_tuning(table) if id == "tuning" else None,
        improper={
            loss: IMPROPER[loss]
            for loss in sorted({row.loss for row in table.rows if row.runs})
            if loss in IMPROPER
        },
    )


def _environments(table: Table) -> dict[str, str]:
    """Decisive facts of the environments that differ: ``{"threads": "2 (net ce), 1 (5 rows)"}``."""
    found = {}
    for name in DECISIVE:
        made: defaultdict[str, list[str]] = defaultdict(list)
        for row in table.rows:
            for value in dict.fromkeys(
                environment.facts.get(name, "unknown")
                for run in row.runs
                if run.imported is None
                for environment in run.attempts
            ):
                made[value].append(row.label)
        if len(made) > 1:
            each = [
                f"{value} ({', '.join(rows) if len(rows) <= MOST_NAMED else f'{len(rows)} rows'})"
                for value, rows in made.items()
            ]
            found[name] = ", ".join(each)
    return found


def _spread(table: Table) -> dict[str, Any]:
    """Degrees of freedom of the variance that rows share, and the rows with one of their own."""
    rows = [row for row in table.rows if len(row.runs) > 1]
    # Of AUCs that are all 0 or 1 no variance is known.
    shared = [row.spread.df for row in rows if not row.spread.own and row.spread.df < math.inf]
    return {"pooled": shared[0] if shared else 0, "own": [row for row in rows if row.spread.own]}


def glossary(results: Results) -> list[tuple[str, str]]:
    """The words and marks that occur in a report, with what they mean."""
    rows = [row for table in results.tables for row in table.rows]
    binary = [table.outputs.binary for table in results.tables]
    entries = lines(
        "glossary",
        rows=rows,
        two_classes=any(binary),
        findings=not all(binary),
        kinds={table.outputs.kind for table in results.tables if not table.outputs.binary},
        compared=any(row.comparison for row in rows),
        several_seeds=any(len(row.seeds) > 1 for row in rows),
        verdicts={row.comparison.verdict for row in rows if row.comparison},
        margins=sorted({table.margin for table in results.tables}),
        controls={row.model for row in rows if row.kind == "control"},
        recipes=any(RECIPE in row.settings for row in rows),
        tuned=any(row.tuning for row in rows),
        # Also where the tuned rows are hidden.
        as_configured=any(row.settings.startswith(AS_CONFIGURED) for row in rows),
        partial=any(row.answered for row in rows),
        # Tables say themselves which control it is.
        marked=any(answer.not_above_controls for answer in results.questions),
        pretrained=any(row.weights.startswith("pretrained") for row in rows),
        mixed=any(row.timed_on_several_devices for row in rows),
        sin=any(row.loss.startswith("sin") for row in rows),
        resamples=max((table.resamples for table in results.tables), default=0),
        bins=CALIBRATION_BINS,
        percent=PERCENT,
        significance=SIGNIFICANCE,
    )
    return [(term, meaning) for term, _, meaning in (entry.partition(": ") for entry in entries)]


def _gaps(table: Table, names: Iterable[str]) -> dict[tuple[str, bool, tuple[str, ...]], list[str]]:
    """Heads of measures without an interval.

    By the reason, by whether there is no value either, and by the labels of the rows that lack
    it, which are empty where all that finished do.
    """
    heads = column_heads(table.outputs)
    finished = [row for row in table.rows if row.runs]
    gaps: defaultdict[tuple[str, bool, tuple[str, ...]], list[str]] = defaultdict(list)
    for name in names:
        by_reason: defaultdict[str, list[Row]] = defaultdict(list)
        for row in finished:
            figure = row.figures[name]
            # A temperature is a choice, without an interval.
            if figure.reason and not (name == "temperature" and not math.isnan(figure.value)):
                by_reason[figure.reason].append(row)
        for reason, rows in by_reason.items():
            valueless = all(math.isnan(row.figures[name].value) for row in rows)
            labels = () if len(rows) == len(finished) else tuple(row.label for row in rows)
            gaps[reason, valueless, labels].append(heads[name])
    return gaps


def _tuning(table: Table) -> dict[str, Any]:
    """Reruns, what was searched and how: each as text, with the labels of the rows it is of."""

    def grouped(text: Callable[[TuningRecord], str]) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in table.rows:
            if row.tuning is not None:
                found[text(row.tuning)].append(row.label)
        return found

    return {
        "reruns": grouped(
            lambda tuning: (
                f"{tuning.reruns.iterations:,} iterations, {tuning.reruns.train_seconds:,.0f} s"
                if tuning.reruns
                else ""
            )
        ),
        "searched": grouped(
            lambda tuning: "; ".join(f"{key}: {of}" for key, of in tuning.searched.items())
        ),
        "how": grouped(
            lambda tuning: (
                f"sampler {tuning.sampler}, pruner {tuning.pruner}, seed of the trials "
                f"{tuning.seed}"
            )
        ),
    }


def _macro(table: Table) -> dict[str, tuple[Row, list[str]]]:
    """A row for each set of images that macro averages are over, with the findings it lacks.

    By the label of a row that answers some of the test images, and by "" for all others.
    """
    found: dict[str, tuple[Row, list[str]]] = {}
    for row in table.rows:
        if row.macro_over:
            absent = [name for name in row.findings if not row.support[name]]
            found.setdefault(row.label if row.answered else "", (row, absent))
    return found
