"""Outputs of a network that other data have labels for, matched by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.description import DataRecord
from bench.data.tasks import NAMING_TASKS, Task, finding_labels, make_task
from bench.errors import InputError
from bench.runs.predictions import Outputs, Predictions
from bench.text import first_names

NAMED = 3
"""Findings that an error names; of more it says the number."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A network's task on other data.

    Attributes:
        task: the question, about the outputs that both have, by the network's names for them.
        columns: of the network's probabilities, those of these outputs.
        only_home, only_other: findings that only the network, or only the other data have.
    """

    task: Task
    columns: tuple[int, ...]
    only_home: tuple[str, ...] = ()
    only_other: tuple[str, ...] = ()

    @property
    def outputs(self) -> Outputs:
        """The classes or findings that both have."""
        return Outputs(kind=self.task.kind, classes=self.task.classes)

    def of(self, predictions: Predictions) -> Predictions:
        """The network's predictions, about the outputs that both have.

        Where a class of several is left out, so are its images, and the probabilities of the others
        are those given that it is one of them.
        """
        columns = list(self.columns)
        targets = predictions.targets
        if self.task.kind == "multilabel":
            p = predictions.probabilities[:, columns]
            return replace(predictions, targets=targets[:, columns], probabilities=p)
        kept = predictions.at(np.isin(targets, columns))
        return replace(
            kept,
            targets=np.searchsorted(columns, kept.targets),
            probabilities=self.probabilities(kept.probabilities),
        )

    def probabilities(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The network's probabilities (n, its outputs), for the outputs that both have."""
        chosen = p[:, list(self.columns)]
        if self.task.kind == "multilabel" or chosen.shape == p.shape:
            return chosen
        return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))


def match(home: DataRecord, findings: Sequence[str]) -> Match:
    """Match the outputs of a network with the findings of other data.

    Names are equal that differ in case, or in a line for a space, alone. ``normal`` and
    ``abnormal``, ``one`` and ``several`` mean the same for all data: none of their findings, any,
    one, several.

    Raises:
        InputError: nothing is in common that the task can be asked about.
    """
    whole = make_task(home.task)
    if home.task not in NAMING_TASKS:
        return Match(task=whole, columns=tuple(range(len(home.classes))))
    named = {_plain(finding): finding for finding in findings}
    columns = tuple(k for k, name in enumerate(home.classes) if _plain(name) in named)
    classes = tuple(home.classes[k] for k in columns)
    if len(columns) < (2 if whole.kind == "multiclass" else 1):
        raise InputError(
            f"task {home.task} has {len(columns) or 'no'} finding{'s' * (len(columns) != 1)} in "
            f"common with these data: they have {first_names(findings, NAMED)}, and the network "
            f"{first_names(home.classes, NAMED)}; rename labels that mean the same, or evaluate a "
            "run of task m1"
        )
    translated = {named[_plain(name)]: name for name in classes}
    return Match(
        task=_narrowed(whole, classes, translated),
        columns=columns,
        only_home=tuple(name for name in home.classes if name not in classes),
        only_other=tuple(name for name in findings if name not in translated),
    )


def _narrowed(whole: Task, classes: tuple[str, ...], translated: Mapping[str, str]) -> Task:
    """The task about some findings alone, which other data have other names for."""
    several = whole.kind == "multiclass"

    def labels(rows: pd.DataFrame) -> NDArray[np.float32]:
        found = [
            tuple(translated[finding] for finding in of_row if finding in translated)
            for of_row in rows["findings"]
        ]
        return finding_labels(pd.DataFrame({"findings": found}), classes)

    def select(rows: pd.DataFrame) -> NDArray[np.bool_]:
        # Which class of several an image without any of them has, nobody can tell.
        mask = whole.select(rows)
        return mask & labels(rows).any(axis=1) if several else mask

    def targets(rows: pd.DataFrame) -> NDArray[Any]:
        found = labels(rows)
        return found.argmax(axis=1).astype(np.int64) if several else found

    return replace(whole, classes=classes, select=select, targets=targets)


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").strip()
