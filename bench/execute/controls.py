"""Controls: predictors that see no lungs.

They are rows of every results table. A network that does not beat them has learned nothing
about the disease that its patients' other images, their age or the exposure would not tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.splits import RowNumbers
from bench.errors import InputError
from bench.registry import TargetKind, near_matches

# Pixels read at once; as float64 this is 32 MiB, whatever the image size.
_CHUNK_PIXELS = 2**22


class ControlUnavailable(Exception):  # noqa: N818 - it is no fault, the table shows its reason
    """The data lack what a control looks at; the message is the reason, for the table."""


@dataclass(frozen=True, kw_only=True)
class _Study:
    """Inputs of a control. Labels are those of the training images only."""

    rows: pd.DataFrame
    train: RowNumbers
    train_labels: NDArray[np.float64]  # (train, outputs) of 0 and 1
    kind: TargetKind
    pixels: NDArray[np.uint8]


def check_control(name: str) -> None:
    """Refuse an unknown name.

    Raises:
        InputError: unknown name; the message lists near matches.
    """
    if name not in CONTROLS:
        raise InputError(f"unknown control {name!r}: {near_matches(name, list(CONTROLS))}")


def predict_control(
    name: str,
    *,
    rows: pd.DataFrame,
    targets: NDArray[Any],
    kind: TargetKind,
    outputs: int,
    train: RowNumbers,
    pixels: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """Fit a control on the training part and apply it to all rows.

    Only the targets of ``train`` are read.

    Args:
        name: one of :data:`CONTROLS`.
        rows: the study table with the column ``pixel_row``, n rows.
        targets: int64 (n,) class indices, or (n, outputs) of 0 and 1 for multi-label.
        kind: "multiclass" or "multilabel".
        outputs: number of classes or labels.
        train: the rows to learn from.
        pixels: uint8 (images, height, width), indexed by ``pixel_row``; may be a memory map,
            which is read in pieces, and only by ``brightness``.

    Returns:
        Probability of each output, (n, outputs); over classes they sum to 1.

    Raises:
        InputError: unknown name; the message lists near matches.
        ControlUnavailable: the data lack what the control looks at.
    """
    check_control(name)
    learned = targets[train]
    labels = np.eye(outputs)[learned] if kind == "multiclass" else learned
    study = _Study(
        rows=rows, train=train, train_labels=labels.astype(np.float64), kind=kind, pixels=pixels
    )
    return CONTROLS[name](study)


def _prior(study: _Study) -> NDArray[np.float64]:
    """Share of each class in train, the same for every image."""
    return np.tile(study.train_labels.mean(axis=0), (len(study.rows), 1))


def _same_patient(study: _Study) -> NDArray[np.float64]:
    """Mean train label of the same patient, else the share in train."""
    patients = study.rows["patient"].to_numpy(dtype=object)
    if (patients == "").all():
        raise ControlUnavailable("no patient ids")
    codes, _ = pd.factorize(patients)
    known = patients[study.train] != ""
    seen = codes[study.train][known]
    sums = np.zeros((codes.max() + 1, study.train_labels.shape[1]))
    np.add.at(sums, seen, study.train_labels[known])
    images = np.bincount(seen, minlength=len(sums))[:, None]
    means = np.where(images > 0, sums / np.maximum(images, 1), study.train_labels.mean(axis=0))
    return means[codes]


def _metadata(study: _Study) -> NDArray[np.float64]:
    """Logistic regression on age, sex, view and follow-up number."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = study.rows[["age", "follow_up", "sex", "view"]]
    train = columns.iloc[study.train]
    numbers = [name for name in ("age", "follow_up") if train[name].notna().any()]
    words = [name for name in ("sex", "view") if (train[name] != "").any()]
    if not numbers and not words:
        raise ControlUnavailable("no age, sex, view or follow-up number")
    features = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
            numbers,
        ),
        # An unknown ("") sex or view is a category like the others.
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
    )
    return _logistic_regression(features.fit(train).transform(columns), study)


def _brightness(study: _Study) -> NDArray[np.float64]:
    """Logistic regression on mean and standard deviation of the pixels."""
    from sklearn.preprocessing import StandardScaler

    at = study.rows["pixel_row"].to_numpy()
    features = np.empty((len(at), 2))
    step = max(1, _CHUNK_PIXELS // int(np.prod(study.pixels.shape[1:])))
    for start in range(0, len(at), step):
        chunk = study.pixels[at[start : start + step]].astype(np.float64)
        features[start : start + step, 0] = chunk.mean(axis=(1, 2))
        features[start : start + step, 1] = chunk.std(axis=(1, 2))
    scaler = StandardScaler().fit(features[study.train])
    return _logistic_regression(scaler.transform(features), study)


def _logistic_regression(features: NDArray[np.float64], study: _Study) -> NDArray[np.float64]:
    """One regression over the classes, or one for each label."""
    if study.kind == "multiclass":
        return _regress(features, study, study.train_labels.argmax(axis=1))
    columns = [
        _regress(features, study, label.astype(np.int64))[:, 1] for label in study.train_labels.T
    ]
    return np.column_stack(columns)


def _regress(
    features: NDArray[np.float64], study: _Study, classes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probabilities of the classes 0, 1, … for every row; a class not trained on has 0."""
    from sklearn.linear_model import LogisticRegression

    outputs = max(2, study.train_labels.shape[1]) if study.kind == "multiclass" else 2
    probabilities = np.zeros((len(features), outputs))
    present = np.unique(classes)
    if len(present) == 1:
        probabilities[:, present[0]] = 1.0
        return probabilities
    model = LogisticRegression(max_iter=1000).fit(features[study.train], classes)
    probabilities[:, present] = model.predict_proba(features)
    return probabilities


CONTROLS: dict[str, Callable[[_Study], NDArray[np.float64]]] = {
    "prior": _prior,
    "same_patient": _same_patient,
    "metadata": _metadata,
    "brightness": _brightness,
}
"""Probabilities of every row (rows, outputs), by the control's name."""
