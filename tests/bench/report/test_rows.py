"""Rows and their figures: what is averaged, sorted, marked and refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.errors import InputError
from bench.evaluate.collect import collect
from bench.runs.records import Outcome
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs

WRONG = [0.9, 0.9, 0.9, 0.1, 0.1, 0.1]


def test_rows_are_sorted_by_auc_and_failed_ones_stay(runs: Runs) -> None:
    runs.add("bad", CHANCE)
    runs.add("broken", outcome=Outcome(state="failed", reason="OutOfMemoryError: 2 GiB"))
    runs.add("good", PERFECT)
    runs.add("metadata", outcome=Outcome(state="unavailable", reason="no age, sex or view"))
    runs.add("middling", ONE_WRONG)
    (table,) = runs.tables()
    assert [row.model for row in table.rows] == ["good", "middling", "bad", "broken", "metadata"]
    text = runs.markdown()
    assert "- broken ce, seed 0, failed: OutOfMemoryError: 2 GiB" in text
    assert "- control metadata is not available: no age, sex or view" in text
    broken, metadata = runs.row("broken"), runs.row("control: metadata")
    assert (broken["seeds"], broken["AUC"]) == ("0 (1 failed)", "n/a")
    assert (metadata["seeds"], metadata["AUC"]) == ("n/a", "n/a")
    assert set([*runs.row("broken", "At the threshold").values()][3:]) == {"n/a"}


def test_the_figures_of_a_row(runs: Runs) -> None:
    runs.add("middling", ONE_WRONG)
    runs.add("prior", CHANCE)
    # Three patients are drawn: the one with an image of each class alone gives an AUC of 0, both
    # others one of 1, and each of these is likelier than what an interval leaves out.
    assert runs.row("middling") == {
        "model": "middling",
        "loss": "ce",
        "weights": "from scratch",
        "seeds": "1",
        "AUC": "**0.889** (0.000–1.000) †",
        "difference": "reference",
        "p": "–",
        "verdict": "–",
        "parameters": "1,234,567",
        "training time (s)": "61",
        "training images/s": "100",
        "inference images/s": "800",
    }
    assert runs.row("middling", "At the threshold") == {
        "model": "middling",
        "loss": "ce",
        "weights": "from scratch",
        "accuracy": "**0.667** (0.000–1.000)",
        "sensitivity": "0.667 (0.000–1.000)",
        "specificity": "0.667 (0.000–1.000)",
        "precision": "0.667 (0.000–1.000)",
        # The prior calls everything abnormal, which gives an F1 of 2*3 / (2*3 + 3) = 0.667 too.
        "F1": "0.667 (0.000–1.000)",
    }
    points = runs.row("middling", "Operating points")
    # At least Wilson's limits of 0.917 in as many patients as the three positives count for.
    assert points["AP"] == "**0.917** (0.269–1.000)"
    # The only threshold below which 90 % of three normal images are is above all of them.
    assert points["sensitivity at 90 % specificity"] == "**0.667** (0.000–1.000)"
    assert points["number needed to read at 90 %"] == "1.00 (1.00–1.00)"
    calibration = runs.row("middling", "Calibration")
    assert calibration["Brier"].startswith("**0.127** (")
    # Bins of equal mass with ties together: |0.1 - 0|, |0.4 - 1|, |0.6 - 0|, |0.9 - 1| are 0.267
    # together. A calibrated network would have nearly as much.
    assert calibration["ECE"].startswith("0.010 (0.000–")
    # Of six labels three are positive, and the probabilities sum to three.
    assert calibration["intercept"].startswith("0.00 (-")


def test_seeds_become_mean_and_sample_deviation(runs: Runs) -> None:
    for seed, test in enumerate((PERFECT, ONE_WRONG, ONE_WRONG)):
        runs.add("net", test, seed=seed)
    aucs = [1.0, 8 / 9, 8 / 9]
    row = runs.row("net")
    assert (row["seeds"], row["training time (s)"]) == ("3", "62")
    assert row["AUC"].startswith(f"{np.mean(aucs):.3f} ± {np.std(aucs, ddof=1):.3f} (")


def test_a_seed_that_failed_is_counted_beside_those_that_did_not(runs: Runs) -> None:
    runs.add("net", PERFECT, seed=0)
    runs.add("net", seed=1, outcome=Outcome(state="failed", reason="boom"))
    row = runs.row("net")
    assert (row["seeds"], row["AUC"]) == ("1 (1 failed)", "1.000 (0.492–1.000)")
    assert "- net ce, seed 1, failed: boom" in runs.markdown()


def test_a_tie_has_no_bold(runs: Runs) -> None:
    runs.add("one", PERFECT)
    runs.add("two", PERFECT)
    runs.add("three", ONE_WRONG)
    for title in ("Comparison", "At the threshold", "Operating points", "Calibration"):
        assert not any(cell.bold for c in runs.section(title).columns for cell in c.cells)


def test_a_network_that_does_not_beat_the_controls_is_marked(runs: Runs) -> None:
    runs.add("lucky", PERFECT)
    runs.add("unlucky", CHANCE)
    runs.add("prior", WRONG)  # three abnormal images show no smaller difference
    (table,) = runs.tables()
    assert {row.model: row.below_controls for row in table.rows} == {
        "lucky": False,
        "unlucky": True,
        "prior": False,
    }
    assert runs.row("unlucky")["AUC"] == "0.500 (0.500–0.500) †"
    assert "† not shown to be above the best control (prior, AUC 0.000)" in runs.markdown()


def test_a_network_is_held_against_the_controls_of_its_share(runs: Runs) -> None:
    def add(model: str, test: list[float], share: float) -> None:
        runs.add(model, test, settings={"data": {"train_share": share}})

    add("net", PERFECT, 0.5)
    add("other", CHANCE, 0.5)
    add("prior", WRONG, 0.5)
    add("net", ONE_WRONG, 1.0)
    add("prior", PERFECT, 1.0)
    add("net", CHANCE, 0.25)
    (table,) = runs.tables()
    marked = {(row.model, row.train_share) for row in table.rows if row.below_controls}
    assert marked == {("other", 0.5), ("net", 1.0)}
    assert (
        "† not shown to be above the best control of the same share of the training part."
        in runs.notes()
    )


def test_times_of_different_devices_are_not_averaged(runs: Runs) -> None:
    runs.add("same", PERFECT, seed=0)
    runs.add("same", PERFECT, seed=1)
    runs.add("two", PERFECT, seed=0)
    runs.add("two", PERFECT, seed=1, environment={"device": "a GPU"})
    out_of_memory = Outcome(state="failed", reason="out of memory")
    runs.add("moved", outcome=out_of_memory, environment={"device": "a GPU"})
    runs.add("moved", PERFECT)  # It goes on where it was, on another device.
    assert [*runs.row("same").values()][-3:] == ["62", "100", "800"]
    assert [*runs.row("two").values()][-3:] == ["mixed", "mixed", "mixed"]
    assert [*runs.row("moved").values()][-3:] == ["mixed", "mixed", "mixed"]
    text = runs.markdown()
    assert "**mixed**: " in text
    assert "; a GPU, 2 threads" in text
    frame = runs.csv()
    frame = frame[frame["kind"] == "network"].set_index("model")  # without ensembles
    assert frame["train_seconds"].to_dict() == {"same": "61.5", "two": "", "moved": ""}
    assert frame.loc["same", "devices"] == "CPU, 2 cores (a processor)"
    assert frame.loc["two", "devices"] == "CPU, 2 cores (a processor); a GPU"


def test_a_seed_that_is_there_twice_is_refused(runs: Runs) -> None:
    runs.add("net", PERFECT)
    (run,) = runs.store.runs()
    copied = replace(run, folder=run.folder.with_name("net-copy"))
    with pytest.raises(InputError) as caught:
        collect([run, copied])
    assert str(caught.value) == (
        f"runs {run.folder.name} and net-copy are the same run (net ce seed 0): "
        "move one of the two folders elsewhere"
    )


def test_nothing_to_report_is_said(runs: Runs) -> None:
    runs.store.root.mkdir(exist_ok=True)
    with pytest.raises(InputError, match="no run has ended here yet"):
        runs.tables()


def test_losses_that_want_other_probabilities_are_named_beside_the_calibration(runs: Runs) -> None:
    runs.add("net", ONE_WRONG, loss="ce")
    assert "scoring rule" not in runs.notes("Calibration")
    for loss in ("sin", "focal", "weighted_ce"):
        runs.add("net", ONE_WRONG, loss=loss)
    notes = runs.notes("Calibration")
    assert "0.694 under focal, 0.815 under sin. " in notes
    assert "weighted_ce answers as if all classes were equally frequent" in notes
