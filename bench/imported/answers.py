"""From the columns of a file to the probabilities that a task asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.data.tasks import Task
from bench.errors import InputError
from bench.imported.file import NAMED, PREFIX, PROBABILITY, PredictionFile, is_single
from bench.text import first_names, printable

Combine = Literal["noisy_or", "max"]
Floats = NDArray[np.float64]

COMBINE: tuple[Combine, ...] = get_args(Combine)
# How far the probabilities of classes that exclude one another may be from adding up to 1: what
# files with three digits come to, and no set of independent labels.
TOLERANCE = 0.01

_COMBINED: dict[Combine, Callable[[Floats], Floats]] = {
    # At least one of several causes that act independently: Pearl, "Probabilistic Reasoning in
    # Intelligent Systems", 1988, section 4.3.2.
    "noisy_or": lambda p: np.asarray(1.0 - np.prod(1.0 - p, axis=1)),
    "max": lambda p: np.asarray(p.max(axis=1)),
}


def answers(
    file: PredictionFile, task: Task, findings: Sequence[str], *, combine: Combine | None
) -> Floats:
    """The probability of each output of a task, for each row of a file.

    Two classes want one column: ``probability`` or ``prob_abnormal`` (the second class). Task m1
    also takes a column for every finding, which are combined. Other tasks want a column for each
    output. Names are matched without regard to case, spaces, hyphens and underscores.

    Args:
        file: the predictions.
        task: the question.
        findings: names that the data source knows.
        combine: how columns of findings make one probability of "abnormal"; None where they are
            not to.

    Returns:
        (rows, outputs); two columns for two classes.

    Raises:
        InputError: other columns than the task wants, values that are no probabilities, or
            classes that do not add up to 1.
    """
    if len(task.classes) == 2 and task.kind == "multiclass":
        p = _of_two(file, task, findings, combine)
        return np.stack([1.0 - p, p], axis=1)
    if combine is not None:
        raise InputError(f"task {task.name} keeps the findings apart: leave --combine out")
    p = _of_each(file, task.classes)
    if task.kind == "multiclass":
        sums = p.sum(axis=1)
        off = np.flatnonzero(np.abs(sums - 1.0) > TOLERANCE)
        if len(off):
            row = int(off[0])
            raise InputError(
                f"{file.at(row)}: the {p.shape[1]} probabilities add up to {sums[row]:.3f}, and "
                f"task {task.name} has one right answer: apply a softmax, or give "
                "--task findings14"
            )
    return p


def _of_two(
    file: PredictionFile, task: Task, findings: Sequence[str], combine: Combine | None
) -> Floats:
    positive = f"{PREFIX}{task.classes[1]}"
    alone = [column for column in file.texts if _plain(column) in (PROBABILITY, _plain(positive))]
    if alone:
        if others := [column for column in file.texts if column != alone[0]]:
            raise InputError(
                f"{file.name}: column {printable(alone[0])!r} answers task {task.name} alone: "
                f"leave out the others ({first_names(others, NAMED)})"
            )
        if combine is not None:
            raise InputError(
                f"{file.name} has one column of probabilities, and --combine is for one of each "
                "finding: leave it out"
            )
        return file.probabilities(alone[0])
    if task.name != "m1":
        raise InputError(
            f"{file.name}: task {task.name} ({task.question}) wants one column {PROBABILITY!r} or "
            f"{positive!r}"
        )
    if combine is None:
        raise InputError(
            f"{file.name} has {len(file.texts)} columns of findings, and task m1 wants one "
            f"probability: give --combine {' or '.join(COMBINE)}, or keep them with "
            "--task findings14"
        )
    return _COMBINED[combine](_of_each(file, findings))


def _of_each(file: PredictionFile, names: Sequence[str]) -> Floats:
    """(rows, names)."""
    if any(map(is_single, file.texts)):
        raise InputError(
            f"{file.name}: a single {PROBABILITY!r} answers task m1; here a column for each of "
            f"{len(names)} findings is wanted ({PREFIX}{names[0]}, …)"
        )
    column_of: dict[str, str] = {}
    unknown = []
    for column in file.texts:
        name = _named(column[len(PREFIX) :], names)
        if name is None:
            unknown.append(column)
        elif name in column_of:
            raise InputError(
                f"{file.name}: columns {printable(column_of[name])!r} and {printable(column)!r} "
                "are of the same finding: leave one of them"
            )
        else:
            column_of[name] = column
    missing = [f"{PREFIX}{name}" for name in names if name not in column_of]
    said = [
        f"{what} ({first_names(columns, len(names))})"
        for what, columns in (("lacks columns", missing), ("has unknown ones", unknown))
        if columns
    ]
    if said:
        raise InputError(
            f"{file.name} {' and '.join(said)}: name them after the findings of the labels"
        )
    return np.stack([file.probabilities(column_of[name]) for name in names], axis=1)


def _named(text: str, names: Sequence[str]) -> str | None:
    """The only name that a text fits; exactly, if it can be."""
    exact = [name for name in names if name == text]
    alike = [name for name in names if _plain(name) == _plain(text)]
    found = exact or alike
    return found[0] if len(found) == 1 else None


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")
