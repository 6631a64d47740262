"""From the columns of a file to the probabilities that a task asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.data.tasks import Task
from bench.errors import InputError
from bench.imported.file import PREFIX, PROBABILITY, PredictionFile
from bench.text import first_names, printable

Combine = Literal["noisy_or", "max"]
Floats = NDArray[np.float64]

# How far the probabilities of classes that exclude one another may be from adding up to 1: what
# files with three digits come to, and no set of independent labels.
TOLERANCE = 0.01

_COMBINED: dict[Combine, Callable[[Floats], Floats]] = {
    # At least one of several causes that act independently: Pearl, "Probabilistic Reasoning in
    # Intelligent Systems", 1988, section 4.3.2.
    "noisy_or": lambda p: np.asarray(1.0 - np.prod(1.0 - p, axis=1)),
    "max": lambda p: np.asarray(p.max(axis=1)),
}


def task_probabilities(
    file: PredictionFile, task: Task, findings: Sequence[str], *, combine: Combine | None
) -> Floats:
    """The probability of each output of a task, for each row of a file.

    Two classes want one column: ``probability`` or ``prob_abnormal`` (the second class). Task m1
    also takes a column for every finding, which are combined. Other tasks want a column for each
    output. Names are matched without regard to case, spaces, hyphens and underscores.

    Returns:
        (rows, outputs); two columns for two classes.
    """
    if len(task.classes) == 2 and task.kind == "multiclass":
        p = _one_probability(file, task, findings, combine)
        return np.stack([1.0 - p, p], axis=1)
    if combine is not None:
        raise InputError(f"task {task.name} keeps the findings apart: leave --combine out")
    p = _probability_of_each(file, task.classes)
    sums = p.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1.0) > TOLERANCE)
    if task.kind == "multiclass" and len(off):
        row = int(off[0])
        raise InputError(
            f"{file.at(row)}: the {p.shape[1]} probabilities add up to {sums[row]:.3f}, and task "
            f"{task.name} has one right answer: apply a softmax, or give --task findings14"
        )
    return p


def _one_probability(
    file: PredictionFile, task: Task, findings: Sequence[str], combine: Combine | None
) -> Floats:
    """The probability of the second of two classes, (rows,)."""
    wanted = (PROBABILITY, f"{PREFIX}{task.classes[1]}")
    own = [
        column
        for column in file.texts
        if column == file.score_column or _plain(column) in map(_plain, wanted)
    ]
    if combine is not None and not own and task.name == "m1":
        return _COMBINED[combine](_probability_of_each(file, findings))
    if len(own) == 1 and combine is None:
        return file.probabilities(own[0])
    hint = (
        f"; for columns of findings give --combine {' or '.join(get_args(Combine))}, or keep them "
        "with --task findings14"
        if task.name == "m1"
        else ""
    )
    raise InputError(
        f"{file.name}: task {task.name} ({task.question}) wants one column {wanted[0]!r} or "
        f"{wanted[1]!r}, without --combine{hint}"
    )


def _probability_of_each(file: PredictionFile, names: Sequence[str]) -> Floats:
    """The probabilities of some classes or findings, (rows, names)."""
    if file.score_column is not None:
        raise InputError(
            f"{file.name}: a column for each of {len(names)} classes or findings is wanted: name "
            f"the columns {PREFIX}{names[0]} and so on, and leave --score-column out"
        )
    # Without regard to case and signs, unless that would take two of the names for one.
    key_of = _plain if len({*map(_plain, names)}) == len(names) else str
    columns: dict[str, str] = {}
    for column in file.texts:
        key = key_of(column[len(PREFIX) :])
        if key in columns:
            raise InputError(
                f"{file.name}: columns {printable(columns[key])!r} and {printable(column)!r} "
                "are of the same finding: leave one of them"
            )
        columns[key] = column
    keys = list(map(key_of, names))
    missing = [f"{PREFIX}{name}" for name in names if key_of(name) not in columns]
    unknown = [column for key, column in columns.items() if key not in keys]
    if missing or unknown:
        faults = (("lacks", missing), ("has unknown", unknown))
        text = " and ".join(
            f"{fault} columns ({first_names(listed, len(names))})"
            for fault, listed in faults
            if listed
        )
        raise InputError(f"{file.name} {text}: name one after each finding of the labels")
    return np.stack([file.probabilities(columns[key]) for key in keys], axis=1)


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")
