"""Figures of the rows of a table: means over the seeds, with their intervals.

The variance of an AUC over seeds is pooled over the rows (:mod:`bench.evaluate.seeds`), so that
no row is done before all are scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.evaluate.auc import Auc
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Estimate, Figure, Interval
from bench.evaluate.score import RunScores
from bench.evaluate.seeds import Runs, pooled

TASK = ""
"""Stands for the whole task where figures are by finding."""


@dataclass(frozen=True, kw_only=True)
class RowFigures:
    """The figures of one row.

    Attributes:
        figures: by finding (:data:`TASK` for the whole task) and measure.
        aucs: the AUCs among them, by the same names.
    """

    figures: Mapping[str, Mapping[str, Figure]]
    aucs: Mapping[tuple[str, str], Runs]

    @classmethod
    def of(cls, scores: Sequence[RunScores], resampling: Resampling) -> RowFigures:
        """From the scores of each seed, on the same images; the AUCs are without intervals."""
        figures: dict[str, dict[str, Figure]] = {}
        aucs: dict[tuple[str, str], Runs] = {}
        for finding in (TASK, *scores[0].findings):
            of_runs = [each.findings[finding] if finding else each.figures for each in scores]
            figures[finding] = {}
            for name in of_runs[0]:
                measured = [of_run[name] for of_run in of_runs]
                estimates = [each for each in measured if isinstance(each, Estimate)]
                if estimates:
                    interval = Interval.of(resampling.over_seeds(estimates))
                else:
                    runs = Runs.of([each for each in measured if isinstance(each, Auc)])
                    aucs[finding, name] = runs
                    interval = Interval(value=runs.mean.value)
                figures[finding][name] = Figure.with_deviation(
                    interval, [each.value for each in measured], images=scores[0].leading.count
                )
        return cls(figures=figures, aucs=aucs)


def with_intervals(rows: Sequence[RowFigures]) -> list[RowFigures]:
    """The figures of all rows of a table, with the intervals of their AUCs."""
    found = [{finding: {**named} for finding, named in row.figures.items()} for row in rows]
    for finding, name in dict.fromkeys(key for row in rows for key in row.aucs):
        having = [k for k, row in enumerate(rows) if (finding, name) in row.aucs]
        runs = [rows[k].aucs[finding, name] for k in having]
        for k, each, spread in zip(having, runs, pooled(runs), strict=True):
            figure = found[k][finding][name]
            found[k][finding][name] = replace(figure, **vars(each.auc(spread).interval()))
    return [replace(row, figures=figures) for row, figures in zip(rows, found, strict=True)]
