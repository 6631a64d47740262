"""The tables of a comparison in their order, each a row for each row of the results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.evaluate.estimate import Figure
from bench.evaluate.labels import coverage
from bench.evaluate.measures import (
    AT_THRESHOLD,
    CALIBRATION,
    ERRORS,
    OPERATING,
    PER_FINDING,
    TRADED,
    column_heads,
    leading,
)
from bench.evaluate.results import Row, Table
from bench.report import formatting as fmt
from bench.report.columns import (
    NONE,
    UNDEFINED,
    Column,
    Section,
    TableCell,
    column,
    counts,
    difference,
    measured,
    names,
    numbers,
    texts,
)
from bench.report.heatmaps import heat_map_sections
from bench.report.notes import notes
from bench.runs.records import Candidate

DAGGER = "†"
# Of measures that are no shares of anything.
FEWER_DECIMALS = dict.fromkeys(
    (
        *("needed_to_read_at_95", "needed_to_read_at_90", "temperature"),
        *("calibration_slope", "calibration_intercept"),
    ),
    2,
)
# Columns of costs: attribute of a row, and head.
COSTS = {
    "train_seconds": "training time (s)",
    "images_per_second": "training images/s",
    "inference_images_per_second": "inference images/s",
}


def sections(table: Table) -> list[Section]:
    """Sections of a table: comparison, other measures, tuning, findings, heat maps, published."""
    found = [_of_rows(table, "comparison", "Comparison", _comparison(table))]
    if table.ensembles:
        found.append(_section(table, "ensembles", "Ensembles", _ensembles(table)))
    for id, title, measures in _measures(table):
        found.append(_of_rows(table, id, title, [_figures(table, name) for name in measures]))
    tuned = [row for row in table.rows if row.tuning is not None]
    if tuned:
        found.append(_section(table, "tuning", "Tuning", _tuning(tuned), rows=tuned))
    if not table.outputs.binary:
        for measure, name in PER_FINDING.items():
            of_findings = [_finding(table, finding, measure) for finding in table.outputs.classes]
            title = f"{name} of each finding"
            found.append(_of_rows(table, f"finding-{measure}", title, of_findings))
    found += heat_map_sections(table)
    if table.published:
        found.append(_section(table, "published", "Published figures", _published(table)))
    return found


def parts(table: Table) -> Section:
    """Images, patients and images a class of each part.

    Two classes have a line for each part and the prevalence of the second; fourteen findings
    would be too wide, and have a line each.
    """
    by_name = table.data.parts
    records = list(by_name.values())
    classes = list(records[0].classes)
    if table.outputs.binary:
        positive = classes[-1]
        prevalence = [100 * part.classes[positive] / part.images for part in records]
        found = [
            texts("part", "part", by_name, kind="name"),
            counts("images", [part.images for part in records]),
            counts("patients", [part.patients for part in records]),
            *(counts(name, [part.classes[name] for part in records]) for name in classes),
            numbers("prevalence", f"{positive} %", ((f"{p:.1f}", p) for p in prevalence)),
        ]
    else:
        found = [texts("class", "", ["images", "patients", *classes], kind="name")]
        for part_name, part in by_name.items():
            totals = [
                (fmt.count(part.images), part.images), (fmt.count(part.patients), part.patients)
            ]  # fmt: skip
            of_classes = [
                (f"{images:,} ({fmt.share(images, part.images)})", images)
                for images in part.classes.values()
            ]
            found.append(numbers(part_name, part_name, [*totals, *of_classes]))
    return Section(id="parts", title="Images and patients of each part", columns=found)


def _of_rows(table: Table, id: str, title: str, found: Sequence[Column]) -> Section:
    """A section with a line for each row, which names it first."""
    columns = [*names(table.rows, map(_model, table.rows)), *found]
    measures = [each.key for each in found if each.key in column_heads(table.outputs)]
    return _section(table, id, title, columns, rows=table.rows, measures=measures)


def _section(
    table: Table,
    id: str,
    title: str,
    columns: Sequence[Column],
    *,
    rows: Sequence[Row] = (),
    measures: Sequence[str] = (),
) -> Section:
    found = notes(table, id, measures)
    return Section(id=id, title=title, columns=columns, rows=rows, notes=found)


def _measures(table: Table) -> list[tuple[str, str, list[str]]]:
    """Id, title and measures of each table of them."""
    if not table.outputs.binary:
        others = [name for name in column_heads(table.outputs) if name != leading(table.outputs)]
        return [("averages", "Over all findings", others)]
    return [
        ("threshold", "At the threshold", [*AT_THRESHOLD]),
        ("operating", "Operating points", ["average_precision", *OPERATING]),
        ("calibration", "Calibration", [*CALIBRATION]),
    ]


def _model(row: Row) -> str:
    name = row.model if row.kind == "network" else f"{row.kind}: {row.model}"
    return f"{name}{coverage(row.answered)}"


def _comparison(table: Table) -> list[Column]:
    rows = table.rows
    found = [column("seeds", "seeds", map(_seeds, rows)), _figures(table, leading(table.outputs))]
    if table.reference is not None:
        found += [
            column("difference", "difference", map(_difference, rows)),
            column("p", "p", map(_p, rows)),
            column("verdict", "verdict", map(_verdict, rows), kind="text"),
        ]
    return [
        *found,
        counts("parameters", [row.parameters for row in rows], missing=fmt.MISSING),
        *(column(key, head, [_cost(row, key) for row in rows]) for key, head in COSTS.items()),
    ]


def _seeds(row: Row) -> TableCell:
    if not row.loss:
        return UNDEFINED if row.unavailable else TableCell(text="failed") if row.failures else NONE
    dead = sum(fault == "equal" for _, fault in row.logit_faults)
    counted = ((len(row.failures), "failed"), (dead, "dead"))
    detail = ", ".join(f"{count} {what}" for count, what in counted if count)
    return TableCell(text=str(len(row.seeds)), detail=detail, value=len(row.seeds))


def _difference(row: Row) -> TableCell:
    if row.is_reference:
        return TableCell(text="reference")
    return UNDEFINED if row.comparison is None else difference(row.comparison.difference)


def _p(row: Row) -> TableCell:
    if row.comparison is None:
        return NONE if row.is_reference else UNDEFINED
    return TableCell(text=fmt.p_value(row.comparison.p_holm), value=row.comparison.p_holm)


def _verdict(row: Row) -> TableCell:
    if row.comparison is None:
        return NONE if row.is_reference else UNDEFINED
    verdict = row.comparison.verdict
    detail = "one run" if verdict == "differs" else ""
    return TableCell(text=verdict, detail=detail, value=verdict)


def _cost(row: Row, attribute: str) -> TableCell:
    value: float | None = getattr(row, attribute)
    if value is not None:
        return TableCell(text=f"{value:,.0f}", value=value)
    return TableCell(text="mixed") if row.timed_on_several_devices else NONE


def _figures(table: Table, name: str) -> Column:
    """A measure of each row, with its interval."""
    found = _figure_cells(table.rows, [row.figures.get(name) for row in table.rows], name)
    if name == leading(table.outputs):
        found = [
            replace(cell, mark=DAGGER) if row.below_controls else cell
            for row, cell in zip(table.rows, found, strict=True)
        ]
    return column(name, column_heads(table.outputs)[name], found)


def _finding(table: Table, finding: str, measure: str) -> Column:
    """A measure of one finding; its head tells how many images it rests on."""
    figures = [row.findings.get(finding, {}).get(measure) for row in table.rows]
    # Fourteen findings with intervals would be too wide.
    found = [replace(cell, detail="") for cell in _figure_cells(table.rows, figures, measure)]
    return column(finding, f"{finding} ({table.data.parts['test'].classes[finding]:,})", found)


def _figure_cells(
    rows: Sequence[Row], figures: Sequence[Figure | None], name: str
) -> list[TableCell]:
    """A cell for the figure of each row, by the measure's name; the best alone is bold."""
    decimals = FEWER_DECIMALS.get(name, fmt.DECIMALS)
    best = _best_alone(rows, figures, name=name, decimals=decimals)
    return [
        replace(measured(figure, decimals=decimals), bold=position == best)
        for position, figure in enumerate(figures)
    ]


