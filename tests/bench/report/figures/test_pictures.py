"""Figures show the numbers of their table."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure

from bench.evaluate.estimate import Interval
from bench.evaluate.results import Table
from bench.report.figures.costs import pareto_front
from bench.report.figures.differences import WIDE, Panel, axis_limits, draw_panel
from bench.report.figures.picture import Picture
from bench.report.figures.rows import plotted_rows
from bench.report.figures.tables import pictures
from bench.runs.records import Outcome
from tests.bench.report.figures.conftest import make_two_classes
from tests.bench.report.runs import CHANCE, ONE_WRONG, Runs


def picture(table: Table, name: str) -> Picture:
    (found,) = [each for each in pictures(table) if each.name == name]
    return found


def draw(table: Table, name: str) -> Figure:
    return picture(table, name).draw()


def lines(axes: Axes, label: str) -> list[np.ndarray]:
    """Points of the lines of a label, (points, 2) each."""
    return [np.asarray(line.get_xydata()) for line in axes.get_lines() if line.get_label() == label]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_each_kind_of_task_has_its_pictures_in_order(
    two_classes: Table, labels: Table, classes: Table
) -> None:
    assert [each.name for each in pictures(two_classes)] == [
        "differences", "roc", "precision_recall", "costs", "training", "reliability",
    ]  # fmt: skip
    by_finding = ["findings", "roc_by_finding", "precision_recall_by_finding"]
    assert [each.name for each in pictures(labels)] == ["differences", *by_finding, "costs"]
    assert [each.name for each in pictures(classes)] == by_finding


@pytest.mark.parametrize("fixture", ["two_classes", "labels", "classes", "many"])
def test_every_picture_has_a_caption_and_its_numbers_as_text(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    for each in pictures(request.getfixturevalue(fixture)):
        assert each.title
        assert any(character.isdigit() for character in each.alt)
        for text in (each.caption, each.alt):
            assert text.endswith(".")
            assert ".." not in text
            assert "  " not in text
            assert not re.search(r"[a-z]\.[A-Z]", text)


def test_without_a_finished_run_there_is_no_picture(runs: Runs) -> None:
    runs.add("resnet18", outcome=Outcome(state="failed", reason="out of memory"))
    (table,) = runs.tables()
    assert pictures(table) == []


def test_undefined_measures_have_no_picture(two_classes: Table) -> None:
    rows = tuple(
        replace(row, figures=row.figures | {"auc": replace(row.figures["auc"], value=math.nan)})
        if row.figures
        else row
        for row in two_classes.rows
    )
    names = {each.name for each in pictures(replace(two_classes, rows=rows))}
    assert not names & {"differences", "costs"}


def dots(axes: Axes) -> list[float]:
    return [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() in ("o", "D")]


def test_differences_are_those_of_the_table(two_classes: Table) -> None:
    to_reference, to_control, controls = draw(two_classes, "differences").axes
    rows = {row.label: row.row for row in plotted_rows(two_classes)}
    names = [tick.get_text() for tick in to_reference.get_yticklabels()]
    assert names == ["resnet18 ce", "cxnet_m1 sin"]
    gap = rows["resnet18 ce"].comparison.difference
    assert dots(to_reference) == [gap.value, 0.0]
    assert dots(to_control) == [rows[name].over_control.value for name in names]
    assert [tick.get_text() for tick in controls.get_yticklabels()] == ["control: prior"]
    assert dots(controls) == [rows["control: prior"].comparison.difference.value]
    spans = {tuple(line.get_xdata()) for line in to_reference.get_lines()}
    assert (gap.low, gap.high) in spans
    (margin,) = to_reference.patches
    assert margin.get_x() == -two_classes.margin
    assert margin.get_width() == pytest.approx(2 * two_classes.margin)
    assert "1 row" in picture(two_classes, "differences").caption


def test_controls_do_not_stretch_the_axis_of_the_networks(two_classes: Table) -> None:
    far = Interval(value=-0.4, low=-0.42, high=-0.38)
    near = Interval(value=0.01, low=-0.01, high=0.03)
    rows = [
        replace(
            row,
            comparison=replace(row.comparison, difference=far if row.kind == "control" else near),
        )
        if row.comparison
        else row
        for row in two_classes.rows
    ]
    axes, _, controls = draw(replace(two_classes, rows=tuple(rows)), "differences").axes
    assert axes.get_xlim() == pytest.approx((-0.0132, 0.0332))
    assert controls.get_xlim()[0] < -0.42


def test_a_far_row_is_an_arrow_with_its_number(two_classes: Table) -> None:
    far = Interval(value=-0.4, low=-0.42, high=-0.38)
    near = Interval(value=0.001, low=-0.01, high=0.012)
    gaps = [near, near, far, None, Interval(value=math.nan)]
    assert axis_limits(gaps, 0.01) == pytest.approx((-0.01176, 0.01376))
    assert axis_limits([None], 0.0) == (-0.01, 0.01)
    rows = plotted_rows(two_classes)
    panel = Panel(
        head="", rows=[rows[0]] * 5, gaps=gaps, notes=[""] * 5, margin=0.01,
        limits=axis_limits(gaps, 0.01),
    )  # fmt: skip
    axes = Figure().subplots()
    draw_panel(axes, panel, WIDE, names=True)
    assert texts(axes) == ["-0.400", "n/a"]
    assert [line.get_marker() for line in axes.get_lines()].count("<") == 1


def test_the_narrow_drawing_names_rows_above_their_intervals(many: Table) -> None:
    found = picture(many, "differences")
    assert found.narrow is not None
    wide, narrow = found.draw(), found.narrow()
    assert narrow.get_figwidth() < wide.get_figwidth() / 2
    names = texts(narrow.axes[0])
    assert len(names) == 8
    assert "cxnet_m1 sin · reference" in names


def test_without_anything_to_compare_there_is_no_picture_of_differences(runs: Runs) -> None:
    runs.add("alone", ONE_WRONG)
    (table,) = runs.tables()
    assert "differences" not in {each.name for each in pictures(table)}
    runs.add("prior", CHANCE)
    (table,) = runs.tables()
    assert picture(table, "differences").draw().axes[0].get_title(loc="left") == (
        "to control: prior"
    )


def test_each_seed_has_its_roc_curve(two_classes: Table) -> None:
    (axes,) = draw(two_classes, "roc").axes
    for row in plotted_rows(two_classes):
        expected = [run.curves["abnormal"].roc for run in row.row.runs]
        (first,) = lines(axes, row.label)
        np.testing.assert_array_equal(first, expected[0])
        if row.highlighted:
            own = [line for line in axes.get_lines() if line.get_color() == row.colour]
            curves = [line.get_xydata() for line in own if len(line.get_xdata()) > 2]
            for curve, wanted in zip(curves, expected, strict=True):
                np.testing.assert_array_equal(curve, wanted)


def test_precision_recall_shows_the_prevalence_and_the_average_precision(
    two_classes: Table,
) -> None:
    (axes,) = draw(two_classes, "precision_recall").axes
    dotted = [line.get_ydata()[0] for line in axes.get_lines() if line.get_linestyle() == ":"]
    assert dotted == [0.5]
    assert "50.0 %" in picture(two_classes, "precision_recall").caption
    for row in plotted_rows(two_classes):
        points = lines(axes, row.label)[0]
        area = float((np.diff(points[:, 0]) * points[1:, 1]).sum())
        first = row.row.runs[0].values["average_precision"]
        assert area == pytest.approx(first, abs=1e-12)


def test_costs_and_their_fronts_are_those_of_the_table(two_classes: Table) -> None:
    panels = draw(two_classes, "costs").axes
    expected = (
        {"cxnet_m1 sin": 1000, "resnet18 ce": 5000},
        {"cxnet_m1 sin": 40.0, "resnet18 ce": 20.0},
        {"cxnet_m1 sin": 600.0, "resnet18 ce": 900.0},
    )
    # resnet18 is better, and more expensive in parameters only.
    fronts: tuple[list[float], ...] = ([1000, 5000], [20.0], [900.0])
    for axes, costs, front in zip(panels, expected, fronts, strict=True):
        assert axes.get_xscale() == "log"
        assert lines(axes, "Pareto front")[0][:, 0].tolist() == front
        for row in plotted_rows(two_classes):
            if not row.control:
                (point,) = lines(axes, row.label)
                assert point.tolist() == [[costs[row.label], row.score.value]]


def test_unknown_costs_have_no_panel_and_several_devices_are_named(two_classes: Table) -> None:
    rows = tuple(
        replace(row, devices=("a", "b"), train_seconds=None, inference_images_per_second=None)
        if row.model == "resnet18"
        else row
        for row in two_classes.rows
    )
    found = picture(replace(two_classes, rows=rows), "costs")
    assert [axes.get_xlabel() for axes in found.draw().axes] == ["parameters"]
    assert "resnet18 ce" in found.caption


@given(
    st.lists(
        st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float)),
        min_size=1,
        max_size=12,
    )
)
def test_the_pareto_front_is_that_of_brute_force(points: list[tuple[float, float]]) -> None:
    def dominated(cost: float, value: float) -> bool:
        return any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in points)

    assert pareto_front(points) == sorted({p for p in points if not dominated(*p)})


def test_many_rows_are_numbered_beside_their_points(many: Table) -> None:
    figure = draw(many, "costs")
    numbers = [str(number) for number in range(1, 17)]
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [entry.split()[0] for entry in entries[:-1]] == numbers
    for axes in figure.axes:
        assert sorted(texts(axes), key=int) == numbers


def test_training_curves_decays_and_kept_weights_are_the_histories(two_classes: Table) -> None:
    axes = draw(two_classes, "training").axes
    losses = [each for each in axes if each.get_title(loc="left")]
    aucs = [each for each in axes if not each.get_title(loc="left")]

    assert [each.get_title(loc="left") for each in losses] == ["resnet18 ce", "cxnet_m1 sin"]
    for above, below, seeds in zip(losses, aucs, (1, 2), strict=True):
        wanted = [[10, 0.2], [20, 0.1], [30, 2 / 30], [40, 0.05]]
        assert [points.tolist() for points in lines(above, "validation loss")] == [wanted] * seeds
        assert len(lines(above, "training loss")) == seeds
        assert [points.tolist() for points in lines(below, "weights kept")] == [[[20, 0.8]]] * seeds
        curves = [points[:, 1].tolist() for points in lines(below, "validation AUC")]
        assert curves == [[0.6, 0.8, 0.7, 0.75]] * seeds
        for each in (above, below):
            decays = [mark for mark in each.collections if isinstance(mark, LineCollection)]
            at = [[segment[0][0] for segment in mark.get_segments()] for mark in decays]
            assert at == [[20, 40]] * seeds
    assert "iteration 20 (validation AUC 0.800), decays at 20, 40" in (
        picture(two_classes, "training").alt
    )


@pytest.mark.parametrize("content", [None, "", "iteration,decision\n1,decay\n"])
def test_a_history_that_cannot_be_read_is_counted(tmp_path: Path, content: str | None) -> None:
    table = make_two_classes(tmp_path)
    (row,) = [row for row in table.rows if row.model == "resnet18"]
    path = row.runs[0].folder / "history.csv"
    path.unlink() if content is None else path.write_text(content)

    found = picture(table, "training")
    assert "1 run" in found.caption
    assert ["no history"] in [texts(axes) for axes in found.draw().axes]


def test_reliability_curves_are_those_of_the_table(two_classes: Table) -> None:
    panels = draw(two_classes, "reliability").axes
    rows = [row for row in plotted_rows(two_classes) if not row.control]
    for axes, row in zip(panels, rows, strict=True):
        curves = [line.get_xydata() for line in axes.get_lines() if line.get_marker() == "o"]
        for curve, run in zip(curves, row.row.runs, strict=True):
            np.testing.assert_array_equal(curve, run.curves["abnormal"].reliability[:, :2])
        assert texts(axes)[0].startswith(f"ECE {row.row.figures['ece'].value:.3f}")


def test_the_heat_map_is_that_of_the_table(labels: Table) -> None:
    (axes,) = draw(labels, "findings").axes
    aucs = [
        [figures["auc"].value for figures in row.row.findings.values()]
        for row in plotted_rows(labels)
    ]
    (mesh,) = [each for each in axes.collections if isinstance(each, QuadMesh)]
    np.testing.assert_array_equal(np.ma.filled(mesh.get_array(), np.nan).reshape(-1, 3), aucs)
    assert texts(axes) == [
        "n/a" if math.isnan(auc) else f"{auc:.2f}" for row in aucs for auc in row
    ]
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["Mass (3)", "Nodule (2)", "Hernia (0)"]


@pytest.mark.parametrize("curve", ["roc", "precision_recall"])
def test_each_finding_that_some_image_has_is_drawn(labels: Table, curve: str) -> None:
    found = picture(labels, f"{curve}_by_finding")
    panels = found.draw().axes
    assert [axes.get_title(loc="left") for axes in panels] == ["Mass (3)", "Nodule (2)"]
    for axes, finding in zip(panels, ("Mass", "Nodule"), strict=True):
        for row in plotted_rows(labels):
            (points,) = lines(axes, row.label)
            np.testing.assert_array_equal(points, getattr(row.row.runs[0].curves[finding], curve))
    assert "1 finding" in found.caption
