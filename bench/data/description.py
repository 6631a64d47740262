"""Description of the data of a run: the record that is stored with it and that reports read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config.schema import Frozen
from bench.data.leakage import Leakage
from bench.data.normalisation import Normalisation
from bench.data.splits import Split
from bench.data.study import Problem
from bench.data.tasks import Task
from bench.registry import TargetKind


class SplitRecord(Frozen):
    """The split of a run; its attributes are those of :class:`bench.data.splits.Split`."""

    name: str
    seed: int
    hash: str
    claims_disjoint: bool


class PartRecord(Frozen):
    """Counts of one part of the split, of the images that the task asks about.

    Attributes:
        images: number of images.
        patients: number of patients; None where the patient of any image is unknown.
        classes: number of images by class; by finding, where the task names findings.
    """

    images: int
    patients: int | None
    classes: dict[str, int]


class DataRecord(Frozen):
    """The data of a run.

    Attributes:
        source: name of the data source.
        root: name of its folder or file, without the path; "" for a source without one.
        image_size: side in pixels; None for imported predictions, which come without pixels.
        task: name of the task.
        question: the task's question in words.
        kind: ``multiclass`` or ``multilabel``.
        classes: names of the task's classes or findings.
        split: the split.
        parts: counts by the name of the part; of ``train`` those that are learned from.
        leakage: what each pair of parts shares.
        identical_images: images of the whole data set with a pixel-identical copy in it; None
            where pixels are not known.
        normalisation: of the training pixels; None where pixels are not known.
        notes: facts for the head of every report.
        skipped: names of the images that were left out, by what is wrong with them.
        fingerprint: SHA-256 over labels, original pixels and image size.
    """

    source: str
    root: str
    image_size: int | None
    task: str
    question: str
    kind: TargetKind
    classes: tuple[str, ...]
    split: SplitRecord
    parts: dict[str, PartRecord]
    leakage: tuple[Leakage, ...]
    identical_images: int | None
    normalisation: Normalisation | None
    notes: tuple[str, ...]
    skipped: dict[str, tuple[str, ...]]
    fingerprint: str


def describe_data(
    *,
    source: str,
    root: str,
    rows: pd.DataFrame,
    task: Task,
    targets: NDArray[Any],
    split: Split,
    parts: Mapping[str, NDArray[np.int64]],
    leakage: Iterable[Leakage],
    notes: Iterable[str],
    skipped: Iterable[Problem],
    fingerprint: str,
    image_size: int | None = None,
    identical_images: int | None = None,
    normalisation: Normalisation | None = None,
) -> DataRecord:
    """Describe labelled images; the last three arguments are known where pixels are.

    Args:
        rows: the study table.
        task: the question.
        targets: its answers for every row.
        split: of the rows.
        parts: row positions of each part that the task asks about.
        skipped: what was left out of the data.
        source, root, leakage, notes, fingerprint, image_size, identical_images, normalisation: as
            the attributes of :class:`DataRecord`.
    """
    names: dict[str, list[str]] = {}
    for problem in skipped:
        names[problem.kind] = [*names.get(problem.kind, []), problem.image]
    return DataRecord(
        source=source,
        root=root,
        image_size=image_size,
        task=task.name,
        question=task.question,
        kind=task.kind,
        classes=task.classes,
        split=SplitRecord(
            name=split.name,
            seed=split.seed,
            hash=split.hash,
            claims_disjoint=split.claims_disjoint,
        ),
        parts={name: _count(rows, task, targets, at) for name, at in parts.items()},
        leakage=tuple(leakage),
        identical_images=identical_images,
        normalisation=normalisation,
        notes=tuple(notes),
        skipped={kind: tuple(images) for kind, images in names.items()},
        fingerprint=fingerprint,
    )


def _count(
    rows: pd.DataFrame, task: Task, targets: NDArray[Any], positions: NDArray[np.int64]
) -> PartRecord:
    patients = rows["patient"].to_numpy()[positions]
    chosen = targets[positions]
    counts = (
        np.bincount(chosen, minlength=len(task.classes))
        if task.kind == "multiclass"
        else chosen.sum(axis=0).astype(np.int64)
    )
    return PartRecord(
        images=len(positions),
        patients=None if "" in patients else len(set(patients)),
        classes=dict(zip(task.classes, counts.tolist(), strict=True)),
    )
