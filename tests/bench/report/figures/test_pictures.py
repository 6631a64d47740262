"""What is drawn is what the table says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.report import Table
from bench.report.figures import Picture, pictures
from bench.report.figures.costs import pareto
from bench.report.figures.rows import drawn, short, shortened, some
from bench.report.figures.style import MUTED, SERIES
from tests.bench.report.figures.conftest import the_table
from tests.bench.report.runs import (
    CHANCE,
    M2,
    ONE_WRONG,
    PERFECT,
    TRAINING,
    VALIDATION,
    Runs,
)
from tests.bench.report.test_tuned import tune

M1 = ["intervals", "roc", "precision_recall", "costs", "training", "reliability", "confusions"]


def picture(table: Table, name: str) -> Picture:
    (found,) = [one for one in pictures(table) if one.name == name]
    return found


def draw(table: Table, name: str) -> Figure:
    return picture(table, name).draw()


def lines(axes: Axes, label: str) -> list[np.ndarray]:
    """Points of the lines of that label, (points, 2) each."""
    return [np.asarray(line.get_xydata()) for line in axes.get_lines() if line.get_label() == label]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def ticks(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_table_of_two_classes_has_these_pictures_in_this_order(two_classes: Table) -> None:
    assert [one.name for one in pictures(two_classes)] == M1


def test_a_table_of_findings_has_these(labels: Table) -> None:
    assert [one.name for one in pictures(labels)] == [
        "intervals",
        "findings",
        "roc_by_finding",
        "precision_recall_by_finding",
        "costs",
    ]


def test_every_picture_says_what_it_shows(two_classes: Table, labels: Table, many: Table) -> None:
    for table in (two_classes, labels, many):
        for one in pictures(table):
            assert one.title
            assert one.caption.endswith(".")
            assert any(character.isdigit() for character in one.alt)
            for text in (one.caption, one.alt):
                assert ".." not in text
                assert "  " not in text


def test_without_a_finished_run_there_is_no_picture(runs: Runs) -> None:
    from bench.runs.records import Outcome

    runs.add("resnet18", outcome=Outcome(state="failed", reason="out of memory"))

    (table,) = runs.tables()

    assert pictures(table) == []


def test_intervals_are_those_of_the_table(two_classes: Table) -> None:
    (axes,) = draw(two_classes, "intervals").axes
    dots = [line for line in axes.get_lines() if line.get_marker() in ("o", "D")]
    by_row = {one.label: one.row.metrics["auc"] for one in drawn(two_classes)}

    assert ticks(axes) == ["resnet18 ce", "cxnet_m1 sin", "control: prior"]
    assert [dot.get_xdata()[0] for dot in dots] == [by_row[name].mean for name in ticks(axes)]
    spans = {tuple(line.get_xdata()) for line in axes.get_lines()}
    for figure in by_row.values():
        assert figure.interval is not None
        assert (figure.interval.low, figure.interval.high) in spans
    # The reference's value, and the best control.
    assert [line for line in spans if line == (by_row["cxnet_m1 sin"].mean,) * 2]
    assert [line for line in spans if line == (0.5, 0.5)]


def test_intervals_say_how_many_rows_have_none(two_classes: Table) -> None:
    assert "1 row without a finished run left out." in picture(two_classes, "intervals").caption


def test_each_seed_has_its_roc_curve(two_classes: Table) -> None:
    (axes,) = draw(two_classes, "roc").axes
    for one in drawn(two_classes):
        (first,) = lines(axes, one.label)
        expected = [scores.curves["abnormal"].roc for scores in one.row.scores]
        np.testing.assert_array_equal(first, expected[0])
        colour = [line for line in axes.get_lines() if line.get_color() == one.colour]
        curves = [line.get_xydata() for line in colour if len(line.get_xdata()) > 2]
        if one.told:
            assert len(curves) == len(one.row.runs)
            for got, wanted in zip(curves, expected, strict=True):
                np.testing.assert_array_equal(got, wanted)


def test_operating_points_are_those_of_the_table(two_classes: Table) -> None:
    (axes,) = draw(two_classes, "roc").axes
    points = {
        (round(float(line.get_xdata()[0]), 2), float(line.get_ydata()[0]))
        for line in axes.get_lines()
        if len(line.get_xdata()) == 1
    }

    assert points == {
        (round(1.0 - at / 100, 2), one.row.metrics[f"sensitivity_at_{at}"].mean)
        for one in drawn(two_classes)
        for at in (95, 90)
    }


def test_operating_points_are_said_of_the_first_class_by_its_name(runs: Runs) -> None:
    p = {"validation": np.array(VALIDATION), "test": np.array(ONE_WRONG)}
    answers = {part: np.column_stack([1 - values, values]) for part, values in p.items()}
    runs.add_answers(M2, "net", answers)
    caption = picture(the_table(runs), "roc").caption
    assert "at least 95 % and 90 % of the images labelled one are called so." in caption


def test_the_precision_of_guessing_is_a_line(two_classes: Table) -> None:
    (axes,) = draw(two_classes, "precision_recall").axes
    dotted = [line for line in axes.get_lines() if line.get_linestyle() == ":"]

    assert [line.get_ydata()[0] for line in dotted] == [0.5]
    assert "50.0 %" in picture(two_classes, "precision_recall").caption


def test_the_area_below_the_steps_is_the_average_precision(two_classes: Table) -> None:
    (axes,) = draw(two_classes, "precision_recall").axes
    for one in drawn(two_classes):
        points = lines(axes, one.label)[0]
        area = float((np.diff(points[:, 0]) * points[1:, 1]).sum())
        first = one.row.scores[0].figures["average_precision"].value
        assert area == pytest.approx(first, abs=1e-12)


def test_costs_are_those_of_the_table(two_classes: Table) -> None:
    parameters, seconds, speed = draw(two_classes, "costs").axes

    for axes, expected in (
        (parameters, {"cxnet_m1 sin": 1000, "resnet18 ce": 5000}),
        (seconds, {"cxnet_m1 sin": 40.0, "resnet18 ce": 20.0}),
        (speed, {"cxnet_m1 sin": 600.0, "resnet18 ce": 900.0}),
    ):
        assert axes.get_xscale() == "log"
        for one in drawn(two_classes):
            if not one.control:
                (point,) = lines(axes, one.label)
                assert point.tolist() == [[expected[one.label], one.row.metrics["auc"].mean]]


def test_the_fronts_are_drawn(two_classes: Table) -> None:
    fronts = [lines(axes, "Pareto front")[0] for axes in draw(two_classes, "costs").axes]

    # resnet18 is better, and dearer in parameters alone.
    assert fronts[0][:, 0].tolist() == [1000, 5000]
    assert fronts[1][:, 0].tolist() == [20.0]
    assert fronts[2][:, 0].tolist() == [900.0]


def test_costs_that_are_not_known_have_no_panel(labels: Table) -> None:
    rows = tuple(replace(row, inference_images_per_second=None) for row in labels.rows)

    drawn_axes = draw(replace(labels, rows=rows), "costs").axes

    assert [axes.get_xlabel() for axes in drawn_axes] == ["parameters", "seconds of training"]


def test_rows_trained_on_several_devices_are_named(two_classes: Table) -> None:
    rows = tuple(
        replace(row, devices=("a", "b"), train_seconds=None) if row.model == "resnet18" else row
        for row in two_classes.rows
    )

    caption = picture(replace(two_classes, rows=rows), "costs").caption

    assert "trained on several devices: resnet18 ce." in caption


points = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda p: (float(p[0]), float(p[1]))),
    min_size=1,
    max_size=12,
)


@given(points)
def test_the_pareto_front_is_that_of_brute_force(points: list[tuple[float, float]]) -> None:
    def beaten(cost: float, value: float) -> bool:
        return any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in points)

    found = pareto([c for c, _ in points], [v for _, v in points])

    assert found.tolist() == [not beaten(c, v) for c, v in points]
    assert found.any()


def test_training_curves_decays_and_kept_weights_are_the_histories(two_classes: Table) -> None:
    axes = draw(two_classes, "training").axes
    above = [one for one in axes if one.get_title(loc="left")]
    below = [one for one in axes if not one.get_title(loc="left")]

    assert [one.get_title(loc="left") for one in above] == ["resnet18 ce", "cxnet_m1 sin"]
    for one, seeds in zip(above, (1, 2), strict=True):
        assert len(lines(one, "training loss")) == len(lines(one, "validation loss")) == seeds
        for points in lines(one, "validation loss"):
            assert points.tolist() == [[10, 0.2], [20, 0.1], [30, 2 / 30], [40, 0.05]]
    for one, seeds in zip([*above, *below], (1, 2, 1, 2), strict=True):
        marks = [mark for mark in one.collections if isinstance(mark, LineCollection)]
        assert len(marks) == seeds
        for mark in marks:
            assert [segment[0][0] for segment in mark.get_segments()] == [20, 40]
    for one, seeds in zip(below, (1, 2), strict=True):
        assert [points.tolist() for points in lines(one, "kept")] == [[[20, 0.8]]] * seeds
        assert [points[:, 1].tolist() for points in lines(one, "AUC")] == [
            [0.6, 0.8, 0.7, 0.75]
        ] * seeds
    alt = picture(two_classes, "training").alt
    assert "weights kept at iteration 20 (validation AUC 0.800), decays at 20, 40" in alt


@pytest.mark.parametrize("content", [None, "", "iteration,decision\n1,decay\n", "\x00\n"])
def test_a_history_that_cannot_be_read_is_said(two_classes: Table, content: str | None) -> None:
    (row,) = [row for row in two_classes.rows if row.model == "resnet18"]
    path = row.runs[0].folder / "history.csv"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)

    one = picture(two_classes, "training")

    assert "1 run without a readable history." in one.caption
    assert "no history" in [text for axes in one.draw().axes for text in texts(axes)]


def test_reliability_curves_are_those_of_the_table(two_classes: Table) -> None:
    axes = draw(two_classes, "reliability").axes
    rows = [one for one in drawn(two_classes) if not one.control]

    for panel, one in zip(axes, rows, strict=True):
        curves = [line for line in panel.get_lines() if line.get_marker() == "o"]
        for line, scores in zip(curves, one.row.scores, strict=True):
            wanted = scores.curves["abnormal"].reliability[:, :2]
            np.testing.assert_array_equal(line.get_xydata(), wanted)
        # In brackets scaled, where a temperature fits the validation part best.
        error, scaled_error = (one.row.metrics[name].mean for name in ("ece", "ece_scaled"))
        brackets = "" if math.isnan(scaled_error) else f" ({scaled_error:.3f})"
        assert texts(panel)[0] == f"ECE {error:.3f}{brackets}"


def test_confusions_are_mean_counts_and_shares_of_the_lines(two_classes: Table) -> None:
    first, reference, control = draw(two_classes, "confusions").axes

    assert texts(first) == ["3\n100 %", "0\n0 %", "0\n0 %", "3\n100 %"]
    # Seed 0 calls one of each kind wrongly, seed 1 none.
    assert texts(reference) == ["2.5\n83 %", "0.5\n17 %", "0.5\n17 %", "2.5\n83 %"]
    assert control.get_title(loc="left") == "control: prior"


def test_confusions_of_several_classes(classes: Table) -> None:
    (axes,) = draw(classes, "confusions").axes

    # Three of Mass and one of Nodule are called Mass; two of Nodule are called Nodule.
    assert texts(axes) == [
        *("3\n100 %", "0\n0 %", "0\n0 %"),
        *("1\n33 %", "2\n67 %", "0\n0 %"),
        *("0\n0 %", "0\n0 %", "0\n0 %"),
    ]


def test_zeros_are_left_out_of_large_confusions(
    classes: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.figures.confusions.MOST_CLASSES", 2)

    (axes,) = draw(classes, "confusions").axes

    assert texts(axes) == ["3\n100 %", "1\n33 %", "2\n67 %"]
    assert "Empty cells are zero." in picture(classes, "confusions").caption


def test_the_heat_map_is_that_of_the_table(labels: Table) -> None:
    (axes,) = draw(labels, "findings").axes
    rows = drawn(labels)
    values = [one.row.findings[name]["auc"].mean for one in rows for name in ("Mass", "Nodule")]
    cells = [patch for patch in axes.patches if isinstance(patch, Rectangle)]

    assert texts(axes) == [f"{value:.2f}" for value in values]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "Mass (3)",
        "Nodule (2)",
        "Hernia (0)",
    ]
    assert [bool(cell.get_hatch()) for cell in cells] == [False, False, True] * len(rows)
    opacities = [cell.get_facecolor()[3] for cell in cells if not cell.get_hatch()]
    above_chance = [max(value, 0.5) for value in values]
    assert np.argsort(opacities, kind="stable").tolist() == (
        np.argsort(above_chance, kind="stable").tolist()
    )


@pytest.mark.parametrize(
    ("name", "curve"),
    [("roc_by_finding", "roc"), ("precision_recall_by_finding", "precision_recall")],
)
def test_each_finding_that_some_image_has_is_drawn(labels: Table, name: str, curve: str) -> None:
    axes = draw(labels, name).axes

    assert [one.get_title(loc="left") for one in axes] == ["Mass (3)", "Nodule (2)"]
    for panel, finding in zip(axes, ("Mass", "Nodule"), strict=True):
        for one in drawn(labels):
            (points,) = lines(panel, one.label)
            np.testing.assert_array_equal(points, getattr(one.row.scores[0].curves[finding], curve))
    assert "1 finding that no test image has, or every one, left out." in (
        picture(labels, name).caption
    )


def test_of_many_rows_the_reference_and_the_first_have_a_colour(many: Table) -> None:
    rows = drawn(many)
    told = [one for one in rows if one.told]

    assert [one.label for one in told] == [rows[0].label, "cxnet_m1 sin"]
    assert [one.colour for one in told] == [SERIES[1], SERIES[0]]
    assert {one.colour for one in rows if not one.told} == {MUTED}
    caption = picture(many, "roc").caption
    assert (
        f"In colour: {rows[0].label} and cxnet_m1 sin (the reference and the row of the" in caption
    )


def test_few_rows_have_colours_markers_and_lines_of_their_own(two_classes: Table) -> None:
    networks = [one for one in drawn(two_classes) if not one.control]

    assert all(one.told for one in networks)
    for attribute in ("colour", "marker", "line"):
        assert len({getattr(one, attribute) for one in networks}) == len(networks)
    assert [one.label for one in drawn(two_classes) if one.reference] == ["cxnet_m1 sin"]
    assert [one.label for one in drawn(two_classes) if one.best_control] == ["control: prior"]


def test_what_has_no_room_is_named(many: Table) -> None:
    shown = draw(many, "confusions").axes
    caption = picture(many, "confusions").caption

    assert len(shown) == 8
    assert "cxnet_m1 sin" in [axes.get_title(loc="left") for axes in shown]
    assert "8 of 17 rows have room here" in caption
    assert caption.endswith("1 more.")


def test_the_reference_and_then_networks_have_room_first(many: Table) -> None:
    rows = drawn(many)

    assert [one.label for one in some(rows, most=1)] == ["cxnet_m1 sin"]
    assert not any(one.control for one in some(rows, most=16))
    assert some(rows, most=99) == rows


def test_many_rows_are_numbered_with_a_key(many: Table) -> None:
    figure = draw(many, "costs")
    (key,) = figure.legends

    numbers = [str(number) for number in range(1, 17)]
    for axes in figure.axes:
        assert sorted(texts(axes), key=int) == numbers
    entries = [text.get_text() for text in key.get_texts()]
    assert [entry.split()[0] for entry in entries[:-1]] == numbers
    assert entries[-1] == "Pareto front"


def test_numbers_do_not_lie_on_each_other(many: Table) -> None:
    figure = draw(many, "costs")
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        overlaps = sum(
            one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place]
        )
        assert overlaps == 0


@given(st.text(min_size=1), st.integers(3, 30))
def test_short_labels_keep_their_ends(label: str, most: int) -> None:
    found = short(label, most)

    assert len(found) <= max(most, 1)
    assert found == label or (found[0] == label[0] and found[-1] == label[-1] and "…" in found)


def test_undefined_figures_are_not_drawn(two_classes: Table) -> None:
    def without(row_metrics: dict) -> dict:  # type: ignore[type-arg]
        return row_metrics | {"auc": replace(row_metrics["auc"], value=math.nan)}

    rows = tuple(
        replace(row, figures=without(row.figures)) if row.metrics else row
        for row in two_classes.rows
    )

    names = [one.name for one in pictures(replace(two_classes, rows=rows))]

    assert "intervals" not in names
    assert "costs" not in names


@given(st.sets(st.text("ab ", min_size=1, max_size=9), min_size=1, max_size=9), st.integers(3, 6))
def test_no_two_labels_become_the_same(labels: set[str], most: int) -> None:
    found = shortened(sorted(labels), most)
    assert found.keys() == labels
    assert len({*found.values()}) == len(labels)


def test_labels_of_which_one_begins_the_other_stay_apart() -> None:
    assert [*shortened(["aaaa", "aaaaa"], 3).values()] == ["…a", "…aa"]


def test_labels_that_differ_in_the_middle_lose_their_beginning() -> None:
    labels = ["cxnet_m1 sin (lr=0.1, momentum=0.9)", "cxnet_m1 sin (lr=0.2, momentum=0.9)", "net"]
    assert [*shortened(labels, 14).values()] == ["…1, mom…m=0.9)", "…2, mom…m=0.9)", "net"]


def test_labels_show_what_tells_rows_of_a_model_apart(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    for iterations in (40, 200):
        settings = {"train": {**TRAINING, "max_iterations": iterations}}
        runs.add("cxnet_m1", ONE_WRONG, loss="sin", settings=settings)
    runs.add("other", PERFECT, settings={"train": {**TRAINING, "lr": 0.5}})
    for pretrained in (False, True):
        runs.add("wide", CHANCE, settings={"model": {"pretrained": pretrained}, "train": TRAINING})
    (table,) = runs.tables()
    assert {one.label for one in drawn(table)} == {
        "cxnet_m1 sin (max_iterations=40)",
        "cxnet_m1 sin (max_iterations=200)",
        "other ce",
        "wide ce (from scratch)",
        "wide ce (pretrained)",
    }


def test_labels_of_tuned_rows_say_so_and_their_values_only_if_they_must(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("net", CHANCE, settings={"train": TRAINING})
    tune(runs, "net", runs_=[runs.add("net", PERFECT, settings={"train": {**TRAINING, "lr": 0.2}})])
    assert {one.label for one in drawn(runs.tables()[0])} == {
        "net ce (as configured)",
        "net ce (tuned)",
    }
    other = {"train": {**TRAINING, "lr": 0.3}}
    tune(runs, "net", runs_=[runs.add("net", PERFECT, settings=other)], budget={"trials": 9})
    assert {one.label for one in drawn(runs.tables()[0])} == {
        "net ce (as configured, lr=0.01)",
        "net ce (tuned, lr=0.2)",
        "net ce (tuned, lr=0.3)",
    }
