"""Imported predictions for some of the test images, beside rows that answer all of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.data.tasks import make_task
from bench.report import FORMATS
from bench.report.verdict import verdict_text
from tests.bench.report.runs import (
    BOTH,
    CHANCE,
    LABELS,
    M1,
    MASS,
    NODULE,
    NONE,
    ONE_WRONG,
    VALIDATION,
    VALIDATION_LABELS,
    Case,
    Runs,
    imported,
)
from tests.bench.report.test_per_finding import LABELS_ANSWERED

# Every finding of theirs is in the test part: Mass three times, Nodule twice.
COMPLETE = Case(
    task=make_task("findings14", ("Mass", "Nodule")),
    findings=(NONE, MASS, NODULE, BOTH, NONE, MASS, NODULE, BOTH, MASS, NONE),
)


def add_labels(runs: Runs, case: Case, rows: list[int], name: str = "theirs") -> None:
    """A network that answers everything, and predictions for some test images alone."""
    findings = len(case.task.classes)
    validation, test = VALIDATION_LABELS[:, :findings], LABELS_ANSWERED[:, :findings]
    if not runs.store.runs():
        answers = {"validation": validation, "test": test[::-1]}
        runs.add_answers(case, "cxnet_m1", answers, loss="sin")
    chosen = np.array(rows)
    runs.add_answers(
        case,
        name,
        {"validation": validation, "test": test[chosen - 4]},
        imported=imported(test=len(rows)),
        parts={"validation": np.arange(4), "test": chosen},
    )


def add_two_classes(runs: Runs) -> None:
    """The reference, the prior, and predictions for the four easy images, all of them right."""
    runs.add("cxnet_m1", ONE_WRONG, loss="sin")
    runs.add("prior", CHANCE)
    p = {"validation": np.array(VALIDATION), "test": np.array([0.1, 0.1, 0.9, 0.9])}
    runs.add_answers(
        M1,
        "theirs",
        {part: np.column_stack([1 - values, values]) for part, values in p.items()},
        imported=imported(test=4),
        parts={"validation": np.arange(4), "test": np.array([4, 5, 8, 9])},
    )


@pytest.mark.parametrize("name", FORMATS)
def test_findings_that_only_the_part_lacks_break_no_format(runs: Runs, name: str) -> None:
    add_labels(runs, COMPLETE, [4, 5, 9])
    assert "theirs" in runs.text(name)


def test_macro_averages_say_of_each_row_what_they_are_over(runs: Runs) -> None:
    # Theirs are without Nodule; all images of the last have Mass.
    add_labels(runs, LABELS, [4, 5, 9])
    add_labels(runs, LABELS, [5, 7, 8], name="others")
    others, theirs = (f"imported: {name} (3 of 6 images)" for name in ("others", "theirs"))
    assert set(runs.section("Over all findings").notes) >= {
        "Macro averages are over 2 of 3 findings: no test image has Hernia.",
        f"Macro averages of {others} are over 2 of 3 findings: no test image that it answers has "
        "Hernia.",
        f"The macro AUC of {others} is over 1 of 3 findings: those that some test images that it "
        "answers have and others lack.",
        f"Macro averages of {theirs} are over 1 of 3 findings: no test image that it answers has "
        "Nodule or Hernia.",
    }
    assert f"{others} and {theirs} answer some of them.\n" in runs.notes("AUC of each finding")


def test_a_finding_is_supported_by_the_images_that_the_row_answers(runs: Runs) -> None:
    add_labels(runs, COMPLETE, [4, 5, 9])
    frame = runs.csv().set_index(["model", "finding"])["support"]
    assert frame["cxnet_m1"].to_dict() == {"": "", "Mass": "3", "Nodule": "2"}
    assert frame["theirs"].to_dict() == {"": "", "Mass": "1", "Nodule": "0"}


@pytest.mark.usefixtures("nothing_drawn")
def test_a_row_of_a_part_is_named_so_and_is_neither_bold_nor_marked(runs: Runs) -> None:
    add_two_classes(runs)
    name = "imported: theirs (4 of 6 images)"
    # The images of a class are all of one patient, so that there is no interval.
    assert runs.row(name)["AUC"] == "1.000"
    assert runs.row("cxnet_m1")["AUC"].startswith("**0.889** (")
    assert runs.row(name, "Calibration")["Brier"].startswith("0.010 (")
    assert runs.row("cxnet_m1", "Calibration")["Brier"].startswith("**0.127** (")
    assert "**(… of … images)**: the row answers these images alone." in runs.markdown()
    for format_name in ("html", "latex"):
        assert "theirs (4 of 6 images)" in runs.text(format_name)


def test_a_useless_row_of_a_part_is_not_held_against_controls_of_the_whole(runs: Runs) -> None:
    runs.add("prior", CHANCE)
    half = {"validation": np.full((4, 2), 0.5), "test": np.full((4, 2), 0.5)}
    parts = {"validation": np.arange(4), "test": np.array([4, 5, 8, 9])}
    runs.add_answers(M1, "theirs", half, imported=imported(test=4), parts=parts)
    assert "†" not in runs.markdown()


def test_programs_learn_how_much_a_row_answers(runs: Runs) -> None:
    add_two_classes(runs)
    (table,) = json.loads(runs.text("json"))["tables"]
    answered = {row["model"]: row["answered"] for row in table["rows"]}
    assert answered == {"theirs": [4, 6], "cxnet_m1": None, "prior": None}
    frame = runs.csv().set_index("model")
    assert frame["answered_images"].to_dict() == {"theirs": 4, "cxnet_m1": 6, "prior": 6}
    assert set(frame["test_images"]) == {6}
    assert frame["below_controls"].to_dict() == {"theirs": "", "cxnet_m1": "True", "prior": ""}


def test_what_answers_a_part_alone_is_never_taken(runs: Runs) -> None:
    runs.add("prior", CHANCE)
    half = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    parts = {"validation": np.arange(4), "test": np.array([4, 5, 8, 9])}
    answers = {"validation": half, "test": half}
    runs.add_answers(M1, "theirs", answers, imported=imported(test=4), parts=parts)
    (table,) = runs.tables()
    assert verdict_text(table).verdict == "No network has finished."
    runs.add("cxnet_m1", CHANCE, loss="sin")
    (table,) = runs.tables()
    assert verdict_text(table).verdict == 'No network is shown to be above the control "prior".'
