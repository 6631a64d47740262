"""Sentences on one table, and the glossary of a report."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.evaluate.comparison import SIGNIFICANCE
from bench.evaluate.measures import AT_THRESHOLD, CALIBRATION, OPERATING, columns, leading
from bench.evaluate.metrics import CALIBRATION_BINS
from bench.evaluate.results import Results, Row, Table
from bench.evaluate.settings import AS_CONFIGURED, TUNED
from bench.report.formatting import PERCENT, amounts
from bench.report.text import lines
from bench.runs.records import TuningRecord


def notes(table: Table, id: str) -> list[str]:
    """Sentences on one section of a table.

    Args:
        table: the comparison.
        id: of the section, as in :class:`bench.report.columns.Section`.
    """
    return lines(
        "notes",
        id=id,
        table=table,
        measure=columns(table.outputs)[leading(table.outputs)],
        compared=[row for row in table.rows if row.comparison is not None],
        partial=[row for row in table.rows if row.answered],
        significance=SIGNIFICANCE,
        gaps=gaps(table, _measures(table, id)),
        left_out=_left_out(table),
        tests=sum(
            row.comparison is not None and not math.isnan(row.comparison.p) for row in table.rows
        ),
        smallest=sorted(
            row.comparison.smallest
            for row in table.rows
            if row.comparison is not None and not math.isnan(row.comparison.smallest)
        ),
        delong=[
            abs(row.comparison.delong_p - row.comparison.p)
            for row in table.rows
            if row.comparison is not None
            and row.comparison.delong_p is not None
            and not math.isnan(row.comparison.p)
        ],
        clustered=_clustered(table),
        macro=_macro(table),
        unseen=_unseen(table),
        tuning=_tuning(table) if id == "tuning" else None,
    )


def glossary(results: Results) -> list[tuple[str, str]]:
    """The words and marks of a report that occur in it, with what they mean.

    Args:
        results: what the report is of.
    """
    rows = [row for table in results.tables for row in table.rows]
    settings = [row.settings for row in rows]
    binary = [table.outputs.binary for table in results.tables]
    entries = lines(
        "glossary",
        rows=rows,
        two_classes=any(binary),
        findings=not all(binary),
        kinds={table.outputs.kind for table in results.tables if not table.outputs.binary},
        compared=any(row.comparison for row in rows),
        several_seeds=any(len(row.seeds) > 1 for row in rows),
        one_run=any(table.rests_on_one_run(row) for table in results.tables for row in table.rows),
        tuned=any(text.startswith(TUNED) for text in settings),
        as_configured=any(text.startswith(AS_CONFIGURED) for text in settings),
        partial=any(row.answered for row in rows),
        # Tables say themselves which control it is.
        marked=any(answer.not_above_controls for answer in results.questions),
        delong=any(row.delong and not row.delong.reason for row in rows),
        mixed=any(row.timed_on_several_devices for row in rows),
        sin=any(row.loss.startswith("sin") for row in rows),
        resamples=max((table.resamples for table in results.tables), default=0),
        bins=CALIBRATION_BINS,
        percent=PERCENT,
        significance=SIGNIFICANCE,
    )
    return [(term, meaning) for term, _, meaning in (entry.partition(": ") for entry in entries)]


def _unseen(table: Table) -> list[str]:
    """The findings that no validation image has."""
    # Where all predictions were imported, there need not be more than a test part.
    validation = table.data.parts.get("validation")
    return [name for name, images in validation.classes.items() if not images] if validation else []


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Measures without an interval, or without a value, for one reason.

    Attributes:
        reason: why.
        valueless: whether there is no value either.
        measures: their heads.
        rows: the labels of the rows that lack them; empty where all that finished do.
    """

    reason: str
    valueless: bool
    measures: tuple[str, ...]
    rows: tuple[str, ...]


def gaps(table: Table, names: Iterable[str]) -> list[Gap]:
    """Measures without an interval, or without a value, in some rows, by the reason.

    Args:
        table: the comparison.
        names: of its measures.
    """
    heads = columns(table.outputs)
    finished = [row for row in table.rows if row.runs]
    found: defaultdict[tuple[str, bool, tuple[str, ...]], list[str]] = defaultdict(list)
    for name in names:
        by_reason: defaultdict[str, list[Row]] = defaultdict(list)
        for row in finished:
            by_reason[_reason(row, name)].append(row)
        for reason, rows in by_reason.items():
            if reason:
                valueless = all(math.isnan(row.figures[name].value) for row in rows)
                labels = () if len(rows) == len(finished) else tuple(row.label for row in rows)
                found[reason, valueless, labels].append(heads[name])
    return [
        Gap(reason=reason, valueless=valueless, measures=tuple(measures), rows=labels)
        for (reason, valueless, labels), measures in found.items()
    ]


