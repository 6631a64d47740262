"""Rows and their figures: what is averaged, sorted, marked and refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.errors import InputError
from bench.report import FORMATS, collect
from bench.runs import Verdict
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs


def test_rows_are_sorted_by_auc_and_failed_ones_stay(runs: Runs) -> None:
    runs.add("bad", CHANCE)
    runs.add("broken", verdict=Verdict(state="failed", reason="OutOfMemoryError: 2 GiB"))
    runs.add("good", PERFECT)
    runs.add("metadata", verdict=Verdict(state="unavailable", reason="no age, sex or view"))
    runs.add("middling", ONE_WRONG)
    (table,) = runs.tables()
    assert [row.model for row in table.rows] == ["good", "middling", "bad", "broken", "metadata"]
    text = FORMATS["markdown"]([table])
    assert "- broken ce, seed 0, failed: OutOfMemoryError: 2 GiB" in text
    assert "- control metadata is not available: no age, sex or view" in text
    assert runs.markdown_row("broken")[4:7] == ["0 (1 failed)", "n/a", "n/a"]
    assert runs.markdown_row("control: metadata")[4:7] == ["n/a", "n/a", "n/a"]


def test_the_figures_of_a_row(runs: Runs) -> None:
    runs.add("middling", ONE_WRONG)
    runs.add("prior", CHANCE)
    head = runs.markdown_row("model")
    row = dict(zip(head, runs.markdown_row("middling"), strict=True))
    assert row == {
        "model": "middling",
        "loss": "ce",
        "weights": "from scratch",
        "parameters": "1,234,567",
        "seeds": "1",
        "AUC": "**0.889**",
        "accuracy": "**0.667**",
        "sensitivity": "0.667",
        "specificity": "0.667",
        "precision": "0.667",
        # The prior calls everything abnormal, which gives an F1 of 2*3 / (2*3 + 3) = 0.667 too.
        "F1": "0.667",
        "AP": "**0.917**",
        "Brier": "**0.127**",
        # Bins of equal mass with ties together: |0.1 - 0|, |0.4 - 1|, |0.6 - 0|, |0.9 - 1|.
        "ECE": f"{(2 * 0.1 + 0.6 + 0.6 + 2 * 0.1) / 6:.3f}",
        "train s": "61",
        "images/s": "100",
    }


def test_seeds_become_mean_and_sample_deviation(runs: Runs) -> None:
    for seed, test in enumerate((PERFECT, ONE_WRONG, ONE_WRONG)):
        runs.add("net", test, seed=seed)
    aucs = [1.0, 8 / 9, 8 / 9]
    row = runs.markdown_row("net")
    assert row[4] == "3"
    assert row[5] == f"{np.mean(aucs):.3f} ± {np.std(aucs, ddof=1):.3f}"
    assert row[14] == "62"


def test_a_seed_that_failed_is_counted_beside_those_that_did_not(runs: Runs) -> None:
    runs.add("net", PERFECT, seed=0)
    runs.add("net", seed=1, verdict=Verdict(state="failed", reason="boom"))
    assert runs.markdown_row("net")[4:6] == ["1 (1 failed)", "1.000"]
    assert "- net ce, seed 1, failed: boom" in FORMATS["markdown"](runs.tables())


def test_a_tie_has_no_bold(runs: Runs) -> None:
    runs.add("one", PERFECT)
    runs.add("two", PERFECT)
    runs.add("three", ONE_WRONG)
    assert "**" not in FORMATS["markdown"](runs.tables())


def test_a_network_that_does_not_beat_the_controls_is_marked(runs: Runs) -> None:
    runs.add("lucky", PERFECT)
    runs.add("unlucky", CHANCE)
    runs.add("prior", CHANCE)
    (table,) = runs.tables()
    assert {row.model: row.below_controls for row in table.rows} == {
        "lucky": False,
        "unlucky": True,
        "prior": False,
    }
    assert runs.markdown_row("unlucky")[5] == "0.500 †"
    assert "† not above the best control (prior, AUC 0.500)" in FORMATS["markdown"]([table])


def test_a_network_is_held_against_the_controls_of_its_share(runs: Runs) -> None:
    def add(model: str, test: list[float], share: float) -> None:
        runs.add(model, test, settings={"data": {"train_share": share}})

    add("net", ONE_WRONG, 0.5)
    add("other", CHANCE, 0.5)
    add("prior", CHANCE, 0.5)
    add("net", ONE_WRONG, 1.0)
    add("prior", PERFECT, 1.0)
    add("net", CHANCE, 0.25)
    (table,) = runs.tables()
    marked = {(row.model, row.train_share) for row in table.rows if row.below_controls}
    assert marked == {("other", 0.5), ("net", 1.0)}
    assert ("† not above the best control of the same share, which sees no lungs.\n") in FORMATS[
        "markdown"
    ]([table])


def test_times_of_different_devices_are_not_averaged(runs: Runs) -> None:
    runs.add("same", PERFECT, seed=0)
    runs.add("same", PERFECT, seed=1)
    runs.add("two", PERFECT, seed=0)
    runs.add("two", PERFECT, seed=1, environment={"device": "a GPU"})
    out_of_memory = Verdict(state="failed", reason="out of memory")
    runs.add("moved", verdict=out_of_memory, environment={"device": "a GPU"})
    runs.add("moved", PERFECT)  # It goes on where it was, on another device.
    assert runs.markdown_row("same")[-2:] == ["62", "100"]
    assert runs.markdown_row("two")[-2:] == ["mixed", "mixed"]
    assert runs.markdown_row("moved")[-2:] == ["mixed", "mixed"]
    text = runs.markdown()
    assert "mixed: " in text
    assert "; a GPU, 2 threads" in text
    frame = runs.csv().set_index("model")
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
        "delete one of the two folders"
    )


def test_nothing_to_report_is_said(runs: Runs) -> None:
    runs.store.root.mkdir(exist_ok=True)
    with pytest.raises(InputError, match="no run has ended here yet"):
        runs.tables()
