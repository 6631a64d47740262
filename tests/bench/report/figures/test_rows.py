"""Labels and looks of rows in figures."""

from __future__ import annotations

from pathlib import Path

from bench.evaluate.results import Table
from bench.report.figures.rows import plotted_rows, select
from bench.report.figures.style import MUTED, SERIES
from bench.report.figures.tables import pictures
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, TRAINING, Runs
from tests.bench.report.test_tuned import tune


def test_few_rows_have_colours_markers_and_lines_of_their_own(two_classes: Table) -> None:
    rows = plotted_rows(two_classes)
    networks = [row for row in rows if not row.control]
    assert all(row.highlighted for row in networks)
    for attribute in ("colour", "marker", "line"):
        assert len({getattr(row, attribute) for row in networks}) == len(networks)
    assert [row.label for row in rows if row.row.is_reference] == ["cxnet_m1 sin"]
    assert [row.label for row in rows if row.best_control] == ["control: prior"]


def test_of_many_rows_the_reference_and_the_best_have_a_colour(many: Table) -> None:
    rows = plotted_rows(many)
    highlighted = [(row.label, row.colour) for row in rows if row.highlighted]
    assert highlighted == [(rows[0].label, SERIES[1]), ("cxnet_m1 sin", SERIES[0])]
    assert {row.colour for row in rows if not row.highlighted} == {MUTED}
    caption = next(each.caption for each in pictures(many) if each.name == "roc")
    assert f"{rows[0].label} and cxnet_m1 sin" in caption


def test_the_reference_and_then_networks_are_selected_first(many: Table) -> None:
    rows = plotted_rows(many)
    assert [row.label for row in select(rows, 1)] == ["cxnet_m1 sin"]
    assert not any(row.control for row in select(rows, 16))
    assert select(rows, 99) == rows


def test_labels_show_what_tells_rows_of_a_model_apart(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    for iterations in (40, 200):
        settings = {"train": {**TRAINING, "max_iterations": iterations}}
        runs.add("cxnet_m1", ONE_WRONG, loss="sin", settings=settings)
    runs.add("other", PERFECT, settings={"train": {**TRAINING, "lr": 0.5}})
    for pretrained in (False, True):
        runs.add("wide", CHANCE, settings={"model": {"pretrained": pretrained}, "train": TRAINING})
    (table,) = runs.tables()
    assert {row.label for row in plotted_rows(table)} == {
        "cxnet_m1 sin (max_iterations=40)",
        "cxnet_m1 sin (max_iterations=200)",
        "other ce",
        "wide ce (from scratch)",
        "wide ce (pretrained)",
    }


def test_labels_of_tuned_rows_show_their_values_only_if_they_must(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("net", CHANCE, settings={"train": TRAINING})
    tune(runs, "net", runs_=[runs.add("net", PERFECT, settings={"train": {**TRAINING, "lr": 0.2}})])
    assert {row.label for row in plotted_rows(runs.tables()[0])} == {
        "net ce (as configured)",
        "net ce (tuned)",
    }
    other = {"train": {**TRAINING, "lr": 0.3}}
    tune(runs, "net", runs_=[runs.add("net", PERFECT, settings=other)], budget={"trials": 9})
    assert {row.label for row in plotted_rows(runs.tables()[0])} == {
        "net ce (as configured)",
        "net ce (tuned, lr=0.2)",
        "net ce (tuned, lr=0.3)",
    }
