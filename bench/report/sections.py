"""The tables of a comparison in their order, each a row for each row of the results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
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
    columns,
    leading,
)
from bench.evaluate.results import Row, Table
from bench.report import formatting as fmt
from bench.report.columns import Column, Kind, Section, TableCell
from bench.report.notes import notes

DAGGER = "†"
# Of measures that are no shares of anything.
FEWER_DECIMALS = {"needed_to_read_at_95": 2, "needed_to_read_at_90": 2, "temperature": 2}
NONE = TableCell(text=fmt.MISSING)
UNDEFINED = TableCell(text=fmt.UNDEFINED)


def sections(table: Table) -> list[Section]:
    """Who is better, the other measures, the tuning, each finding, and what was published.

    Args:
        table: the comparison.
    """
    found = [_section(table, "comparison", "Comparison", _comparison(table))]
    for id, title, names in _measures(table):
        found.append(_section(table, id, title, [_figures(table, name) for name in names]))
    tuned = [row for row in table.rows if row.tuning is not None]
    if tuned:
        found.append(
            Section(
                id="tuning",
                title="Tuning",
                columns=_tuning(tuned),
                rows=tuned,
                notes=notes(table, "tuning"),
            )
        )
    if not table.outputs.binary:
        for measure, name in PER_FINDING.items():
            columns_ = [_finding(table, finding, measure) for finding in table.outputs.classes]
            title = f"{name} of each finding"
            found.append(_section(table, f"finding-{measure}", title, columns_))
    if table.published:
        found.append(
            Section(
                id="published",
                title="Published figures",
                columns=_published(table),
                notes=notes(table, "published"),
            )
        )
    return found


def parts(table: Table) -> Section:
    """Images, patients and images a class of each part.

    Two classes have a line for each part and the prevalence of the second; fourteen findings
    would be too wide, and have a line each.
    """
    by_name = table.data.parts
    classes = list(next(iter(by_name.values())).classes)
    patients = [part.patients for part in by_name.values()]
    if table.outputs.binary:
        shares = [fmt.share(part.classes[classes[-1]], part.images) for part in by_name.values()]
        found = [
            _texts("part", "part", by_name, kind="name"),
            _counts("images", [part.images for part in by_name.values()]),
            _counts("patients", patients),
            *(_counts(name, [part.classes[name] for part in by_name.values()]) for name in classes),
            _texts(
                "prevalence", f"{classes[-1]} %", [share.removesuffix(" %") for share in shares]
            ),
        ]
    else:
        found = [_texts("class", "", ["images", "patients", *classes], kind="name")]
        for part_name, part in by_name.items():
            total = part.images
            counts = [
                f"{part.classes[name]:,} ({fmt.share(part.classes[name], total)})"
                for name in classes
            ]
            cells = [fmt.count(total), fmt.count(part.patients), *counts]
            found.append(_texts(part_name, part_name, cells))
    return Section(id="parts", title="Images and patients of each part", columns=found)


def _section(table: Table, id: str, title: str, found: Sequence[Column]) -> Section:
    return Section(
        id=id,
        title=title,
        columns=[*_names(table), *found],
        rows=table.rows,
        notes=notes(table, id),
    )


def _measures(table: Table) -> list[tuple[str, str, list[str]]]:
    """Id, title and measures of each table of them."""
    if not table.outputs.binary:
        names = [name for name in columns(table.outputs) if name != leading(table.outputs)]
        return [("averages", "Over all findings", names)]
    return [
        ("threshold", "At the threshold", [*AT_THRESHOLD]),
        ("operating", "Operating points", ["average_precision", *OPERATING]),
        ("calibration", "Calibration", [*CALIBRATION]),
    ]


def _names(table: Table) -> list[Column]:
    """The columns that name a row; ``settings`` only where a row shows some."""
    model = [
        row.model if row.kind == "network" else f"{row.kind}: {row.model}" for row in table.rows
    ]
    found = [
        _texts(
            "model",
            "model",
            [
                f"{name}{coverage(row.answered)}"
                for name, row in zip(model, table.rows, strict=True)
            ],
            kind="name",
        ),
        _texts("loss", "loss", [row.loss for row in table.rows], kind="name"),
        _texts("settings", "settings", [row.settings for row in table.rows], kind="name"),
        _texts("weights", "weights", [row.weights for row in table.rows], kind="name"),
    ]
    with_settings = any(row.settings for row in table.rows)
    return [column for column in found if column.key != "settings" or with_settings]


def _comparison(table: Table) -> list[Column]:
    found = [
        _column("seeds", "seeds", map(_seeds, table.rows)),
        _figures(table, leading(table.outputs)),
    ]
    if table.reference is not None:
        found += [
            _column("difference", "difference", map(_difference, table.rows)),
            _column("p", "p", map(_p, table.rows)),
            _column(
                "verdict", "verdict", [_verdict(row, table) for row in table.rows], kind="text"
            ),
        ]
    costs: list[tuple[str, str, Callable[[Row], float | None]]] = [
        ("train_seconds", "training time (s)", lambda row: row.train_seconds),
        ("images_per_second", "training images/s", lambda row: row.images_per_second),
        (
            "inference_images_per_second",
            "inference images/s",
            lambda row: row.inference_images_per_second,
        ),
    ]
    return [
        *found,
        _counts("parameters", [row.parameters for row in table.rows], missing=fmt.MISSING),
        *(
            _column(key, head, [_cost(value(row), row) for row in table.rows])
            for key, head, value in costs
        ),
    ]


def _seeds(row: Row) -> TableCell:
    if not row.loss:
        return UNDEFINED if row.unavailable else TableCell(text="failed") if row.failures else NONE
    detail = f"{len(row.failures)} failed" if row.failures else ""
    return TableCell(text=str(len(row.seeds)), detail=detail, value=len(row.seeds))


def _difference(row: Row) -> TableCell:
    if row.is_reference:
        return TableCell(text="reference")
    if row.comparison is None:
        return UNDEFINED
    measured = row.comparison.difference
    return TableCell(
        text=fmt.difference(measured.value),
        detail=fmt.difference_interval(measured),
        value=measured.value,
        low=measured.low,
        high=measured.high,
    )


def _p(row: Row) -> TableCell:
    if row.is_reference:
        return NONE
    if row.comparison is None:
        return UNDEFINED
    return TableCell(text=fmt.p_value(row.comparison.p_holm), value=row.comparison.p_holm)


def _verdict(row: Row, table: Table) -> TableCell:
    """The verdict of the comparison, with a mark where it is on single training runs."""
    if row.is_reference:
        return NONE
    if row.comparison is None:
        return UNDEFINED
    verdict = row.comparison.verdict
    alone = table.rests_on_one_run(row)
    return TableCell(text=verdict, detail="one run" if alone else "", value=verdict)


def _cost(value: float | None, row: Row) -> TableCell:
    if value is not None:
        return TableCell(text=f"{value:,.0f}", value=value)
    return TableCell(text="mixed") if row.timed_on_several_devices else NONE


def _figures(table: Table, name: str) -> Column:
    """A measure of each row, with its interval."""
    decimals = FEWER_DECIMALS.get(name, fmt.DECIMALS)
    figures = [row.figures.get(name) for row in table.rows]
    best = _best_alone(table.rows, figures, name=name, decimals=decimals)
    cells = [
        _figure(figure, decimals=decimals, bold=position == best)
        for position, figure in enumerate(figures)
    ]
    if name == leading(table.outputs):
        cells = [
            _marked(cell) if row.below_controls else cell
            for row, cell in zip(table.rows, cells, strict=True)
        ]
    return _column(name, columns(table.outputs)[name], cells)


def _finding(table: Table, finding: str, measure: str) -> Column:
    """A measure of one finding; its head tells how many images it rests on."""
    figures = [row.findings.get(finding, {}).get(measure) for row in table.rows]
    best = _best_alone(table.rows, figures, name=measure, decimals=fmt.DECIMALS)
    cells = [
        _figure(figure, decimals=fmt.DECIMALS, bold=position == best, interval=False)
        for position, figure in enumerate(figures)
    ]
    support = table.data.parts["test"].classes[finding]
    return _column(finding, f"{finding} ({support:,})", cells)


def _figure(
    figure: Figure | None, *, decimals: int, bold: bool = False, interval: bool = True
) -> TableCell:
    if figure is None or math.isnan(figure.value):
        return UNDEFINED
    return TableCell(
        text=fmt.figure(figure, decimals=decimals),
        detail=fmt.interval(figure, decimals=decimals) if interval else "",
        value=figure.value,
        low=figure.low,
        high=figure.high,
        bold=bold,
    )


def _marked(cell: TableCell) -> TableCell:
    return replace(cell, mark=DAGGER)


def _best_alone(
    rows: Sequence[Row], figures: Sequence[Figure | None], *, name: str, decimals: int
) -> int | None:
    """Position of the one best value as printed; None for a tie or a single value.

    Rows that answer some of the test images do not take part: theirs may be the easy ones.
    """
    shown = {
        position: float(f"{figure.value:.{decimals}f}")
        for position, (row, figure) in enumerate(zip(rows, figures, strict=True))
        if row.answered is None and figure is not None and not math.isnan(figure.value)
    }
    if len(shown) < 2 or name in TRADED:
        return None
    best = min(shown.values()) if name in ERRORS else max(shown.values())
    positions = [position for position, value in shown.items() if value == best]
    return positions[0] if len(positions) == 1 else None


def _tuning(rows: Sequence[Row]) -> list[Column]:
    tunings = [row.tuning for row in rows if row.tuning is not None]
    spent = [tuning.spent for tuning in tunings]
    return [
        _texts("model", "model", [row.model for row in rows], kind="name"),
        _texts("loss", "loss", [row.loss for row in rows], kind="name"),
        _texts("budget", "budget", [fmt.amounts(tuning.budget) for tuning in tunings]),
        _counts("trials", [each.trials for each in spent]),
        _counts("pruned", [each.pruned for each in spent]),
        _counts("failed", [each.failed for each in spent]),
        _counts("iterations", [each.iterations for each in spent]),
        _column(
            "train_seconds",
            "training time (s)",
            [
                TableCell(text=f"{each.train_seconds:,.0f}", value=each.train_seconds)
                for each in spent
            ],
        ),
        _column(
            "validation_auc",
            "validation AUC",
            [
                TableCell(text=fmt.number(tuning.validation_auc), value=tuning.validation_auc)
                for tuning in tunings
            ],
        ),
        _texts("seeds", "seeds", [" ".join(map(str, tuning.seeds)) for tuning in tunings]),
        _texts(
            "winner", "winner", [fmt.settings(tuning.winner) for tuning in tunings], kind="text"
        ),
    ]


def _published(table: Table) -> list[Column]:
    figures = table.published
    values = [
        f"{figure.metric} {figure.value:.3f}" + (f", {figure.other}" if figure.other else "")
        for figure in figures
    ]
    comparable = [f"{figure.comparable}: {figure.why}" for figure in figures]
    images = [fmt.MISSING if each.images is None else f"{each.images:,}" for each in figures]
    by_head = {
        "split": [figure.split for figure in figures],
        "figure": values,
        "test images": images,
        "comparable": comparable,
        "published by": [figure.citation for figure in figures],
        "taken from": [figure.taken_from for figure in figures],
    }
    return [
        _texts("method", "method", [figure.method for figure in figures], kind="name"),
        *(_texts(head, head, texts, kind="text") for head, texts in by_head.items()),
    ]


def _column(key: str, head: str, cells: Iterable[TableCell], *, kind: Kind = "number") -> Column:
    return Column(key=key, head=head, kind=kind, cells=tuple(cells))


def _texts(key: str, head: str, texts: Iterable[str], *, kind: Kind = "number") -> Column:
    """Cells of text; an empty one is shown as missing and sorts last."""
    cells = [TableCell(text=text, value=text) if text else NONE for text in texts]
    return _column(key, head, cells, kind=kind)


def _counts(name: str, counts: Iterable[int | None], *, missing: str = "unknown") -> Column:
    cells = [
        TableCell(text=missing) if count is None else TableCell(text=f"{count:,}", value=count)
        for count in counts
    ]
    return _column(name, name, cells)
