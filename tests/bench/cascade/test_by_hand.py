"""The cascade's arithmetic against figures worked out by hand (see ``by_hand``)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.cascade import as_json, markdown, write_answers
from bench.runs.records import Outcome
from tests.bench.cascade.by_hand import FINDINGS, M1, TEST, add_by_hand
from tests.bench.cascade.stage_runs import StageRuns


def pipe_table(text: str, place: int) -> dict[str, list[str]]:
    """One of the tables of a text: its lines' cells by what stands first in them."""
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    lines = [line.strip("|").split("|") for line in blocks[place].splitlines()[2:]]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_every_figure_of_the_table(runs: StageRuns) -> None:
    add_by_hand(runs)
    assert pipe_table(markdown(runs.collected()), 0) == {
        # Of findings named: E 4 of 6 right and 4 of 5 found; M 4 of 4, 4 of 5; N 1 of 3, 1 of 2.
        "cascade": [
            *("net", "ce", "from scratch", "1", "0.400", "0.500"),
            *("0.667", "0.700", "0.672", "0.720", "0.871", "20.0", "20.0", "20.0"),
        ],
        # E 5 of 5 right and 5 of 5 found; M 4 of 4, 4 of 5; N 2 of 3, 2 of 2.
        "flat": [
            *("net", "ce", "from scratch", "1", "0.800", "0.500"),
            *("0.889", "0.933", "0.896", "0.917", "1.000", "–", "–", "–"),
        ],
        "always normal": [
            *("–", "–", "–", "–", "0.200", "1.000"),
            *("n/a", "0.000", "0.000", "0.000", "–", "–", "–", "–"),
        ],
    }


def test_every_figure_of_every_finding(runs: StageRuns) -> None:
    add_by_hand(runs)
    assert pipe_table(markdown(runs.collected()), 1) == {
        # Soft scores of Nodule: 0.378 and 0.234 with it; 0.01, 0.07, 0.09, 0.03, 0.09, 0.29, 0.09
        # and 0.522 without: 13 of 16 pairs are in order. Edema has 23 of 25, Mass 22 of 25.
        "Edema": ["5", "0.667", "0.800", "0.727", "0.920", "1.000", "1.000", "1.000", "1.000"],
        "Mass": ["5", "1.000", "0.800", "0.889", "0.880", "1.000", "0.800", "0.889", "1.000"],
        "Nodule": ["2", "0.333", "0.500", "0.400", "0.812", "0.667", "1.000", "0.800", "1.000"],
        "Hernia": ["0", *["n/a"] * 8],
    }


def test_the_route_of_every_image(runs: StageRuns, tmp_path: Path) -> None:
    add_by_hand(runs)
    write_answers(runs.collected(), tmp_path / "new" / "answers.csv")
    frame = pd.read_csv(tmp_path / "new" / "answers.csv", dtype=str, keep_default_na=False)
    columns = ["image", "patient", "truth", "route", "answer", "first_wrong"]
    assert frame[columns].to_numpy().tolist() == [
        ["t0", "t0", "", "normal", "", ""],
        ["t1", "t1", "", "one", "Edema", "m1"],
        ["t2", "t2", "Edema", "one", "Edema", ""],
        ["t3", "t3", "Edema", "normal", "", "m1"],
        ["t4", "t4", "Mass", "several", "Edema|Mass", "m2"],
        ["t5", "t5", "Mass", "one", "Nodule", "leaf"],
        ["t6", "t6", "Edema|Mass", "several", "Edema|Mass", ""],
        ["t7", "t7", "Mass|Nodule", "one", "Mass", "m2"],
        ["t8", "t8", "Edema|Nodule", "several", "Edema|Nodule", ""],
        ["t9", "t9", "Edema|Mass", "several", "Edema|Mass|Nodule", "leaf"],
    ]
    assert set(frame["model"] + " " + frame["loss"] + " " + frame["seed"]) == {"net ce 0"}
    soft = frame.set_index("image")[[f"soft_{finding}" for finding in FINDINGS]].astype(float)
    assert soft.loc["t0"].tolist() == pytest.approx([0.04, 0.01, 0.01, 0.01])
    assert soft.loc["t5"].tolist() == pytest.approx([0.05, 0.05, 0.29, 0.05])
    assert soft.loc["t9"].tolist() == pytest.approx([0.774, 0.45, 0.522, 0.09])


