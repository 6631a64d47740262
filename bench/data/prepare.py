"""Preparing an experiment's data for training: pixels, split, targets and their record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cache import pixel_cache
from bench.config import Experiment
from bench.data.appearance import measure_appearance
from bench.data.description import DataRecord, describe_data
from bench.data.image_files import DEEPEST
from bench.data.load import decode_study
from bench.data.normalisation import Normalisation, measure_normalisation
from bench.data.splits import RowNumbers, Split, draw_share, make_split
from bench.data.study import StudyTable
from bench.data.tasks import Task, check_classes, make_task
from bench.data.thumbnails import note_store
from bench.progress import Progress


@dataclass(frozen=True, kw_only=True)
class PreparedData:
    """The data of an experiment, ready to train on; the same for every cell of a matrix."""

    rows: pd.DataFrame  # the study table of the usable images, with ``pixel_row`` and ``digest``
    # (images, side, side) uint8 memory map, indexed by ``rows.pixel_row``.
    pixels: NDArray[np.uint8]
    task: Task  # the question
    targets: NDArray[Any]  # of every row, as :attr:`bench.data.tasks.Task.targets` gives them
    task_mask: NDArray[np.bool_]  # the rows that the task concerns, (rows,) bool
    split: Split  # of all rows, whatever the task
    # Row numbers of each part of the split that the task concerns; of the training part the share
    # to learn from.
    task_parts: dict[str, RowNumbers]
    normalisation: Normalisation  # of the training pixels
    record: DataRecord  # the description of the data that is stored with every run

    @property
    def image_size(self) -> int:
        """Side of an image in pixels."""
        return int(self.pixels.shape[1])

    def describe(self, out: Path) -> list[str]:
        """Lines about the data, shown before anything is run into a folder."""
        sizes = ", ".join(f"{len(rows):,} {part}" for part, rows in self.task_parts.items())
        data = self.record
        return [
            f"{data.source}, task {data.task}: {sizes} images at {data.image_size} px; "
            f"runs go to {out}",
            *data.notes,
        ]


def prepare_data(experiment: Experiment, study: StudyTable, progress: Progress) -> PreparedData:
    """Decode pixels (or open them where that was done before), split, check.

    Args:
        experiment: without ``vary``.
        study: what its data source gives.
    """
    config, task = experiment.data, make_task(experiment.task, study.finding_names)
    usable, store = decode_study(study, config, progress)
    rows = usable.rows
    split = make_split(rows, config)
    train = draw_share(rows, split, share=config.train_share)
    task_mask, targets = task.select(rows), task.targets(rows)
    task_parts = {
        name: numbers[task_mask[numbers]]
        for name, numbers in (split.parts | {"train": train}).items()
    }
    check_classes(task, targets, task_parts)
    pixel_rows = rows["pixel_row"].to_numpy(dtype=np.int64)
    own_rows = {name: pixel_rows[numbers] for name, numbers in task_parts.items()}
    normalisation = measure_normalisation(store.pixels, own_rows["train"])
    appearance = measure_appearance(
        store.pixels, store.enlarged, training=own_rows["train"], validation=own_rows["validation"]
    )
    notes = _notes(study, split, learned_from=len(train), enlarged=int(store.enlarged.sum()))
    record = describe_data(
        replace(usable, notes=notes),
        task,
        root=config.root,
        split=split,
        parts=task_parts,
        image_size=config.image_size,
        normalisation=normalisation,
        appearance=appearance,
    )
    note_store(record.fingerprint, store.folder, cache=pixel_cache())
    return PreparedData(
        rows=rows,
        pixels=store.pixels,
        task=task,
        targets=targets,
        task_mask=task_mask,
        split=split,
        task_parts=task_parts,
        normalisation=normalisation,
        record=record,
    )


def _notes(study: StudyTable, split: Split, *, learned_from: int, enlarged: int) -> tuple[str, ...]:
    """Facts for the head of every report."""
    notes = [*study.notes, f"split: {split.how}"]
    if learned_from < len(split.train):
        notes.append(
            f"learned from {learned_from:,} of the {len(split.train):,} training images, whole "
            "patients"
        )
    if study.full_scale not in (None, DEEPEST):
        notes.append(f"16-bit images: the gray value {study.full_scale:,} is white")
    if enlarged:
        notes.append(f"{enlarged:,} images are smaller than the image size and were enlarged")
    return tuple(notes)
