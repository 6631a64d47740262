"""What a report says of a run's data, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.leakage import Leakage
from bench.data.splits import Split
from bench.data.study import Problem
from bench.data.tasks import Task


def describe_labels(
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
) -> dict[str, Any]:
    """What can be said without pixels: all but the fingerprint, and None for what they would tell.

    Args:
        source, root: names of the data source and of its folder.
        rows: the study table.
        task: the question.
        targets: its answers for every row.
        split: of the rows.
        parts: row positions of each part that the task asks about.
        leakage: what the parts share.
        notes: facts for the head of every report.
        skipped: what was left out of the data.
    """
    return {
        "source": source,
        "root": root,
        "image_size": None,
        "task": task.name,
        "question": task.question,
        "kind": task.kind,
        "classes": list(task.classes),
        "split": {
            "name": split.name,
            "seed": split.seed,
            "hash": split.hash,
            "claims_disjoint": split.claims_disjoint,
        },
        "parts": {
            name: _describe_part(rows, task, targets, places) for name, places in parts.items()
        },
        "leakage": [pair.as_dict() for pair in leakage],
        "identical_images": None,
        "normalisation": None,
        "notes": list(notes),
        "skipped": _by_kind(skipped),
    }


def _describe_part(
    rows: pd.DataFrame, task: Task, targets: NDArray[Any], places: NDArray[np.int64]
) -> dict[str, Any]:
    patients = rows["patient"].to_numpy()[places]
    answers = targets[places]
    counts = (
        np.bincount(answers, minlength=len(task.classes))
        if task.kind == "multiclass"
        else answers.sum(axis=0).astype(np.int64)
    )
    return {
        "images": len(places),
        "patients": None if "" in patients else len(set(patients)),
        "classes": dict(zip(task.classes, counts.tolist(), strict=True)),
    }


def _by_kind(problems: Iterable[Problem]) -> dict[str, list[str]]:
    """Names of the images left out, by what is wrong with them."""
    names: dict[str, list[str]] = {}
    for problem in problems:
        names.setdefault(problem.kind, []).append(problem.image)
    return names
