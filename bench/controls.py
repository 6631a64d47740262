"""Controls: predictors that see no lungs.

They are rows of every results table. A network that does not beat them has learned nothing
about the disease that its patients' other images, their age or the exposure would not tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.splits import Positions, Split
from bench.errors import InputError
from bench.registry import near_matches

# Pixels read at once; as float64 this is 32 MiB, whatever the image size.
_CHUNK_PIXELS = 2**22


class ControlUnavailable(Exception):  # noqa: N818 - it is no fault, the table shows its reason
    """The data lack what a control looks at; the message is the reason, for the table."""


@dataclass(frozen=True, kw_only=True)
class _Study:
    """What a control may see. Labels are those of the training images only."""

    rows: pd.DataFrame
    train: Positions
    train_targets: NDArray[np.float64]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Control:
    """A named control.

    Attributes:
        name: snake_case.
        description: one line.
        predict: from what it may see to the probability of "positive" for every row.
    """

    name: str
    description: str
    predict: Callable[[_Study], NDArray[np.float64]]


def find_control(name: str) -> Control:
    """The control of that name.

    Raises:
        InputError: unknown name; the message lists near matches.
    """
    if name not in CONTROLS:
        raise InputError(f"unknown control {name!r}: {near_matches(name, list(CONTROLS))}")
    return CONTROLS[name]


def predict_control(
    name: str,
    *,
    rows: pd.DataFrame,
    targets: NDArray[np.int64],
    split: Split,
    pixels: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """Fit a control on the training part and apply it to all rows.

    Only the targets of ``split.train`` are read.

    Args:
        name: one of :data:`CONTROLS`.
        rows: the study table with the column ``pixel_row``, n rows.
        targets: 0 (normal) or 1 (abnormal), shape (n,).
        split: the split of ``rows``.
        pixels: uint8 (images, height, width), indexed by ``pixel_row``; may be a memory map,
            which is read in pieces, and only by ``brightness``.

    Returns:
        Probability of abnormal, shape (n,).

    Raises:
        InputError: unknown name; the message lists near matches.
        ControlUnavailable: the data lack what the control looks at.
    """
    control = find_control(name)
    study = _Study(
        rows=rows,
        train=split.train,
        train_targets=targets[split.train].astype(np.float64),
        pixels=pixels,
    )
    return control.predict(study)


def _prior(study: _Study) -> NDArray[np.float64]:
    return np.full(len(study.rows), study.train_targets.mean())


def _same_patient(study: _Study) -> NDArray[np.float64]:
    patients = study.rows["patient"]
    if (patients == "").all():
        raise ControlUnavailable("no patient ids")
    train_patients = patients.iloc[study.train].to_numpy(dtype=object)
    known = train_patients != ""
    means = pd.Series(study.train_targets[known]).groupby(train_patients[known]).mean()
    found = patients.map(means).to_numpy(dtype=np.float64)
    return np.where(np.isnan(found), study.train_targets.mean(), found)


def _metadata(study: _Study) -> NDArray[np.float64]:
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
    return _logistic_regression(
        features.fit(train).transform(columns), train=study.train, targets=study.train_targets
    )


def _brightness(study: _Study) -> NDArray[np.float64]:
    from sklearn.preprocessing import StandardScaler

    at = study.rows["pixel_row"].to_numpy()
    features = np.empty((len(at), 2))
    step = max(1, _CHUNK_PIXELS // int(np.prod(study.pixels.shape[1:])))
    for start in range(0, len(at), step):
        chunk = study.pixels[at[start : start + step]].astype(np.float64)
        features[start : start + step, 0] = chunk.mean(axis=(1, 2))
        features[start : start + step, 1] = chunk.std(axis=(1, 2))
    scaler = StandardScaler().fit(features[study.train])
    return _logistic_regression(
        scaler.transform(features), train=study.train, targets=study.train_targets
    )


def _logistic_regression(
    features: NDArray[np.float64], *, train: Positions, targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(features[train], targets)
    probabilities: NDArray[np.float64] = model.predict_proba(features)[:, 1]
    return probabilities


CONTROLS: dict[str, Control] = {
    control.name: control
    for control in (
        Control(
            name="prior",
            description="share of abnormal images in train, the same for every image",
            predict=_prior,
        ),
        Control(
            name="same_patient",
            description="mean train label of the same patient, else the share in train",
            predict=_same_patient,
        ),
        Control(
            name="metadata",
            description="logistic regression on age, sex, view and follow-up number",
            predict=_metadata,
        ),
        Control(
            name="brightness",
            description="logistic regression on mean and standard deviation of the pixels",
            predict=_brightness,
        ),
    )
}
