"""Preparing the data of an experiment without ``vary``, and what is said of them at the start."""

from __future__ import annotations

from pathlib import Path

from bench.cache import pixel_cache
from bench.config import Experiment
from bench.data.prepare import PreparedData, prepare_data
from bench.data.study import StudyTable
from bench.data.tasks import make_task
from bench.progress import Progress


def prepare(experiment: Experiment, study: StudyTable, progress: Progress) -> PreparedData:
    """The data of an experiment without ``vary``, decoded, split and checked."""
    return prepare_data(
        experiment.data,
        make_task(experiment.task, study.finding_names),
        study=study,
        cache=pixel_cache(),
        progress=lambda done, total: progress.advance("decoding images", done, total),
    )


def describe_start(prepared: PreparedData, out: Path) -> list[str]:
    """Lines about the data, shown before anything is run."""
    sizes = ", ".join(f"{len(rows):,} {part}" for part, rows in prepared.task_parts.items())
    data = prepared.record
    return [
        f"{data.source}, task {data.task}: {sizes} images at {data.image_size} px; "
        f"runs go to {out}",
        *data.notes,
    ]
