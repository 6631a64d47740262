"""Tables from hand-made runs whose figures can be worked out by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.cells import Cell
from bench.data.study import study_rows
from bench.errors import InputError
from bench.report import FORMATS, Table, collect
from bench.store import RunCosts, Store, Verdict

ENVIRONMENT = {
    "versions": {"cxnet-bench": "0.1.0", "torch": "2.6"},
    "device": "CPU, 2 cores (a processor)",
    "cpu_count": 2,
    "threads": 2,
    "platform": "Linux",
    "commit": "abc123",
    "date": "2026-01-02T03:04:05+00:00",
}
# Validation images 0..3, test images 4..9: normal, normal, normal, abnormal, abnormal, abnormal.
TARGETS = np.array([0, 0, 1, 1, 0, 0, 0, 1, 1, 1])
PARTS = {"validation": np.arange(4), "test": np.arange(4, 10)}
ROWS = study_rows(
    {
        "image": [f"{i}.png" for i in range(10)],
        "patient": [str(i // 2) for i in range(10)],
        "findings": [("Mass",) if t else () for t in TARGETS],
    }
)
VALIDATION = [0.1, 0.2, 0.8, 0.9]
PERFECT = [0.1, 0.1, 0.1, 0.9, 0.9, 0.9]
ONE_WRONG = [0.1, 0.1, 0.6, 0.4, 0.9, 0.9]  # AUC 8/9, accuracy 4/6
CHANCE = [0.5] * 6


def data(**changes: Any) -> dict[str, Any]:
    part = {"images": 6, "patients": 3, "classes": {"normal": 3, "abnormal": 3}}
    pair = {
        "later_images": 6,
        "shared_patients": 1,
        "images_of_shared_patients": 2,
        "identical_images": 0,
    }
    return {
        "source": "nih",
        "root": "here",
        "image_size": 64,
        "fingerprint": "f" * 64,
        "task": "m1",
        "question": "normal or abnormal?",
        "split": {"name": "image", "seed": 0, "hash": "a" * 64, "claims_disjoint": False},
        "parts": {"train": {**part, "images": 12, "patients": None}, "test": part},
        "leakage": [{"earlier": "train", "later": "test", **pair}],
        "identical_images": 4,
        "normalisation": {"mean": 0.5, "std": 0.2},
        "notes": ["6 of the 10 images are here"],
        "skipped": {"truncated": ["a.png", "b.png"]},
    } | changes


class Runs:
    """A store to which hand-made runs are added."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)

    def add(
        self,
        model: str,
        test: list[float] | None = None,
        *,
        loss: str = "ce",
        seed: int = 0,
        settings: dict[str, Any] | None = None,
        verdict: Verdict | None = None,
        about: dict[str, Any] | None = None,
    ) -> None:
        control = model in ("prior", "metadata")
        cell = Cell(
            kind="control" if control else "network",
            model=model,
            loss="" if control else loss,
            seed=seed,
            settings={} if control else {"model": {"pretrained": False}, **(settings or {})},
        )
        about = about or data()
        folder = self.store.folder(cell, about)
        self.store.begin(folder, cell, about, ENVIRONMENT)
        if test is not None:
            self.store.write_predictions(
                folder,
                rows=ROWS,
                parts=PARTS,
                targets=TARGETS,
                probabilities={
                    "validation": np.array([0.5] * 4 if control else VALIDATION),
                    "test": np.array(test),
                },
            )
        costs = RunCosts(
            parameters=1234567,
            multiply_adds=10,
            train_seconds=61.0 + seed,
            images_per_second=100.0,
            iterations=5,
            best_iteration=5,
        )
        finished = Verdict(state="finished", costs=None if control else costs)
        self.store.end(folder, verdict or finished)

    def tables(self) -> list[Table]:
        return collect(self.store.runs())

    def markdown_row(self, start: str) -> list[str]:
        text = FORMATS["markdown"](self.tables())
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} ")]
        return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


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
    assert {row.model: row.beaten for row in table.rows} == {
        "lucky": False,
        "unlucky": True,
        "prior": False,
    }
    assert runs.markdown_row("unlucky")[5] == "0.500 †"
    assert "† not above the best control (prior, AUC 0.500)" in FORMATS["markdown"]([table])


def test_rows_that_differ_in_settings_alone_say_so(runs: Runs) -> None:
    runs.add("net", PERFECT, settings={"train": {"lr": 0.1, "momentum": 0.9}})
    runs.add("net", ONE_WRONG, settings={"train": {"lr": 0.2, "momentum": 0.9}})
    runs.add("other", CHANCE, settings={"train": {"lr": 0.3, "momentum": 0.9}})
    (table,) = runs.tables()
    assert [(row.model, row.settings) for row in table.rows][:2] == [
        ("net", "train.lr=0.1"),
        ("net", "train.lr=0.2"),
    ]
    assert "settings" in FORMATS["markdown"]([table])


