"""Published figures stand beside the table that they concern."""

from __future__ import annotations

from bench.evaluate.published import read_published
from tests.bench.report.runs import PERFECT, Runs, data
from tests.bench.report.test_per_finding import add_classes, add_labels


def test_the_shipped_figures_are_those_that_were_published() -> None:
    figures = read_published()
    assert [(each.task, each.metric, each.value, each.comparable) for each in figures] == [
        ("m1", "AUC", 0.783, "partly"),
        ("m1", "AUC", 0.982, "no"),
        ("findings14", "macro AUC", 0.745, "partly"),
        ("findings14", "macro AUC", 0.761, "partly"),
        ("findings14", "macro AUC", 0.806, "partly"),
        ("findings14", "macro AUC", 0.830, "partly"),
    ]
    assert [each.images for each in figures] == [22433, None, None, None, None, None]
    assert {each.source for each in figures} == {"nih"}
    assert {(each.split, each.taken_from) for each in figures[2:]} == {
        ("official", "Xiao 2022, arXiv:2210.12843, Table 6")
    }


def test_a_table_shows_those_of_its_task_and_source(runs: Runs) -> None:
    runs.add("net", PERFECT)
    runs.add("net", PERFECT, about=data(source="other", fingerprint="e" * 64))
    add_labels(runs, "net")
    add_classes(runs, "net")
    shown = {(table.data.source, table.data.task): len(table.published) for table in runs.tables()}
    assert shown == {
        ("nih", "m1"): 2,
        ("nih", "m4"): 0,
        ("nih", "findings14"): 4,
        ("other", "m1"): 0,
    }
