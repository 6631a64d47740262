"""Answers of made-up models, in stores that the harness wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.study import study_rows
from bench.data.tasks import Task, make_task
from bench.runs.cells import Cell
from bench.runs.predictions import Predictions
from bench.runs.records import Outcome, RunCosts
from bench.runs.run import Run
from bench.runs.store import Facts, Store

ENVIRONMENT = {
    "versions": {"torch": "2.6"},
    "device": "CPU",
    "threads": 1,
    "platform": "Linux",
    "commit": "abc",
    "date": "2026-01-02T03:04:05+00:00",
}
COSTS = RunCosts(
    parameters=10,
    multiply_adds=10,
    train_seconds=5.0,
    images_per_second=10.0,
    iterations=5,
    best_iteration=5,
)


def judged(
    targets: NDArray[Any], probabilities: NDArray[np.float64], *, patients: list[str] | None = None
) -> Predictions:
    """Answers with made-up ids; probabilities (n,) are those of the second of two classes."""
    p = probabilities
    images = np.array([f"{place}.png" for place in range(len(targets))], object)
    return Predictions(
        images=images,
        patients=np.array(patients or ["" for _ in images], object),
        targets=targets,
        probabilities=np.stack([1 - p, p], axis=1) if p.ndim == 1 else p,
    )


class Answered:
    """A store of runs of one task, on a validation and a test part of any size.

    Args:
        root: the store's folder.
        findings: of each image, the validation part first.
        validation: how many images the validation part has.
        patients: of each image; by default each has its own.
        task: the question.
    """

    def __init__(
        self,
        root: Path,
        *,
        findings: list[tuple[str, ...]],
        validation: int,
        patients: list[str] | None = None,
        task: Task | None = None,
    ) -> None:
        self.store = Store(root)
        self.task = task or make_task("m1")
        places = np.arange(len(findings))
        self.parts = {"validation": places[:validation], "test": places[validation:]}
        self.rows = study_rows(
            {
                "image": [f"{place:05d}.png" for place in places],
                "patient": patients or [str(place) for place in places],
                "findings": findings,
            }
        )
        self.targets = self.task.targets(self.rows)

    def add(
        self,
        model: str,
        probabilities: NDArray[np.float64],
        *,
        loss: str = "ce",
        seed: int = 0,
        kind: Any = "network",
        only: NDArray[np.bool_] | None = None,
    ) -> Run:
        """A finished run.

        Args:
            model: its name.
            probabilities: for all images, (n,) of the second of two classes, or (n, outputs).
            loss, seed: of a network.
            kind: of the cell.
            only: which images it answers; all by default.
        """
        answered = np.ones(len(self.rows), bool) if only is None else only
        parts = {part: places[answered[places]] for part, places in self.parts.items()}
        counts = {part: len(places) for part, places in parts.items()}
        data = self._data() | ({} if only is None else {"imported": {"images": counts}})
        named = {"model": {"pretrained": False, "in_channels": 1}} if kind == "network" else {}
        cell = Cell(
            kind=kind,
            model=model,
            loss=loss if kind == "network" else "",
            seed=seed,
            settings={"task": self.task.name, **named},
        )
        folder = self.store.folder(cell, data)
        self.store.begin(folder, cell, Facts(experiment={}, data=data, environment=ENVIRONMENT))
        p = probabilities
        both = np.stack([1 - p, p], axis=1) if p.ndim == 1 else p
        self.store.write_predictions(
            folder,
            rows=self.rows,
            task=self.task,
            targets=self.targets,
            asked=np.ones(len(self.rows), np.bool_),
            parts=parts,
            probabilities={part: both[places] for part, places in parts.items() if len(places)},
        )
        costs = COSTS if kind == "network" else None
        outcome = Outcome(state="finished", costs=costs)
        self.store.end(folder, outcome)
        return Run(folder=folder, cell=cell, outcome=outcome, data=data, environment=ENVIRONMENT)

    def _data(self) -> dict[str, Any]:
        of_each = (
            np.eye(len(self.task.classes), dtype=int)[self.targets]
            if self.targets.ndim == 1
            else self.targets.astype(int)
        )
        parts = {
            part: {
                "images": len(places),
                "patients": len(set(self.rows["patient"].to_numpy()[places])),
                "classes": dict(
                    zip(self.task.classes, of_each[places].sum(axis=0).tolist(), strict=True)
                ),
            }
            for part, places in self.parts.items()
        }
        return {
            "source": "manifest",
            "root": "here",
            "image_size": 64,
            "fingerprint": "f" * 64,
            "task": self.task.name,
            "question": self.task.question,
            "kind": self.task.kind,
            "classes": list(self.task.classes),
            "split": {"name": "patient", "seed": 0, "hash": "a" * 64, "claims_disjoint": True},
            "parts": {"train": parts["validation"], **parts},
            "leakage": [],
            "identical_images": 0,
            "normalisation": {"mean": 0.5, "std": 0.2},
            "notes": [],
            "skipped": {},
        }
