"""Predictions as files: what every number of every report is computed from.

``predictions.csv`` holds the validation and test images of the task; columns

    part, image, patient, target, probability                    two classes
    part, image, patient, target, prob_Atelectasis, prob_…       several classes, or labels

A two-class target is 0 or 1 and the probability that of the second class. Otherwise the target
names what is right, several joined by ``|``. A cascade's file has one more column after it,
``called``, with the findings that the cascade names; elsewhere a threshold says that.

``others.csv`` has the same columns but the target: the images of those parts that are outside the
task, which a cascade routes to it all the same when an earlier stage errs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.study import SEPARATOR
from bench.registry import TargetKind

PREDICTIONS = "predictions.csv"
OTHERS = "others.csv"
CALLED = "called"
IDS = ("part", "image", "patient")


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Classes or findings that a run predicts."""

    kind: TargetKind  # "multiclass" or "multilabel"
    classes: tuple[str, ...]

    @property
    def binary(self) -> bool:
        """Whether there are two classes, so that one probability gives both."""
        return self.kind == "multiclass" and len(self.classes) == 2

    @property
    def columns(self) -> list[str]:
        """The columns of probabilities."""
        return ["probability"] if self.binary else [f"prob_{name}" for name in self.classes]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Predictions of a run for some images of one part of the split."""

    images: NDArray[np.object_]  # ids, str (n,)
    patients: NDArray[np.object_]  # str (n,); "" where unknown
    # int64 (n,) class indices, or float64 (n, outputs) of 0 and 1 for multi-label; empty of images
    # outside the task.
    targets: NDArray[Any]
    probabilities: NDArray[np.float64]  # float64 (n, outputs); two columns for two classes
    # bool (n, outputs), the findings that a cascade names; None elsewhere, where a threshold chosen
    # on the validation part decides.
    called: NDArray[np.bool_] | None = None

    def at(self, rows: NDArray[Any]) -> Predictions:
        """The predictions of some images of the task, by their row numbers or a mask."""
        return Predictions(
            images=self.images[rows],
            patients=self.patients[rows],
            targets=self.targets[rows],
            probabilities=self.probabilities[rows],
            called=None if self.called is None else self.called[rows],
        )

    def counts(self, outputs: Outputs) -> dict[str, int]:
        """Number of images that have each output."""
        names = outputs.classes
        of_each = self.targets if self.targets.ndim == 2 else np.eye(len(names))[self.targets]
        return dict(zip(names, of_each.sum(axis=0).astype(int).tolist(), strict=True))


def to_frame(predictions: Predictions, outputs: Outputs, *, part: str) -> pd.DataFrame:
    """Predictions of one part as a table; without targets where they have none."""
    columns: dict[str, Any] = {
        "part": part,
        "image": predictions.images,
        "patient": predictions.patients,
    }
    targets, called = predictions.targets, predictions.called
    if len(targets):
        columns["target"] = targets if outputs.binary else _named(outputs, targets)
    if called is not None:
        columns[CALLED] = _named(outputs, called)
    p = predictions.probabilities
    shown = pd.DataFrame(p[:, 1:] if outputs.binary else p, columns=outputs.columns)
    return pd.concat([pd.DataFrame(columns), shown], axis=1)


def read_frame(path: Path, outputs: Outputs, *, with_targets: bool) -> pd.DataFrame:
    """Read a file of predictions: ids and targets as text, probabilities as they were written.

    Raises:
        OSError: it cannot be read.
        ValueError: other columns than expected, or a probability that is not in [0, 1].
    """
    # Text first: ids such as "007" and "NA" stay as they are, and Python's own conversion gives
    # back every bit of the probabilities.
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    called = [CALLED] if CALLED in frame else []
    wanted = [*IDS, *(["target"] if with_targets else []), *called, *outputs.columns]
    if list(frame.columns) != wanted:
        raise ValueError(f"columns are not {', '.join(wanted)}")
    frame = frame.astype(dict.fromkeys(outputs.columns, np.float64))
    p = frame[outputs.columns].to_numpy()
    if not ((p >= 0.0) & (p <= 1.0)).all():  # nor where it is NaN
        raise ValueError("a probability is not in [0, 1]")
    return frame


def from_frame(frame: pd.DataFrame, outputs: Outputs) -> Predictions:
    """The rows of a table that :func:`read_frame` gave, as arrays.

    Raises:
        ValueError: a target that is none of the outputs.
    """
    shown = frame[outputs.columns].to_numpy(dtype=np.float64)
    texts = frame["target"].tolist() if "target" in frame else []
    return Predictions(
        images=frame["image"].to_numpy(dtype=object),
        patients=frame["patient"].to_numpy(dtype=object),
        targets=_parsed(outputs, texts),
        probabilities=np.hstack([1.0 - shown, shown]) if outputs.binary else shown,
        called=_parsed(outputs, frame[CALLED].tolist()) > 0 if CALLED in frame else None,
    )


def _named(outputs: Outputs, targets: NDArray[Any]) -> list[str]:
    if outputs.kind == "multiclass":
        return [outputs.classes[target] for target in targets]
    names = np.array(outputs.classes, dtype=object)
    return [SEPARATOR.join(names[row > 0]) for row in targets]


def _parsed(outputs: Outputs, texts: Sequence[str]) -> NDArray[Any]:
    if outputs.binary:
        if wrong := set(texts) - {"0", "1"}:
            raise ValueError(f"a target is {min(wrong)!r}, not 0 or 1")
        return np.array([int(text) for text in texts], dtype=np.int64)
    columns = {name: column for column, name in enumerate(outputs.classes)}
    named = [text.split(SEPARATOR) if text else [] for text in texts]
    if wrong := {name for names in named for name in names} - columns.keys():
        raise ValueError(f"a target is {min(wrong)!r}, none of the outputs")
    if outputs.kind == "multiclass":
        if any(len(names) != 1 for names in named):
            raise ValueError("a target does not name exactly one class")
        return np.array([columns[name] for (name,) in named], dtype=np.int64)
    targets = np.zeros((len(texts), len(outputs.classes)))
    for row, names in enumerate(named):
        targets[row, [columns[name] for name in names]] = 1.0
    return targets
