"""Tables of the tasks that name findings: averages, each finding by itself, what has no figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.report.notes import notes
from bench.runs.records import Outcome
from tests.bench.report.runs import (
    BOTH,
    CLASSES,
    LABELS,
    MASS,
    PERFECT,
    VALIDATION_CLASSES,
    VALIDATION_LABELS,
    Case,
    Runs,
)

# Test images are: nothing, Mass, Nodule, both, Mass, nothing. At the thresholds of 0.5 the fifth's
# Mass is missed and the third's Nodule; on the last Mass is called wrongly.
LABELS_ANSWERED = np.array(
    [
        [0.1, 0.1, 0.1],
        [0.9, 0.1, 0.1],
        [0.1, 0.4, 0.1],
        [0.9, 0.9, 0.1],
        [0.2, 0.1, 0.1],
        [0.6, 0.1, 0.1],
    ]
)
# Test images are three of Mass, then three of Nodule. The second and the last are answered wrongly.
CLASSES_ANSWERED = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.1, 0.8, 0.1],
        [0.8, 0.1, 0.1],
        [0.1, 0.8, 0.1],
        [0.1, 0.8, 0.1],
        [0.1, 0.3, 0.6],
    ]
)
OVERALL = "Over all findings"
CONSTANT = {"validation": np.full((4, 3), 0.5), "test": np.full((6, 3), 0.5)}


def add_labels(runs: Runs, model: str, test: np.ndarray = LABELS_ANSWERED, seed: int = 0) -> None:
    answers = {"validation": VALIDATION_LABELS, "test": test}
    runs.add_answers(LABELS, model, answers, seed=seed)


def add_classes(runs: Runs, model: str) -> None:
    answers = {"validation": VALIDATION_CLASSES, "test": CLASSES_ANSWERED}
    runs.add_answers(CLASSES, model, answers)


def test_the_averages_over_labels(runs: Runs) -> None:
    add_labels(runs, "net")
    better = runs.row("net")
    assert better | {"macro AUC": better["macro AUC"].partition(" (")[0]} == {
        "model": "net",
        "loss": "ce",
        "weights": "from scratch",
        "seeds": "1",
        # Mass: 0.9 and 0.9 above all three others, 0.2 above two of them; Nodule: all right.
        "macro AUC": f"{(8 / 9 + 1) / 2:.3f}",
        "parameters": "1,234,567",
        "training time (s)": "61",
        "training images/s": "100",
        "inference images/s": "800",
    }
    plain = {head: cell.partition(" (")[0] for head, cell in runs.row("net", OVERALL).items()}
    assert plain == {
        "model": "net",
        "loss": "ce",
        "weights": "from scratch",
        # Of 5 * 13 pairs: 0.2 and 0.4 are below 0.6, all else is in order.
        "micro AUC": f"{63 / 65:.3f}",
        "macro AP": f"{((2 / 3 * 1 + 1 / 3 * 3 / 4) + 1) / 2:.3f}",
        "macro sensitivity": f"{(2 / 3 + 1 / 2) / 2:.3f}",
        "macro F1": f"{(2 / 3 + 2 / 3) / 2:.3f}",
        "micro F1": f"{2 * 3 / (2 * 3 + 1 + 2):.3f}",
        "exact match": "0.500",
        # Of Mass 0.090; that of Nodule is less than chance would give, and counts as it is.
        "macro ECE": "0.033",
    }
    # Both images with a nodule are of one patient: its variance is that expected of its AUC. Of
    # three with a mass two have one score, which adds to the variance.
    assert runs.row("net")["macro AUC"].endswith(" (0.441–1.000)")


def test_the_averages_over_classes(runs: Runs) -> None:
    add_classes(runs, "net")
    row = {head: cell.partition(" (")[0] for head, cell in runs.row("net", OVERALL).items()}
    assert [*row][3:] == [
        *("micro AUC", "macro AP", "macro sensitivity", "macro F1", "accuracy", "macro ECE"),
    ]
    assert row["accuracy"] == row["macro sensitivity"] == f"{4 / 6:.3f}"
    # Mass: 2 of 3 above all; the other ties all. Nodule: 2 of 3 above two and level with one;
    # the other above two.
    mass, nodule = (3 + 3 + 1.5) / 9, (2.5 + 2.5 + 2) / 9
    assert runs.row("net")["macro AUC"].startswith(f"{(mass + nodule) / 2:.3f} (")
    assert row["macro F1"] == f"{(4 / 5 + 4 / 6) / 2:.3f}"


def test_each_finding_has_its_figures_beside_the_number_of_its_images(runs: Runs) -> None:
    add_labels(runs, "net")
    runs.add_answers(LABELS, "prior", CONSTANT)
    head = ["model", "loss", "weights", "Mass (3)", "Nodule (2)", "Hernia (0)"]
    net, prior = ["net", "ce", "from scratch"], ["control: prior", "–", "–"]
    assert runs.grid("AUC of each finding") == [
        head,
        [*net, "**0.889**", "**1.000**", "n/a"],
        [*prior, "0.500", "0.500", "n/a"],
    ]
    assert runs.grid("AP of each finding") == [
        head,
        [*net, f"**{11 / 12:.3f}**", "**1.000**", "n/a"],
        [*prior, "0.500", "0.333", "n/a"],
    ]
    # Everything called gives the best sensitivity, so that it has no bold.
    assert runs.grid("Sensitivity of each finding") == [
        head,
        [*net, "0.667", "0.500", "n/a"],
        [*prior, "1.000", "1.000", "n/a"],
    ]


def test_the_sensitivity_to_a_class_is_that_of_the_most_probable_one(runs: Runs) -> None:
    add_classes(runs, "net")
    assert runs.grid("Sensitivity of each finding")[1][3:] == ["0.667", "0.667", "n/a"]
    text = runs.markdown()
    assert "the answer is the most probable finding" in text
    assert "threshold" not in text


def test_figures_of_a_finding_are_averaged_over_seeds(runs: Runs) -> None:
    add_labels(runs, "net")
    add_labels(runs, "net", VALIDATION_LABELS[[0, 1, 2, 3, 1, 0]], seed=1)
    deviation = np.std([8 / 9, 1.0], ddof=1)
    assert runs.grid("AUC")[1][3:] == [
        f"{(8 / 9 + 1) / 2:.3f} ± {deviation:.3f}",
        "1.000 ± 0.000",
        "n/a",
    ]


def test_a_network_is_marked_by_its_macro_auc(runs: Runs) -> None:
    add_labels(runs, "good")
    runs.add_answers(LABELS, "bad", CONSTANT)
    runs.add_answers(LABELS, "prior", CONSTANT)
    assert runs.row("bad")["macro AUC"] == "0.500 (0.500–0.500) †"
    assert runs.row("good")["macro AUC"].startswith("**0.944** (")
    assert "† not shown to be above the best control (prior, macro AUC 0.500)" in runs.markdown()


def test_the_legend_says_what_macro_averages_are_over(runs: Runs) -> None:
    add_labels(runs, "net")
    assert runs.section(OVERALL).notes[:2] == [
        "No validation image has Hernia: its threshold is above all validation probabilities, and "
        "hardly any image is called so.",
        "Macro averages are over 2 of 3 findings: no test image has Hernia.",
    ]
    # Whoever all have cannot be told from those without.
    everyone = replace(LABELS, findings=(*LABELS.findings[:4], MASS, MASS, BOTH, BOTH, MASS, MASS))
    runs.add_answers(everyone, "all", {"validation": VALIDATION_LABELS, "test": LABELS_ANSWERED})
    (table,) = (table for table in runs.tables() if table.rows[0].model == "all")
    assert notes(table, "averages")[1:3] == [
        "Macro averages are over 2 of 3 findings: no test image has Hernia.",
        "The macro AUC is over 1 of 3 findings: those that some test images have and others lack.",
    ]


def test_findings_that_all_occur_are_not_counted(runs: Runs) -> None:
    hernia = ("Hernia",)
    case = replace(CLASSES, findings=(*CLASSES.findings[:8], hernia, hernia))
    answers = {"validation": VALIDATION_CLASSES, "test": CLASSES_ANSWERED}
    runs.add_answers(case, "net", answers)
    assert "Macro averages" not in runs.markdown()


def test_csv_has_a_row_for_each_finding(runs: Runs) -> None:
    add_labels(runs, "net")
    add_classes(runs, "net")
    runs.add("net", PERFECT)
    frame = runs.csv()
    assert frame[["task", "finding", "support"]].to_numpy().tolist() == [
        ["m1", "", ""],
        ["m4", "", ""],
        ["m4", "Mass", "3"],
        ["m4", "Nodule", "3"],
        ["m4", "Hernia", "0"],
        ["findings14", "", ""],
        ["findings14", "Mass", "3"],
        ["findings14", "Nodule", "2"],
        ["findings14", "Hernia", "0"],
    ]
    two, whole, mass, hernia = (frame.iloc[row] for row in (0, 5, 6, 8))
    assert (two["auc"], two["macro_auc"]) == ("1.0", "")
    assert (whole["auc"], whole["threshold"]) == ("", "")
    assert float(whole["macro_auc"]) == (8 / 9 + 1) / 2
    assert float(whole["micro_recall"]) == 3 / 5
    assert whole["macro_auc_findings"] == "2"
    assert (float(mass["auc"]), mass["threshold"]) == (8 / 9, "0.5")
    assert (mass["macro_auc"], mass["parameters"]) == ("", "")
    # Called on no test image; there is nothing to be right about.
    assert hernia["threshold"] == "0.6"
    figures = [name.removesuffix("_sd") for name in frame.columns if name.endswith("_sd")]
    assert set(hernia[figures].drop("threshold")) == {""}


@pytest.mark.parametrize("case", [LABELS, CLASSES], ids=lambda case: case.task.name)
def test_a_table_of_failures_alone_can_be_printed(runs: Runs, case: Case) -> None:
    runs.add_answers(case, "broken", None, outcome=Outcome(state="failed", reason="boom"))
    assert "- broken ce, seed 0, failed: boom" in runs.markdown()
    assert "% broken ce, seed 0, failed: boom" in runs.text("latex")
    assert runs.csv()["state"].tolist() == ["failed"]