def _tuning(table: Table) -> dict[str, Any]:
    """Budgets, what was spent, what was searched and how: each as text, with the rows it is of."""
    tuned = [(row, row.tuning) for row in table.rows if row.tuning is not None]

    def grouped(text: Callable[[TuningRecord], str]) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row, tuning in tuned:
            found[text(tuning)].append(row.label)
        return dict(found)

    return {
        "budgets": grouped(lambda tuning: amounts(tuning.budget)),
        "spent": grouped(
            lambda tuning: amounts({unit: tuning.spent.measured(unit) for unit in tuning.budget})
        ),
        "kept_to_it": all(_kept_to_its_budget(row, tuning) for row, tuning in tuned),
        "searched": grouped(
            lambda tuning: "; ".join(f"{key}: {of}" for key, of in sorted(tuning.searched.items()))
        ),
        "how": grouped(
            lambda tuning: (
                f"sampler {tuning.sampler}, pruner {tuning.pruner}, seed of the trials "
                f"{tuning.seed}"
            )
        ),
        "untuned": [
            row.label for row in table.rows if row.kind == "network" and row.tuning is None
        ],
    }


def _kept_to_its_budget(row: Row, tuning: TuningRecord) -> bool:
    """Whether just the budget was spent; a trial that is cut ends at its next validation."""
    beyond = {unit: tuning.spent.measured(unit) - amount for unit, amount in tuning.budget.items()}
    return all(
        over == 0 or 0 < over < _overshoot(row, tuning, unit) for unit, over in beyond.items()
    )


def _overshoot(row: Row, tuning: TuningRecord, unit: str) -> float:
    # No seed of a row may have finished; then nothing is put down to the last validation.
    every = next((view.cell.network.train.validate_every for view in row.runs), 0)
    return tuning.spent.overshoot(unit, validate_every=every)


def _reason(row: Row, name: str) -> str:
    figure = row.figures.get(name)
    if figure is None:
        return ""
    # A temperature is a choice; only where there is none is there something to explain.
    return "" if name == "temperature" and not math.isnan(figure.value) else figure.reason


def _measures(table: Table, id: str) -> list[str]:
    """The measures of a section."""
    if id == "averages":
        return [name for name in columns(table.outputs) if name != leading(table.outputs)]
    by_section = {
        "comparison": [leading(table.outputs)],
        "threshold": [*AT_THRESHOLD],
        "operating": ["average_precision", *OPERATING],
        "calibration": [*CALIBRATION],
    }
    return by_section.get(id, [])


def _left_out(table: Table) -> int:
    figures = [figure for row in table.rows for figure in row.figures.values()]
    return max((figure.left_out for figure in figures if not figure.reason), default=0)


def _clustered(table: Table) -> bool:
    """Whether images of a patient resemble each other, which DeLong's variance must know."""
    test = table.data.parts["test"]
    return test.patients not in (None, test.images)


@dataclass(frozen=True, kw_only=True)
class MacroOver:
    """Over which findings the macro averages of some rows are.

    Attributes:
        rows: their labels; empty for all rows that answer the whole test part.
        present, classes: findings that some test image has, and all findings.
        absent: those that no test image has.
        ranked: over how many findings the macro AUC is.
    """

    rows: tuple[str, ...]
    present: int
    classes: int
    absent: tuple[str, ...]
    ranked: int


def _macro(table: Table) -> list[MacroOver]:
    found: list[MacroOver] = []
    for row in table.rows:
        if not row.macro_over:
            continue
        absent = tuple(name for name in row.findings if not row.support[name])
        over = MacroOver(
            rows=(row.label,) if row.answered else (),
            present=len(row.findings) - len(absent),
            classes=len(row.findings),
            absent=absent,
            ranked=row.macro_over["auc"],
        )
        if over not in found and (absent or over.ranked < over.present):
            found.append(over)
    return found