def _best_alone(
    rows: Sequence[Row], figures: Sequence[Figure | None], *, name: str, decimals: int
) -> int | None:
    """Position of the one best value as printed; None for a tie or a single value.

    Rows that answer some of the test images do not take part: theirs may be the easy ones.
    """
    shown = {
        position: round(float(figure.value), decimals)
        for position, (row, figure) in enumerate(zip(rows, figures, strict=True))
        if row.answered is None and figure is not None and not math.isnan(figure.value)
    }
    if len(shown) < 2 or name in TRADED:
        return None
    best = min(shown.values()) if name in ERRORS else max(shown.values())
    positions = [position for position, value in shown.items() if value == best]
    return positions[0] if len(positions) == 1 else None


def _ensembles(table: Table) -> list[Column]:
    found = table.ensembles
    name = leading(table.outputs)
    columns = [
        *names(found, [each.model for each in found]),
        counts("seeds", [len(each.seeds) for each in found]),
        column(name, column_heads(table.outputs)[name], [measured(each.auc) for each in found]),
        column("gain", "gain over its seeds", [difference(each.gain) for each in found]),
    ]
    if any(each.difference for each in found):
        gaps = [
            difference(each.difference) if each.difference else TableCell(text="reference")
            for each in found
        ]
        columns.append(column("difference", "difference", gaps))
    return columns


