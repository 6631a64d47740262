"""An audit as Markdown, and its decision curve as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.audit.audit import Audit
from bench.audit.decision import DecisionCurve
from bench.audit.duplicates import DISTANCE, SIDE, SMALLEST
from bench.audit.subgroups import FEWEST, Subgroup, Subgroups
from bench.evaluate.estimate import Interval
from bench.report import formatting as fmt
from bench.report.columns import (
    Section,
    TableCell,
    column,
    counts,
    difference,
    measured,
    numbers,
    texts,
)
from bench.report.figures.style import INK, MUTED, SERIES, empty_figure, house_style
from bench.report.markdown import fill

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOO_FEW = "too few"


def audit_markdown(audits: Sequence[Audit], *, image_names: bool) -> str:
    """The audits, a section each; names of near-duplicates can be ids of patients."""
    text = fill(
        "audit.md.j2",
        audits=audits,
        image_names=image_names,
        subgroup_table=subgroup_table,
        decision_table=_decision_table,
        few=FEWEST,
        distance=DISTANCE,
        bits=SIDE * SIDE,
        smallest=SMALLEST,
    )
    return text + "\n"


def subgroups_markdown(found: Subgroups) -> str:
    """The subgroups of a run alone, for its model card."""
    return fill("subgroups.md.j2", found=found, subgroup_table=subgroup_table, few=FEWEST)


def subgroup_table(found: Sequence[Subgroup]) -> Section:
    """A line for each subgroup; without figures where there are too few patients."""
    several = len({each.output for each in found}) > 1
    return Section(
        id="subgroups",
        title="",
        columns=[
            *([texts("output", "finding", [e.output for e in found], kind="name")] * several),
            texts("attribute", "", [each.attribute for each in found], kind="name"),
            texts("group", "group", [each.group for each in found], kind="name"),
            counts("images", [each.images for each in found]),
            counts("patients with", [each.patients_with for each in found]),
            counts("patients without", [each.patients_without for each in found]),
            column("auc", "AUC", [_figure(each.auc) for each in found]),
            column("sensitivity", "sensitivity", [_figure(each.sensitivity) for each in found]),
            column("specificity", "specificity", [_figure(each.specificity) for each in found]),
        ],
    )


def draw_decision_curve(curve: DecisionCurve, *, format: str) -> bytes:
    """The decision curve as a file of an image format, such as ``png`` or ``svg``."""
    buffer = io.BytesIO()
    with house_style():
        figure = _plot(curve)
        figure.savefig(buffer, format=format, dpi=200, facecolor="white")
    return buffer.getvalue()


def _plot(curve: DecisionCurve) -> Figure:
    figure, grid = empty_figure(height=3.2)
    axes = grid[0, 0]
    at = [point.threshold for point in curve.points]
    low, high = ([getattr(p.model, end) for p in curve.points] for end in ("low", "high"))
    axes.fill_between(at, low, high, color=SERIES[0], alpha=0.15, linewidth=0)
    axes.plot(at, [p.model.value for p in curve.points], color=SERIES[0], label="model")
    axes.plot(at, [p.treat_all for p in curve.points], color=INK, linestyle="--", label="call all")
    axes.axhline(0.0, color=MUTED, linestyle=":", label="call none")
    top = max(high)
    axes.set(
        xlim=(0, 1), ylim=(-0.25 * top, 1.05 * top), xlabel="threshold probability",
        ylabel="net benefit",
    )  # fmt: skip
    axes.legend()
    return figure


def _figure(value: Interval | None) -> TableCell:
    return TableCell(text=TOO_FEW) if value is None else measured(value)


def _decision_table(curve: DecisionCurve) -> Section:
    points = curve.points
    return Section(
        id="decision",
        title="",
        columns=[
            numbers(
                "threshold", "threshold", [(f"{p.threshold:.2f}", p.threshold) for p in points]
            ),
            column("model", "model", [measured(point.model) for point in points]),
            numbers("all", "call all", [(fmt.number(p.treat_all), p.treat_all) for p in points]),
            column("over_all", "model less all", [difference(point.over_all) for point in points]),
        ],
    )
