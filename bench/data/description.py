"""Description of the data of a run: the record that is stored with it and that reports read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config.frozen import Frozen
from bench.data.appearance import Appearance
from bench.data.leakage import Leakage, measure_leakage
from bench.data.normalisation import Normalisation
from bench.data.pixel_store import PIXEL_VERSION
from bench.data.splits import RowNumbers, Split
from bench.data.study import StudyTable, count_patients
from bench.data.tasks import Task
from bench.registry import TargetKind


class SplitRecord(Frozen):
    """The split of a run; its attributes are those of :class:`bench.data.splits.Split`."""

    name: str
    seed: int
    hash: str
    claims_disjoint: bool


class PartRecord(Frozen):
    """Counts of one part of the split, of the images that the task asks about."""

    images: int
    patients: int | None  # number of patients; None where the patient of any image is unknown
    classes: dict[str, int]  # number of images by class; by finding, where the task names findings


class DataRecord(Frozen):
    """The data of a run."""

    source: str
    root: str  # name of the source's folder or file, without the path; "" where it has none
    # Side in pixels; None for imported predictions, which come without pixels.
    image_size: int | None
    task: str
    question: str  # the task's question in words
    kind: TargetKind  # ``multiclass`` or ``multilabel``
    classes: tuple[str, ...]  # names of the task's classes or findings
    split: SplitRecord
    # Counts by the name of the part; of ``train`` those that are learned from.
    parts: dict[str, PartRecord]
    leakage: tuple[Leakage, ...]  # what each pair of parts shares
    # Images of the whole data set with a pixel-identical copy in it; None where pixels are not
    # known.
    identical_images: int | None
    normalisation: Normalisation | None  # of the training pixels; None where pixels are not known
    full_scale: int | None = None  # gray value of white in 16-bit images, where the user said it
    notes: tuple[str, ...]  # facts for the head of every report
    # Names of the images that were left out, by what is wrong with them.
    skipped: dict[str, tuple[str, ...]]
    fingerprint: str  # SHA-256 over labels, original pixels and image size
    # Of the training images; None of few images, where pixels are not known, and in records of
    # before there was one. It follows from the rest, and is in no key.
    appearance: Appearance | None = None


def describe_data(
    study: StudyTable,
    task: Task,
    *,
    root: Path | None,
    split: Split,
    parts: Mapping[str, RowNumbers],
    image_size: int | None = None,
    normalisation: Normalisation | None = None,
    appearance: Appearance | None = None,
) -> DataRecord:
    """Describe the data of a run.

    The study holds the images of the run with their column ``digest`` ("" where pixels are not
    known), the notes for the report, and as problems the images that were left out; the parts are
    row numbers of those that the task concerns.
    """
    rows, digests = study.rows, study.rows["digest"]
    targets = task.targets(rows)
    return DataRecord(
        source=study.name,
        root=root.resolve().name if root else "",
        image_size=image_size,
        task=task.name,
        question=task.question,
        kind=task.kind,
        classes=task.classes,
        split=SplitRecord.model_validate(split, from_attributes=True),
        parts={
            name: _count(rows.iloc[numbers], task, targets[numbers])
            for name, numbers in parts.items()
        },
        leakage=measure_leakage(rows, parts),
        identical_images=(
            None if (digests == "").any() else int(digests.duplicated(keep=False).sum())
        ),
        normalisation=normalisation,
        full_scale=study.full_scale,
        notes=study.notes,
        skipped={
            kind: tuple(problem.image for problem in problems)
            for kind, problems in study.problems_by_kind.items()
        },
        fingerprint=fingerprint(rows, image_size or 0),
        appearance=appearance,
    )


def fingerprint(rows: pd.DataFrame, image_size: int) -> str:
    """SHA-256 of the data on which a result depends: labels, pixels, image size.

    Pixels enter as the digests of the originals, with :data:`PIXEL_VERSION`, the version of the
    code that brings them to size. Neither paths nor the order of files enter, so the same data
    has the same fingerprint in every folder and on every machine.

    ``rows`` are the study table with its column ``digest``; the image size is in pixels.
    """
    columns = ["image", "digest", "patient", "view", "sex", "age", "follow_up", "given_split"]
    hasher = hashlib.sha256(f"image_size={image_size} format={PIXEL_VERSION}\n".encode())
    ordered = rows.sort_values("image")
    for values, findings in zip(
        ordered[columns].itertuples(index=False, name=None), ordered["findings"], strict=True
    ):
        hasher.update(("\t".join(map(str, values)) + "\t" + "|".join(findings) + "\n").encode())
    return hasher.hexdigest()


def _count(rows: pd.DataFrame, task: Task, targets: NDArray[Any]) -> PartRecord:
    counts = (
        np.bincount(targets, minlength=len(task.classes))
        if task.kind == "multiclass"
        else targets.sum(axis=0).astype(np.int64)
    )
    return PartRecord(
        images=len(rows),
        patients=count_patients(rows),
        classes=dict(zip(task.classes, counts.tolist(), strict=True)),
    )
