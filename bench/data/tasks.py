"""Tasks: the questions that a network answers about the images of a study table.

A task is a view of the table: which rows it asks about, and what the right answers are. All
tasks share one split, so a test image of one is never a training image of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import InputError
from bench.registry import TargetKind, near_matches


def is_abnormal(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """True for images with at least one finding.

    Args:
        rows: a study table of n images.

    Returns:
        Shape (n,).
    """
    return np.fromiter((len(found) > 0 for found in rows["findings"]), np.bool_, len(rows))


@dataclass(frozen=True, kw_only=True)
class Task:
    """One question about an image.

    Attributes:
        name: as in ``--task``.
        question: one line.
        kind: "multiclass" (exactly one class is right) or "multilabel" (any number may be).
        classes: names of the outputs, in the order of the targets; in a two-class task the
            second is the positive one, whose probability the metrics take.
        select: from a study table of n rows to a boolean mask (n,) of those it asks about.
        targets: from a study table of n rows to the answers: int64 (n,) class indices for
            multi-class, float32 (n, classes) of 0 and 1 for multi-label. What stands at rows
            that are not selected means nothing.
    """

    name: str
    question: str
    kind: TargetKind
    classes: tuple[str, ...]
    select: Callable[[pd.DataFrame], NDArray[np.bool_]]
    targets: Callable[[pd.DataFrame], NDArray[Any]]


def _all_images(rows: pd.DataFrame) -> NDArray[np.bool_]:
    return np.ones(len(rows), np.bool_)


def _abnormal_index(rows: pd.DataFrame) -> NDArray[np.int64]:
    return is_abnormal(rows).astype(np.int64)


M1 = Task(
    name="m1",
    question="normal or abnormal?",
    kind="multiclass",
    classes=("normal", "abnormal"),
    select=_all_images,
    targets=_abnormal_index,
)

TASKS: dict[str, Task] = {task.name: task for task in (M1,)}


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: unknown name; the message lists near matches.
    """
    if name not in TASKS:
        raise InputError(f"unknown task {name!r}: {near_matches(name, list(TASKS))}")
    return TASKS[name]


def check_classes(
    task: Task, targets: NDArray[Any], parts: Mapping[str, NDArray[np.int64]]
) -> None:
    """Refuse a multi-class task of which some part holds fewer than two classes.

    Nothing can be learned from such a training set, and AUC is undefined on the others.

    Args:
        task: the question.
        targets: int64 (n,) class indices of all rows.
        parts: name of each part ("train", …) and its positions in ``targets``.

    Raises:
        InputError: naming the first such part, its size and its only class.
    """
    if task.kind != "multiclass":
        return
    for part, positions in parts.items():
        present = np.unique(targets[positions])
        if len(present) == 1:
            raise InputError(
                f"{part} set has {len(positions)} images, all {task.classes[present[0]]}: "
                "add images of another class, or choose another data.split or seed"
            )
