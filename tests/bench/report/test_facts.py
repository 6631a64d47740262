"""Runs are in the table of their data and task, with its facts around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.report import facts
from bench.runs.records import Outcome
from tests.bench.report.runs import (
    CHANCE,
    CLASSES,
    LABELS,
    M2,
    PERFECT,
    Case,
    Runs,
    data,
    imported,
)


def test_tables_are_in_the_order_of_the_tasks(runs: Runs) -> None:
    cases: tuple[Case, ...] = (LABELS, CLASSES, M2)
    for case in cases:
        runs.add_answers(case, "net", None, outcome=Outcome(state="failed", reason="boom"))
    runs.add("net", PERFECT)
    runs.add("net", PERFECT, about=data(source="a", fingerprint="e" * 64))
    assert [(table.data.source, table.data.task) for table in runs.tables()] == [
        ("a", "m1"),
        ("nih", "m1"),
        ("nih", "m2"),
        ("nih", "m4"),
        ("nih", "findings14"),
    ]


def test_two_splits_with_equal_parts_are_two_tables(runs: Runs) -> None:
    for name in ("official", "fixed"):
        split = data().split.model_copy(update={"name": name})
        runs.add("prior", CHANCE, settings={"data": {"split": name}}, about=data(split=split))
    tables = runs.tables()
    assert [table.data.split.name for table in tables] == ["fixed", "official"]
    assert [len(table.rows) for table in tables] == [1, 1]


def test_facts_of_all_runs_of_a_table_are_shown_once_each(runs: Runs) -> None:
    """The same data, read from two folders of which one has files that cannot be used."""
    skipped = {"truncated": ["a.png"], "missing": ["c.png"]}
    for model, about in {
        "a": data(root="one", skipped={}, notes=["shared", "first"]),
        "b": data(root="two", skipped=skipped, notes=["shared"]),
        "c": data(root="one", skipped={"truncated": ["b.png", "a.png"]}, notes=["last"]),
    }.items():
        runs.add(model, PERFECT, about=about)
    (table,) = runs.tables()
    assert table.data.root == "one, two"
    assert table.data.notes == ("shared", "first", "last")
    assert table.data.skipped == {"truncated": ("a.png", "b.png"), "missing": ("c.png",)}
    text = runs.markdown()
    assert text.count("- shared\n") == 1
    assert ": 2 truncated, 1 missing" in text


def test_the_head_states_counts_prevalence_leakage_and_what_was_skipped(runs: Runs) -> None:
    runs.add("net", PERFECT)
    text = runs.markdown()
    squeezed = [" ".join(line.split()) for line in text.splitlines()]
    assert "| part | images | patients | normal | abnormal | abnormal % |" in squeezed
    assert "| test | 6 | 3 | 3 | 3 | 50.0 |" in squeezed
    assert "| train | 12 | unknown | 3 | 3 | 25.0 |" in squeezed
    assert ": 2 truncated" in text
    assert (
        "- train and test: 1 patient shared (2 of 6 test images); "
        "0 test images identical to one of train"
    ) in text
    assert "- whole set: 4 images with an identical copy" in text
    assert "- 6 of the 10 images are here" in text
    assert "run on 2026-01-02" in text
    assert "commit abc123" in text
    assert "torch 2.6" in text


def test_the_counts_of_findings_are_a_row_each(runs: Runs) -> None:
    runs.add_answers(LABELS, "net", None, outcome=Outcome(state="failed", reason="boom"))
    lines = [line for line in runs.markdown().splitlines() if line.startswith("|")]
    assert [" ".join(line.split()) for line in lines[:7]] == [
        "| | train | validation | test |",
        "|:---------|-----------:|-------------:|-----------:|",
        "| images | 12 | 4 | 6 |",
        "| patients | unknown | 2 | 3 |",
        "| Mass | 3 (25.0 %) | 2 (50.0 %) | 3 (50.0 %) |",
        "| Nodule | 2 (16.7 %) | 2 (50.0 %) | 2 (33.3 %) |",
        "| Hernia | 0 (0.0 %) | 0 (0.0 %) | 0 (0.0 %) |",
    ]


def test_each_share_of_the_training_part_is_a_part_of_its_own(runs: Runs) -> None:
    (pair,) = data().leakage
    unshared = pair.model_copy(update={"earlier": "validation"})
    for share, images in ((1.0, 12), (0.05, 2), (0.125, 3)):
        train = data().parts["train"].model_copy(update={"images": images})
        about = data(
            notes=[f"learned from {images}"],
            parts=data().parts | {"train": train},
            leakage=[pair.model_copy(update={"shared_patients": images}), unshared],
        )
        for model in ("net", "prior"):
            runs.add(model, PERFECT, settings={"data": {"train_share": share}}, about=about)
    text = runs.markdown()
    squeezed = [" ".join(line.split()) for line in text.splitlines()]
    table = [line for line in squeezed if line.startswith("|")]
    assert [line.split(" | ")[:2] for line in table[2:7]] == [
        ["| train (5 %)", "2"],
        ["| train (12.5 %)", "3"],
        ["| train (100 %)", "12"],
        ["| validation", "4"],
        ["| test", "6"],
    ]
    assert [line.partition(" patient")[0] for line in squeezed if " and test: " in line] == [
        "- train (5 %) and test: 2",
        "- validation and test: 1",
        "- train (12.5 %) and test: 3",
        "- train (100 %) and test: 12",
    ]
    for images in (12, 2, 3):
        assert f"- learned from {images}\n" in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"shared_patients": None, "images_of_shared_patients": None}, "shared patients unknown"),
        ({}, "10 patients shared (20 of 100 test images)"),
        (
            {"unknown_patients": 3},
            "at least 10 patients shared (20 of 100 test images); 3 images without a patient id",
        ),
    ],
)
def test_shared_patients_are_counted_as_far_as_patients_are_known(
    runs: Runs, changes: dict[str, Any], sentence: str
) -> None:
    counted = {"later_images": 100, "shared_patients": 10, "images_of_shared_patients": 20}
    pair = data().leakage[0].model_copy(update=counted | changes)
    runs.add("net", PERFECT, about=data(leakage=[pair]))
    assert f"train and test: {sentence}; 0 test images identical" in runs.markdown()


def test_environments_that_differ_in_nothing_shown_are_one_line(runs: Runs) -> None:
    runs.add("a", PERFECT, environment={"date": "2026-01-04T00:00:00+00:00", "cpu_count": 8})
    runs.add("b", PERFECT)
    text = runs.markdown()
    assert text.count("commit abc123") == 1
    assert "run from 2026-01-02 to 2026-01-04" in text


def test_runs_that_a_larger_tuning_replaced_are_named(runs: Runs) -> None:
    runs.add("net", PERFECT)
    (table,) = runs.tables()
    assert facts.incidents(table) == []
    assert facts.incidents(replace(table, superseded=("net-ce-s1-01", "net-ce-s2-23"))) == [
        "2 runs of settings that a tuning with a larger budget replaced are in no row: "
        "net-ce-s1-01, net-ce-s2-23"
    ]


def test_classes_of_few_patients_are_warned_of(runs: Runs) -> None:
    runs.add("net", PERFECT)
    (table,) = runs.tables()
    # Of three patients two have normal images, and two have abnormal ones.
    assert table.few_patients == {"abnormal": 2}
    warning = "warning: fewer than 15 patients with or without are too few for a sure interval: "
    assert facts.resting_on(table)[0] == f"{warning}abnormal (2)"
    (row,) = table.rows
    many = replace(table, rows=(replace(row, patients={"abnormal": 15}),))
    assert not any(line.startswith("warning") for line in facts.resting_on(many))


def test_rows_that_were_made_with_other_threads_or_devices_are_named(runs: Runs) -> None:
    for seed in (0, 1):
        runs.add("net", PERFECT, seed=seed)
    runs.add("prior", CHANCE)
    assert "threads" not in runs.notes()
    runs.add("wide", PERFECT, environment={"threads": 1})
    assert "threads 2 (net ce, control: prior), 1 (wide ce)" in runs.notes()
    for model in ("deep", "long"):
        runs.add(model, PERFECT, environment={"device": "A GPU"})
    runs.add("theirs", PERFECT, imported=imported(), environment={"threads": 7})
    (note,) = [line for line in runs.notes().splitlines() if "threads" in line]
    assert "threads 2 (4 rows), 1 (wide ce); device " in note
    assert "A GPU (deep ce, long ce)" in note
    assert "torch" not in note
