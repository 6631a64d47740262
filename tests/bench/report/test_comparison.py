"""Each row against the reference: which row that is, what is said, and of what."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.evaluate.comparison import Comparison, Verdict
from bench.evaluate.estimate import Interval
from bench.evaluate.results import Reference, Results, Table
from bench.report.notes import glossary, notes
from bench.report.sections import sections
from bench.runs.records import Outcome
from tests.bench.report.runs import (
    CHANCE,
    COMPARISON,
    LABELS,
    M1,
    ONE_WRONG,
    PERFECT,
    Runs,
    data,
    imported,
    shown,
)
from tests.bench.report.test_per_finding import LABELS_ANSWERED
from tests.bench.report.test_tuned import tune

NET = Reference(model="net", loss="ce")


def compared(
    runs: Runs,
    verdict: Verdict,
    *,
    p: float = 0.01,
    seeds: tuple[int, int] = (1, 1),
    **changes: Any,
) -> Table:
    """A table of the reference and another network, of which a comparison says what is given."""
    for model, count in zip(("net", "other"), seeds, strict=True):
        for seed in range(count):
            runs.add(model, ONE_WRONG, seed=seed)
    (table,) = runs.tables(reference=NET)
    given: dict[str, Any] = {
        "difference": Interval(value=0.0123, low=0.0011, high=0.0244),
        "p": p,
        "p_holm": p,
        "margin": 0.01,
        "p_equivalent": 0.4,
        "p_not_worse": 0.2,
        "verdict": verdict,
        "smallest": 0.02,
        "images": 6,
    }
    comparison = Comparison(**given | changes)
    rows = [
        replace(row, comparison=comparison) if row.model == "other" else row for row in table.rows
    ]
    return replace(table, rows=tuple(rows))


def cells(table: Table) -> list[str]:
    """Difference, p and verdict of the other network."""
    columns = {column.key: column for column in sections(table)[0].columns}
    (position,) = [position for position, row in enumerate(table.rows) if row.model == "other"]
    return [shown(columns[key].cells[position]) for key in ("difference", "p", "verdict")]


def test_the_reference_is_marked_and_others_are_held_against_it(runs: Runs) -> None:
    runs.add("net", ONE_WRONG)
    runs.add("other", PERFECT)
    runs.add("broken", outcome=Outcome(state="failed", reason="boom"))
    shown = {
        model: [runs.row(model, reference=NET)[head] for head in ("difference", "p", "verdict")]
        for model in ("net", "other", "broken")
    }
    assert shown["net"] == ["reference", "–", "–"]
    # Two patients of a class say next to nothing.
    assert shown["other"][0] == "+0.111 (-0.950 to +1.000)"
    assert shown["other"][2] == "cannot tell"
    assert shown["broken"] == ["n/a"] * 3
    assert runs.section(COMPARISON, reference=NET).notes[0] == "Reference: net ce."


def test_a_reference_that_is_not_there_is_named_with_the_way_out(runs: Runs) -> None:
    runs.add("net", ONE_WRONG)
    runs.add("prior", CHANCE)
    assert runs.row("net")["difference"] == "reference"
    note = runs.notes()
    assert note.startswith(
        "The reference cxnet_m1 sin has not finished here. net ce stands in, the first network"
    )
    assert "--reference MODEL[:LOSS]." in note
    assert "cxnet_m1" not in runs.notes(reference=Reference(model="prior", loss=""))


def test_of_several_rows_the_tuned_one_is_the_reference(runs: Runs) -> None:
    runs.add("net", ONE_WRONG, settings={"train": {"lr": 0.1}})
    tuned = runs.add("net", CHANCE, settings={"train": {"lr": 0.2}})
    tune(runs, "net", runs_=[tuned], searched={"train.lr": "0 to 1"})
    assert (
        runs.section(COMPARISON, reference=NET)
        .notes[0]
        .startswith("Reference: net ce (tuned). It is one of 2 rows of this name")
    )
    differences = {row[2]: row[6] for row in runs.grid(COMPARISON, reference=NET)[1:]}
    assert differences["tuned"] == "reference"


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("differs", "differs (one run)"),
        ("cannot tell", "cannot tell"),
    ],
)
def test_a_verdict_of_single_runs_says_so(runs: Runs, verdict: Verdict, text: str) -> None:
    table = compared(runs, verdict)
    assert cells(table) == ["+0.012 (+0.001 to +0.024)", "0.010", text]
    explained = any(term == "differs (one run)" for term, _ in glossary(Results(tables=(table,))))
    assert explained == text.endswith("(one run)")


def test_what_could_have_been_shown_is_said_as_a_range(runs: Runs) -> None:
    table = compared(runs, "better")
    (row,) = [row for row in table.rows if row.comparison is not None]
    sentence = "Smallest true difference shown with a probability of 80 %:"
    assert f"{sentence} 0.020." in notes(table, "comparison")
    assert row.comparison is not None
    more = replace(row, comparison=replace(row.comparison, smallest=0.0456))
    wider = replace(table, rows=(*table.rows, more))
    assert any(
        line.startswith(f"{sentence} 0.020 to 0.046, ") for line in notes(wider, "comparison")
    )
    assert "p is corrected for 2 comparisons (Holm)." in notes(wider, "comparison")
    hidden = notes(replace(table, hidden=1), "comparison")
    assert "p is corrected for all comparisons, those of hidden rows among them (Holm)." in hidden
    assert hidden[0].startswith("1 row is hidden by the filters.")


def test_why_nothing_was_compared_is_said(runs: Runs) -> None:
    nothing = Interval(value=math.nan, reason="they have no image in common")
    table = compared(runs, "n/a", p=math.nan, difference=nothing, smallest=math.nan, images=0)
    assert cells(table) == ["n/a", "n/a", "n/a"]
    sentence = "No interval of the difference for other ce: they have no image in common."
    assert sentence in notes(table, "comparison")


def test_imported_predictions_say_what_they_answer(runs: Runs) -> None:
    runs.add("net", ONE_WRONG)
    record = imported(validation=0, test=5, combine="max")
    answers = np.column_stack([1 - np.array(PERFECT), PERFECT])[1:]
    parts = {"test": np.arange(5, 10)}
    runs.add_answers(M1, "theirs", {"test": answers}, imported=record, parts=parts)
    row = runs.row("imported: theirs (5 of 6 images)", reference=NET)
    assert (row["loss"], row["weights"], row["seeds"]) == ("–", "–", "–")
    assert row["AUC"].startswith("1.000 (")
    text = runs.markdown(reference=NET)
    assert (
        "- imported: theirs: predictions of others (theirs.csv, sha256 dddddddddddddddd, of its "
        "findings the most probable) for 5 of 6 test images and 0 of 4 validation images. Its "
        "figures are of these, and rows are compared on the images that both have. Without "
        "validation images it has no threshold and no temperature. "
    ) in text
    assert "theirs and the reference are compared on the 5 images that both answer." not in text
    threshold = runs.row("imported: theirs (5 of 6 images)", "At the threshold")
    assert threshold["accuracy"] == "n/a"
    assert (
        "No value of accuracy, sensitivity, specificity, precision and F1 (imported: theirs (5 of "
        "6 images)): there are no predictions for the validation part.\n"
    ) in text


def test_imported_predictions_alone_need_no_pixels_and_no_validation_part(runs: Runs) -> None:
    test = {"test": data(LABELS).parts["test"]}
    about = data(LABELS, image_size=None, identical_images=None, leakage=[], parts=test)
    record = imported(images={"test": 6}, of={"test": 6})
    runs.add_answers(
        LABELS,
        "theirs",
        {"test": LABELS_ANSWERED},
        about=about,
        imported=record,
        parts={"test": np.arange(4, 10)},
    )
    text = runs.markdown()
    assert text.startswith("## nih (here), split image, task findings14 (")
    assert "(theirs.csv, sha256 dddddddddddddddd) for 6 of 6 test images. Without" in text
    assert "whole set" not in text
    assert "No validation image has" not in text
    assert runs.row("imported: theirs", "Over all findings")["exact match"] == "n/a"
    for name in ("latex", "csv", "json"):
        assert "theirs" in runs.text(name)


def test_rows_on_fewer_images_are_named_beside_the_others(runs: Runs) -> None:
    table = compared(runs, "better")
    (row,) = [row for row in table.rows if row.comparison is not None]
    assert row.comparison is not None
    fewer = replace(row, model="theirs", loss="", kind="imported")
    fewer = replace(fewer, comparison=replace(row.comparison, images=5))
    text = notes(replace(table, rows=(*table.rows, fewer)), "comparison")
    assert (
        "imported: theirs and the reference are compared on the 5 images that both answer." in text
    )


def test_a_temperature_that_nothing_fits_is_explained(runs: Runs) -> None:
    # All validation images are called rightly: ever smaller temperatures fit better.
    runs.add("cxnet_m1", ONE_WRONG, loss="sin")
    row = runs.row("cxnet_m1", "Calibration")
    assert (row["temperature"], row["Brier, scaled"], row["ECE, scaled"]) == ("n/a",) * 3
    assert (
        "No value of temperature, Brier, scaled and ECE, scaled: no temperature fits the "
        "validation part best.\n"
    ) in runs.notes("Calibration")


def test_a_row_that_varies_more_over_seeds_is_named(runs: Runs) -> None:
    for seed in (0, 1, 2):
        for model in ("net", "other"):
            runs.add(model, ONE_WRONG, seed=seed)
    (table,) = runs.tables(reference=NET)
    assert "Seeds share one variance (df 4)." in notes(table, "comparison")
    rows = [
        replace(row, spread=replace(row.spread, own=True)) if row.model == "other" else row
        for row in table.rows
    ]
    varied = notes(replace(table, rows=tuple(rows)), "comparison")
    assert "Seeds share one variance (df 4), but for a larger one of other ce." in varied