def test_each_data_set_split_and_size_has_its_own_table(runs: Runs) -> None:
    runs.add("net", PERFECT)
    runs.add("net", PERFECT, about=data(fingerprint="e" * 64, image_size=128))
    other = {"name": "patient", "seed": 0, "hash": "b" * 64, "claims_disjoint": True}
    runs.add("net", PERFECT, about=data(split=other))
    titles = [line for line in FORMATS["markdown"](runs.tables()).splitlines() if "##" in line]
    assert titles == [
        "## nih (here), split image, 64 px, task m1 (normal or abnormal?)",
        "## nih (here), split image, 128 px, task m1 (normal or abnormal?)",
        "## nih (here), split patient, 64 px, task m1 (normal or abnormal?)",
    ]


def test_the_head_states_counts_prevalence_leakage_and_what_was_skipped(runs: Runs) -> None:
    runs.add("net", PERFECT)
    text = FORMATS["markdown"](runs.tables())
    squeezed = [" ".join(line.split()) for line in text.splitlines()]
    assert "| part | images | patients | normal | abnormal | abnormal % |" in squeezed
    assert "| test | 6 | 3 | 3 | 3 | 50.0 |" in squeezed
    assert "| train | 12 | unknown | 3 | 3 | 25.0 |" in squeezed
    assert ": 2 truncated" in text
    assert (
        "- train and test: 1 patient shared (2 of 6 test images); "
        "0 test images with an identical copy in train"
    ) in text
    assert "- in the whole set: 4 images with an identical copy" in text
    assert "- 6 of the 10 images are here" in text
    assert "run on 2026-01-02" in text
    assert "commit abc123" in text
    assert "torch 2.6" in text


def test_unknown_patients_are_said_to_be_unknown(runs: Runs) -> None:
    pair = data()["leakage"][0] | {"shared_patients": None, "images_of_shared_patients": None}
    runs.add("net", PERFECT, about=data(leakage=[pair]))
    text = FORMATS["markdown"](runs.tables())
    assert "train and test: shared patients unknown; 0 test images with an identical" in text


def test_csv_has_every_row_with_full_precision(runs: Runs) -> None:
    runs.add("net", ONE_WRONG)
    runs.add("broken", verdict=Verdict(state="failed", reason="a, b\nc"))
    runs.add("prior", CHANCE)
    text = FORMATS["csv"](runs.tables(), interrupted=["net-sin-s0-0123"])
    frame = pd.read_csv(io.StringIO(text))
    assert frame["model"].tolist()[:3] == ["net", "prior", "broken"]
    assert frame["state"].tolist() == ["finished", "finished", "failed", "interrupted"]
    assert frame["auc_mean"][0] == 8 / 9
    assert np.isnan(frame["auc_sd"][0])
    assert frame["reason"][2] == "seed 0: a, b\nc"
    assert frame["reason"][3] == "net-sin-s0-0123"


def test_latex_is_escaped_and_has_booktabs_rules(runs: Runs) -> None:
    runs.add("net_1", PERFECT)
    runs.add("prior", CHANCE)
    text = FORMATS["latex"](runs.tables())
    for rule in ("\\toprule", "\\midrule", "\\bottomrule"):
        assert text.count(rule) == 1
    assert "\\hline" not in text
    assert "net\\_1" in text
    assert "\\textbf{1.000}" in text
    assert "% nih (here), split image" in text


def test_interrupted_runs_are_named(runs: Runs) -> None:
    runs.add("net", PERFECT)
    text = FORMATS["markdown"](runs.tables(), interrupted=["net-ce-s1-0123"])
    assert "1 run was interrupted and is in no table" in text
    assert "net-ce-s1-0123" in text


def test_a_pipe_in_a_name_cannot_break_the_table(runs: Runs) -> None:
    runs.add("a", PERFECT, settings={"train": {"optimizer": "x|y"}})
    runs.add("a", ONE_WRONG, settings={"train": {"optimizer": "z"}})
    assert "train.optimizer=x\\|y" in FORMATS["markdown"](runs.tables())


def test_nothing_to_report_is_said(runs: Runs) -> None:
    runs.store.root.mkdir(exist_ok=True)
    with pytest.raises(InputError, match="no run has ended here yet"):
        runs.tables()