def test_what_was_checked_is_said_and_recorded(runs: StageRuns) -> None:
    add_by_hand(runs)
    collected = runs.collected()
    lines = markdown(collected).splitlines()
    assert (
        "- checked by the split's file: none of the 10 test images and none of the 5 validation "
        "images is in the training part, from which every stage learns; patients shared by "
        "training and test: 1 (1 test image); identical copies: unknown"
    ) in lines
    assert "- training images: m1 2, m2 1, m3 0, m4 1, findings14 2" in lines
    (table,) = as_json(collected)["tables"]
    assert table["separation"] == {
        "train": 2,
        "validation": 5,
        "test": 10,
        "judged_images_in_training": 0,
        "shared_patients": 1,
        "images_of_shared_patients": 1,
        "unknown_patients": 0,
    }
    assert table["test_images_by_finding"] == {"Edema": 5, "Mass": 5, "Nodule": 2, "Hernia": 0}
    cascade, flat, always_normal = table["rows"]
    assert cascade["overall"]["exact_match"] == {"mean": 0.4, "sd": None}
    assert cascade["findings"]["auc"]["Hernia"] == {"mean": None, "sd": None}
    assert cascade["training_images"] == {"m1": 2, "m2": 1, "m3": 0, "m4": 1}
    assert flat["overall"]["micro_f1"]["mean"] == pytest.approx(22 / 24)
    assert always_normal["overall"]["lost_m1"] == {"mean": None, "sd": None}


def test_without_the_flat_network_the_truth_is_that_of_the_stages(runs: StageRuns) -> None:
    add_by_hand(runs)
    with_flat = runs.collected().tables[0].truth
    other = StageRuns(
        runs.store.root / "other", rows=runs.rows, split=runs.split, findings=FINDINGS
    )
    add_by_hand(other, but=("findings14",))
    collected = other.collected()
    without = collected.tables[0].truth
    assert (without.images == with_flat.images).all()
    assert (without.patients == with_flat.patients).all()
    assert (without.labels == with_flat.labels).all()
    text = markdown(collected)
    assert pipe_table(text, 0)["flat"][3:5] == ["0 (1 missing)", "n/a"]
    assert "- no flat of net ce, seed 0: findings14 has no run that ended" in text
    assert collected.tables[0].incomplete


def test_seeds_are_averaged_and_one_without_all_stages_stays_with_its_reason(
    runs: StageRuns,
) -> None:
    add_by_hand(runs)
    # Everything normal: two of ten right, the rest lost at m1.
    blind = M1.copy()
    blind[TEST] = 0.1
    runs.add("m1", blind, seed=1)
    add_by_hand(runs, but=("m1", "findings14"), seed=1)
    runs.add("findings14", seed=1, outcome=Outcome(state="failed", reason="out\nof memory"))
    add_by_hand(runs, but=("m2", "m4"), seed=2)
    collected = runs.collected()
    text = markdown(collected)
    table = pipe_table(text, 0)
    assert table["cascade"][3:5] == ["2 (1 missing)", "0.300 ± 0.141"]
    assert table["cascade"][-3:] == ["50.0 ± 42.4", "10.0 ± 14.1", "10.0 ± 14.1"]
    # Seed 1 named no finding, so that its precision is undefined.
    assert table["cascade"][6] == "n/a"
    assert table["flat"][3:5] == ["2 (1 missing)", "0.800 ± 0.000"]
    assert "- no flat of net ce, seed 1: findings14 failed (out of memory)" in text
    assert (
        "- no cascade of net ce, seed 2: m2 has no run that ended, m4 has no run that ended" in text
    )
    assert collected.tables[0].incomplete


def test_a_control_is_a_cascade_too_and_one_that_cannot_be_had_is_no_fault(
    runs: StageRuns,
) -> None:
    add_by_hand(runs)
    add_by_hand(runs, model="prior")
    for task in ("m1", "m2", "m3", "m4", "findings14"):
        outcome = Outcome(state="unavailable", reason="no patient ids")
        runs.add(task, model="same_patient", outcome=outcome)
    collected = runs.collected()
    text = markdown(collected)
    lines = [line for line in text.splitlines() if "| control: " in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:6] for row in cells] == [
        ["cascade", "control: prior", "–", "–", "–", "0.400"],
        ["flat", "control: prior", "–", "–", "–", "0.800"],
        ["cascade", "control: same_patient", "–", "–", "n/a", "n/a"],
        ["flat", "control: same_patient", "–", "–", "n/a", "n/a"],
    ]
    assert "m1 is not available (no patient ids)" in text
    assert not collected.tables[0].incomplete
    # Only networks are shown by finding.
    assert text.count("\n### ") == 1


def test_settings_tell_two_cascades_of_one_model_apart(runs: StageRuns) -> None:
    for lr in (0.1, 0.2):
        add_by_hand(runs, settings={"train": {"lr": lr}, "model": {"pretrained": False}})
    (table,) = runs.collected().tables
    assert [(pair.cascade.settings, pair.flat.settings) for pair in table.pairs] == [
        ("train.lr=0.1", "train.lr=0.1"),
        ("train.lr=0.2", "train.lr=0.2"),
    ]
    assert "| settings " in markdown(runs.collected())
