"""Records with made-up values, for stores that tests fill by hand."""

from __future__ import annotations

from typing import Any

from bench.config import Experiment
from bench.data.description import DataRecord
from bench.data.tasks import Task, make_task
from bench.environment import EnvironmentRecord

ENVIRONMENT = EnvironmentRecord(
    versions={"cxnet-bench": "0.1.0", "torch": "2.6"},
    device="CPU, 2 cores (a processor)",
    cpu_count=2,
    threads=2,
    platform="Linux",
    commit="abc123",
    date="2026-01-02T03:04:05+00:00",
)
EXPERIMENT = Experiment.model_validate(
    {
        "name": "mine",
        "description": "made by hand",
        "data": {"source": "nih"},
        "models": ["net"],
        "losses": ["ce"],
    }
)


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
