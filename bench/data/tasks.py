"""Tasks: the questions about an image that a network is trained to answer.

The paper's hierarchy (Fig. 2) has four: m1 tells normal from abnormal, m2 one finding from
several, m3 names the findings of an image with several, m4 the finding of an image with one.
``findings14`` is their flat rival, which names the findings of every image.

A task is a view of the table: the rows that it concerns, and their targets. All tasks share one
split, so a test image of one is never a training image of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.study import NIH_FINDINGS
from bench.errors import InputError
from bench.registry import TargetKind, near_matches


def count_findings(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Number of findings of each image of a study table, (n,)."""
    return np.fromiter((len(found) for found in rows["findings"]), np.int64, len(rows))


def is_abnormal(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Mask of the images of a study table with at least one finding, (n,)."""
    return count_findings(rows) > 0


def finding_labels(rows: pd.DataFrame, findings: Sequence[str]) -> NDArray[np.float32]:
    """The findings of each image of a study table as zeros and ones, (n, findings).

    Every finding of the rows is among the names.
    """
    columns = {finding: column for column, finding in enumerate(findings)}
    labels = np.zeros((len(rows), len(findings)), np.float32)
    for row, found in enumerate(rows["findings"]):
        labels[row, [columns[finding] for finding in found]] = 1.0
    return labels


@dataclass(frozen=True, kw_only=True)
class Task:
    """One question about an image."""

    name: str  # as in ``--task``
    question: str  # one line
    # "multiclass" (exactly one class is right) or "multilabel" (any number may be).
    kind: TargetKind
    # Names of the outputs, in the order of the targets; in a two-class task the second is the
    # positive one.
    classes: tuple[str, ...]
    # From a study table of n rows to the task mask: True (n,) for its images.
    select: Callable[[pd.DataFrame], NDArray[np.bool_]]
    # From a study table of n rows to int64 (n,) class indices for multi-class, float32 (n, classes)
    # of 0 and 1 for multi-label. Values outside the task mask mean nothing.
    targets: Callable[[pd.DataFrame], NDArray[Any]]


TASKS = ("m1", "m2", "m3", "m4", "findings14")
"""Names of the tasks."""
NAMING_TASKS = ("m3", "m4", "findings14")
"""Tasks whose classes are the findings of the data source."""


def make_task(name: str, findings: Sequence[str] = NIH_FINDINGS) -> Task:
    """Make a task, one of :data:`TASKS`, for the findings of a data source (14 in ChestX-ray14)."""
    if name not in TASKS:
        raise InputError(f"unknown task {name!r}: {near_matches(name, list(TASKS))}")
    if name in NAMING_TASKS and len(findings) < 2:
        raise InputError(
            f"task {name!r} tells findings apart, and this data source has only "
            f"{', '.join(findings) or 'none'}: use task m1"
        )
    (task,) = (task for task in _tasks(tuple(findings)) if task.name == name)
    return task


def _tasks(findings: tuple[str, ...]) -> tuple[Task, ...]:
    return (
        Task(
            name="m1",
            question="normal or abnormal?",
            kind="multiclass",
            classes=("normal", "abnormal"),
            select=_every_image,
            targets=lambda rows: is_abnormal(rows).astype(np.int64),
        ),
        Task(
            name="m2",
            question="one finding or several?",
            kind="multiclass",
            classes=("one", "several"),
            select=is_abnormal,
            targets=lambda rows: (count_findings(rows) > 1).astype(np.int64),
        ),
        Task(
            name="m3",
            question="which findings, where there are several?",
            kind="multilabel",
            classes=findings,
            select=lambda rows: count_findings(rows) > 1,
            targets=lambda rows: finding_labels(rows, findings),
        ),
        Task(
            name="m4",
            question="which finding, where there is one?",
            kind="multiclass",
            classes=findings,
            select=lambda rows: count_findings(rows) == 1,
            targets=lambda rows: finding_labels(rows, findings).argmax(axis=1).astype(np.int64),
        ),
        Task(
            name="findings14",
            question="which findings, if any?",
            kind="multilabel",
            classes=findings,
            select=_every_image,
            targets=lambda rows: finding_labels(rows, findings),
        ),
    )


def _every_image(rows: pd.DataFrame) -> NDArray[np.bool_]:
    return np.ones(len(rows), np.bool_)


def check_classes(
    task: Task, targets: NDArray[Any], parts: Mapping[str, NDArray[np.int64]]
) -> None:
    """Refuse a task that cannot be learned or tested on these parts.

    Every part needs an image of the task; a multi-class task needs two classes in every part; a
    multi-label task a finding that some images of each part have and others lack.
    """
    hint = "choose another data.split or seed, or another task"
    for part, rows in parts.items():
        if not len(rows):
            raise InputError(
                f"task {task.name} ({task.question}) asks about no image of the {part} set: "
                f"add images, {hint}"
            )
        wanted = targets[rows]
        if task.kind == "multilabel":
            if not ((wanted > 0).any(axis=0) & (wanted == 0).any(axis=0)).any():
                raise InputError(
                    f"{part} set of task {task.name} has {len(rows)} images, all with the "
                    f"same findings: add others, or {hint}"
                )
            continue
        present = np.unique(wanted)
        if len(present) == 1:
            raise InputError(
                f"{part} set has {len(rows)} images, all {task.classes[present[0]]}: "
                f"add images of another class, or {hint}"
            )
