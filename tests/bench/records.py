"""Records with made-up values, for stores that tests fill by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config import Experiment
from bench.data.description import DataRecord
from bench.data.splits import RowNumbers
from bench.data.tasks import Task, make_task
from bench.environment import EnvironmentRecord
from bench.runs.cells import Cell, FileSettings, ImportSettings, SourceSettings
from bench.runs.records import ImportRecord, Outcome
from bench.runs.store import Facts, Store

ENVIRONMENT = EnvironmentRecord(
    versions={"cxnet-bench": "0.1.0", "torch": "2.6"},
    device="CPU, 2 cores (a processor)",
    cpu_count=2,
    threads=2,
    platform="Linux",
    commit="abc123",
    date="2026-01-02T03:04:05+00:00",
)
FINISHED = Outcome(state="finished")
NOTHING: Mapping[str, Any] = MappingProxyType({})
EXPERIMENT = Experiment.model_validate(
    {
        "name": "mine",
        "description": "made by hand",
        "data": {"source": "nih"},
        "models": ["net"],
        "losses": ["ce"],
    }
)


def cell(
    name: str,
    loss: str = "",
    *,
    seed: int = 0,
    task: str = "m1",
    data: Mapping[str, Any] = NOTHING,
    model: Mapping[str, Any] = NOTHING,
    train: Mapping[str, Any] = NOTHING,
    made_with: Mapping[str, Any] = NOTHING,
) -> Cell:
    """A network, or a control where no loss is given.

    Args:
        name: of the model.
        loss, seed, task: of the cell.
        data, model, train: what differs from the settings below.
        made_with: options and code of the loss.
    """
    where = {"source": "nih", "options": {}, "image_size": 64, "split": "patient"}
    made: dict[str, Any] = {"data": where | {"train_share": 1.0} | data, "task": task}
    if loss:
        plain = {"pretrained": False, "in_channels": 1, "options": {}}
        if model.get("pretrained"):
            plain |= {"policy": "full", "normalisation": "pretrained"}
        made["model"] = plain | model
        made["train"] = {"precision": "float32", "memory_format": "contiguous"} | train
        made["loss"] = {"options": {}} | made_with
    kind = "network" if loss else "control"
    return Cell.model_validate(
        {"kind": kind, "model": name, "loss": loss, "seed": seed, "settings": made}
    )


def imported_cell(model: str, record: ImportRecord, *, task: str = "m1") -> Cell:
    """Predictions that others made."""
    file = FileSettings(digest=record.digest, combine=record.combine)
    source = SourceSettings(source="nih", options={})
    settings = ImportSettings(data=source, task=task, predictions=file)
    return Cell(kind="imported", model=model, loss="", seed=0, settings=settings)


def write_run(
    store: Store,
    made: Cell,
    data: DataRecord,
    *,
    rows: pd.DataFrame,
    task: Task,
    parts: Mapping[str, RowNumbers],
    probabilities: Mapping[str, NDArray[np.float64]] | None,
    task_mask: NDArray[np.bool_] | None = None,
    outcome: Outcome = FINISHED,
    environment: EnvironmentRecord = ENVIRONMENT,
    imported: ImportRecord | None = None,
) -> Path:
    """Write a run as a training would, that goes on with what was there of it.

    Without probabilities it has no predictions.

    Probabilities of two classes may be those of the second alone, (n,).
    """
    folder = store.folder(made, data)
    facts = Facts(experiment=EXPERIMENT, data=data, environment=environment, imported=imported)
    store.begin(folder, made, facts, earlier=store.attempts(folder))
    if probabilities is not None:
        store.write_predictions(
            folder,
            rows=rows,
            task=task,
            targets=task.targets(rows),
            task_mask=np.ones(len(rows), np.bool_) if task_mask is None else task_mask,
            parts=parts,
            probabilities={name: both_classes(p) for name, p in probabilities.items()},
        )
    store.end(folder, outcome)
    return folder


@contextmanager
def as_written(folder: Path) -> Iterator[None]:
    """Change the files of a run inside, as if they had been written so."""
    store = Store(folder.parent)
    outcome = store.outcome(folder)
    assert outcome is not None
    yield
    store.end(folder, outcome)


def both_classes(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of both classes, (n, 2), where those of the second alone are given, (n,)."""
    return np.stack([1 - p, p], axis=1) if p.ndim == 1 else p


def class_counts(task: Task, rows: pd.DataFrame) -> dict[str, int]:
    """Images of each class or finding."""
    targets = task.targets(rows)
    of_each = np.eye(len(task.classes), dtype=int)[targets] if targets.ndim == 1 else targets
    return dict(zip(task.classes, of_each.sum(axis=0).astype(int).tolist(), strict=True))


def part(images: int, patients: int | None = None, **classes: int) -> dict[str, Any]:
    """One part of :func:`data_record`."""
    return {"images": images, "patients": patients, "classes": classes}


def data_record(task: Task | None = None, **changes: Any) -> DataRecord:
    """Data of a task, m1 unless given, with one validation and two test images."""
    task = task or make_task("m1")
    record = {
        "source": "nih",
        "root": "here",
        "image_size": 64,
        "task": task.name,
        "question": task.question,
        "kind": task.kind,
        "classes": task.classes,
        "split": {"name": "patient", "seed": 0, "hash": "a" * 64, "claims_disjoint": True},
        "parts": {"train": part(9), "validation": part(1), "test": part(2)},
        "leakage": [],
        "identical_images": 0,
        "normalisation": {"mean": 0.5, "std": 0.2},
        "notes": [],
        "skipped": {},
        "fingerprint": "f" * 64,
    }
    return DataRecord.model_validate(record | changes)
