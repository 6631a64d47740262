"""Hand-made runs whose figures can be worked out by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.cells import Cell
from bench.data.study import study_rows
from bench.report import FORMATS, Table, collect
from bench.store import Facts, RunCosts, Store, Verdict

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
TRAINING: dict[str, Any] = {
    "optimizer": "sgd",
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "nesterov": False,
    "batch_size": 32,
    "max_iterations": 6000,
    "validate_every": 100,
    "decay_factor": 5.0,
    "patience": 2,
    "max_decays": 3,
    "class_weighting": False,
    "augment": {"flip": False, "shift": 0.0, "contrast": 0.0, "brightness": 0.0},
    "precision": "float32",
}


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
        "parts": {
            "train": {**part, "images": 12, "patients": None},
            "validation": {"images": 4, "patients": 2, "classes": {"normal": 2, "abnormal": 2}},
            "test": part,
        },
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
        environment: dict[str, Any] | None = None,
    ) -> None:
        control = model in ("prior", "metadata")
        cell = Cell(
            kind="control" if control else "network",
            model=model,
            loss="" if control else loss,
            seed=seed,
            settings=({} if control else {"model": {"pretrained": False}}) | (settings or {}),
        )
        about = about or data()
        folder = self.store.folder(cell, about)
        environment = ENVIRONMENT | (environment or {})
        self.store.begin(folder, cell, Facts(experiment={}, data=about, environment=environment))
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

    def markdown(self) -> str:
        return FORMATS["markdown"](self.tables())

    def markdown_row(self, start: str) -> list[str]:
        lines = self.markdown().splitlines()
        (line,) = [line for line in lines if line.startswith(f"| {start} ")]
        return [cell.strip() for cell in line.strip("|").split("|")]

    def csv(self) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(FORMATS["csv"](self.tables())), keep_default_na=False)