def _tuning(rows: Sequence[Row]) -> list[Column]:
    tunings = [row.tuning for row in rows if row.tuning is not None]
    spent = [tuning.spent for tuning in tunings]
    # All budgets of a search are of one unit; those of several units sort by their amounts.
    budgets = [(fmt.amounts(tuning.budget), max(tuning.budget.values())) for tuning in tunings]
    seconds = [(f"{each.train_seconds:,.0f}", each.train_seconds) for each in spent]
    aucs = [(fmt.number(tuning.validation_auc), tuning.validation_auc) for tuning in tunings]
    seeds = [(" ".join(map(str, tuning.seeds)), len(tuning.seeds)) for tuning in tunings]
    winners = [fmt.settings(tuning.winner) for tuning in tunings]
    candidates = [
        "; ".join(map(_candidate, tuning.reruns.candidates)) if tuning.reruns else fmt.MISSING
        for tuning in tunings
    ]
    return [
        texts("model", "model", [row.model for row in rows], kind="name"),
        texts("loss", "loss", [row.loss for row in rows], kind="name"),
        texts("weights", "weights", [row.weights for row in rows], kind="name"),
        numbers("budget", "budget", budgets),
        counts("trials", [each.trials for each in spent]),
        counts("pruned", [each.pruned for each in spent]),
        counts("failed", [each.failed for each in spent]),
        counts("iterations", [each.iterations for each in spent]),
        numbers("train_seconds", COSTS["train_seconds"], seconds),
        numbers("validation_auc", "validation AUC", aucs),
        numbers("seeds", "seeds", seeds),
        texts("winner", "winner", winners),
        texts("candidates", "best trials, with reruns", candidates),
    ]


def _candidate(candidate: Candidate) -> str:
    """``trial 3: 0.812 0.790 0.805``."""
    aucs = (fmt.MISSING if auc is None else fmt.number(auc) for auc in candidate.validation_aucs)
    return f"trial {candidate.trial}: {' '.join(aucs)}"


def _published(table: Table) -> list[Column]:
    figures = table.published
    by_head = {
        "split": [figure.split for figure in figures],
        "figure": [
            f"{figure.metric} {figure.value:.3f}{f', {figure.other}' if figure.other else ''}"
            for figure in figures
        ],
        "test images": [
            fmt.MISSING if figure.images is None else f"{figure.images:,}" for figure in figures
        ],
        "comparable": [f"{figure.comparable}: {figure.why}" for figure in figures],
        "published by": [figure.citation for figure in figures],
        "taken from": [figure.taken_from for figure in figures],
    }
    return [
        texts("method", "method", [figure.method for figure in figures], kind="name"),
        *(texts(head, head, values) for head, values in by_head.items()),
    ]
