"""The model card of a run, in Markdown: every figure from its results, every gap named.

Mitchell and others, "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from bench.environment import EnvironmentRecord
from bench.evaluate.calibration import IMPROPER
from bench.evaluate.estimate import Figure
from bench.evaluate.external import ExternalRow, ExternalTable
from bench.evaluate.measures import column_heads, leading, leading_head
from bench.evaluate.operating_points import OperatingPoints
from bench.evaluate.results import Results, Row, ScoredRun, Table
from bench.evaluate.settings import compare, weights
from bench.report import facts
from bench.report import formatting as fmt
from bench.report.columns import Section, TableCell, column, counts, measured, numbers, texts
from bench.report.html.reproduce import recipe
from bench.report.markdown import fill
from bench.report.sections import FEWER_DECIMALS, parts
from bench.runs.cells import NetworkSettings
from bench.runs.checksums import WEIGHTS
from bench.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A card's folder, where it describes an exported network."""

    to: str  # the format, as ``bench export --to`` takes it
    check: str  # how near its probabilities are to the run's, in a sentence


def model_card(
    run: Run, results: Results, *, exported: Exported | None = None, subgroups: str = ""
) -> str:
    """The card of a finished run, in Markdown; what is not known is said to be not stated.

    Args:
        results: of the folder that it lies in: the figures of its row, and the controls beside it.
        exported: the folder that the card lies in, where it lies in one.
        subgroups: Markdown about them, where they were looked at (:mod:`bench.audit`).
    """
    found = _find(run, results)
    table, row, scored = found or (None, None, None)
    settings = run.cell.settings
    network = settings if isinstance(settings, NetworkSettings) else None
    validation = run.predictions().get("validation")
    points = None
    if validation is not None:
        points = OperatingPoints.choose(validation, run.outputs)
    return (
        fill(
            "model_card.md.j2",
            run=run,
            data=run.data,
            network=network,
            weights=weights(run.cell),
            costs=run.outcome.costs,
            environment=run.environment,
            table=table,
            row=row,
            head=leading_head(run.outputs),
            leading=leading(run.outputs),
            measures=_measures(table, row, scored) if table and row and scored else None,
            findings=_findings(row) if row and row.findings else None,
            thresholds=_thresholds(points) if points and points.called else None,
            temperature=bool(points),
            improper=IMPROPER.get(run.cell.loss),
            # What the run rests on is what a table of it alone would rest on.
            parts=parts(_alone(run, table, row)) if table and row else None,
            resting_on=facts.resting_on(_alone(run, table, row)) if table and row else [],
            command=recipe(replace(row, runs=(scored,))).command if row and scored else "",
            weights_digest=run.checksums.get(WEIGHTS, ""),
            external=external_rows(results, {run.name}),
            exported=exported,
            subgroups=subgroups.strip(),
        )
        + "\n"
    )


def external_rows(results: Results, runs: Set[str]) -> list[tuple[ExternalTable, ExternalRow]]:
    """The rows on other data of some runs' networks."""
    return [(table, row) for table in results.external for row in table.rows if runs & {*row.runs}]


def _find(run: Run, results: Results) -> tuple[Table, Row, ScoredRun] | None:
    """The run in the results; None where it is in no row, such as after a better tuning."""
    for table in results.tables:
        for row in table.rows:
            for scored in row.runs:
                if scored.name == run.name:
                    return table, row, scored
    return None


def _alone(run: Run, table: Table, row: Row) -> Table:
    """The table as if it had this run alone."""
    environments: tuple[EnvironmentRecord, ...] = tuple(run.attempts)
    return replace(
        table,
        data=run.data,
        rows=(row,),
        environments=environments,
        settings=compare([run.cell]),
    )


def _measures(table: Table, row: Row, scored: ScoredRun) -> Section:
    """A line for each figure of the whole task: of this run, and of its row with an interval."""
    heads = column_heads(table.outputs)
    names = [name for name in heads if name in row.figures]
    columns = [
        texts("measure", "measure", [heads[name] for name in names], kind="name"),
        *(
            [numbers("run", "this run", [_value(name, scored.values) for name in names])]
            if len(row.seeds) > 1
            else []
        ),
        column(
            "row",
            f"mean of {len(row.seeds)} seeds" if len(row.seeds) > 1 else "this run",
            [_cell(name, row.figures[name]) for name in names],
        ),
    ]
    return Section(id="measures", title="", columns=columns)


def _findings(row: Row) -> Section:
    """A line for each finding with its AUC, sensitivity and numbers."""
    names = list(row.findings)
    return Section(
        id="findings",
        title="",
        columns=[
            texts("finding", "finding", names, kind="name"),
            counts("test images", [row.support.get(name) for name in names]),
            *(
                column(
                    measure,
                    head,
                    [_cell(measure, row.findings[name].get(measure)) for name in names],
                )
                for measure, head in (("auc", "AUC"), ("recall", "sensitivity"))
            ),
        ],
    )


def _value(name: str, values: Mapping[str, float]) -> tuple[str, float | None]:
    value = values.get(name)
    if value is None:
        return fmt.UNDEFINED, None
    return fmt.number(value, decimals=FEWER_DECIMALS.get(name, fmt.DECIMALS)), value


def _cell(name: str, figure: Figure | None) -> TableCell:
    return measured(figure, decimals=FEWER_DECIMALS.get(name, fmt.DECIMALS))


def _thresholds(points: OperatingPoints) -> Section:
    """A line for each class that is called, with its thresholds."""
    return Section(
        id="thresholds",
        title="",
        columns=[
            texts("class", "called", points.called, kind="name"),
            numbers("youden", "largest Youden's J", [_number(p) for p in points.thresholds]),
            numbers(
                "specific", "specificity of 95 %", [_number(p) for p in points.specific_thresholds]
            ),
            numbers("temperature", "temperature", [_number(t) for t in points.temperatures]),
        ],
    )


def _number(value: float) -> tuple[str, float]:
    return fmt.number(float(value), decimals=4), float(value)
