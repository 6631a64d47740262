"""Metrics of predictions that name findings: several labels an image, or one class of several.

Each finding is judged against all images without it, then averaged in two ways. *Macro* is the
mean over the findings, each counting the same however rare. *Micro* pools all pairs of an image
and a finding, so that frequent findings count most.

A finding that no image has cannot be found or missed: all its figures are NaN, macro averages are
over the others and say how many those are. Its pairs are in the micro averages, since calling it
is wrong there too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate.binary import (
    BinaryMetrics,
    checked_probabilities,
    choose_threshold,
    metrics_of_calls,
)

AVERAGED = ("auc", "average_precision", "recall", "f1")
"""The metrics of a finding that are averaged."""
# Facts of the question, which stand where the answer cannot be judged.
_NOT_JUDGED = frozenset({"images", "positives", "threshold"})


@dataclass(frozen=True, kw_only=True)
class Macro:
    """A mean over findings.

    Attributes:
        mean: NaN where it is over none.
        findings: how many it is over: those for which the metric is defined.
    """

    mean: float
    findings: int


@dataclass(frozen=True, kw_only=True)
class FindingsMetrics:
    """How well answers that name findings fit the targets.

    Attributes:
        images: number of images.
        findings: each finding against all images without it, in the order of the outputs; where
            no image has it, NaN but for the threshold and the counts.
        macro: means over the findings, by the names of :data:`AVERAGED`.
        micro: of all image-finding pairs pooled, by the same names.
        exact_match: share of images whose whole answer is right: every label, or the class.
    """

    images: int
    findings: tuple[BinaryMetrics, ...]
    macro: dict[str, Macro]
    micro: dict[str, float]
    exact_match: float


def label_metrics(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    thresholds: ArrayLike,
    called: NDArray[np.bool_] | None = None,
) -> FindingsMetrics:
    """Compute all metrics of answers that may name any number of findings.

    Args:
        targets: 0 or 1, shape (n, findings), n >= 1.
        probabilities: of each finding, in [0, 1], shape (n, findings).
        thresholds: (findings,), chosen on other images by :func:`choose_thresholds`; a finding
            is called where its probability is >= its threshold.
        called: (n, findings), which findings are called, where no threshold decides.

    Raises:
        ValueError: shapes differ or are empty, a target is not 0 or 1, or a probability is NaN
            or outside [0, 1].
    """
    positive, p = _checked_labels(targets, probabilities)
    least = np.asarray(thresholds, dtype=np.float64)
    if least.shape != p.shape[1:]:
        raise ValueError(f"thresholds {least.shape} are not one for each of {p.shape[1]} findings")
    return _judge(positive, p, called=p >= least if called is None else called, thresholds=least)


def class_metrics(targets: ArrayLike, probabilities: ArrayLike) -> FindingsMetrics:
    """Compute all metrics of answers that name one finding: the most probable one.

    No threshold is chosen. A tie goes to the first finding. AUC and average precision set each
    finding against all others ("one versus rest").

    Args:
        targets: index of the right finding, whole numbers, shape (n,), n >= 1.
        probabilities: of each finding, in [0, 1], shape (n, findings).

    Raises:
        ValueError: shapes differ or are empty, a target is no index of a finding, or a
            probability is NaN or outside [0, 1].
    """
    right: NDArray[Any] = np.asarray(targets)
    p = np.asarray(probabilities, dtype=np.float64)
    if right.ndim != 1 or p.ndim != 2 or len(right) != len(p) or not p.size:
        raise ValueError(f"targets {right.shape} and scores {p.shape} are not (n,) and (n, k)")
    every = np.arange(p.shape[1])
    if not np.isin(right, every).all():
        raise ValueError(f"targets other than 0 to {p.shape[1] - 1}")
    positive, p = _checked_labels(right[:, None] == every, p)
    called = p.argmax(axis=1)[:, None] == every
    return _judge(positive, p, called=called, thresholds=np.full(p.shape[1], math.nan))


def choose_thresholds(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    rule: Callable[[ArrayLike, ArrayLike], float] = choose_threshold,
) -> NDArray[np.float64]:
    """A threshold for each finding.

    A finding that no image has here gets one by accuracy alone: midway from its highest
    probability to 1, which calls none of these images. That is ours; with no example there is
    nothing to weigh a missed finding against.

    Args:
        targets: 0 or 1, shape (n, findings), n >= 1: the validation part.
        probabilities: of each finding, in [0, 1], shape (n, findings).
        rule: :func:`bench.evaluate.binary.choose_threshold`, or
            :func:`bench.evaluate.binary.choose_threshold_for_f1`.

    Returns:
        Shape (findings,).

    Raises:
        ValueError: as :func:`label_metrics`.
    """
    positive, p = _checked_labels(targets, probabilities)
    return np.array([rule(t, q) for t, q in zip(positive.T, p.T, strict=True)])


def _judge(
    positive: NDArray[np.bool_],
    p: NDArray[np.float64],
    *,
    called: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
) -> FindingsMetrics:
    """All of them (n, findings), but the thresholds (findings,)."""
    columns = zip(positive.T, p.T, called.T, thresholds, strict=True)
    findings = tuple(
        _only_if_present(metrics_of_calls(t, q, called=c, threshold=float(threshold)))
        for t, q, c, threshold in columns
    )
    pooled = metrics_of_calls(
        positive.ravel(), p.ravel(), called=called.ravel(), threshold=math.nan
    )
    return FindingsMetrics(
        images=len(p),
        findings=findings,
        macro={name: _macro([getattr(f, name) for f in findings]) for name in AVERAGED},
        micro={name: getattr(pooled, name) for name in AVERAGED},
        exact_match=float((called == positive).all(axis=1).mean()),
    )


def _only_if_present(metrics: BinaryMetrics) -> BinaryMetrics:
    if metrics.positives:
        return metrics
    judged = {field.name for field in fields(metrics)} - _NOT_JUDGED
    unknown: dict[str, Any] = dict.fromkeys(judged, math.nan)
    return replace(metrics, **unknown)


def _macro(values: list[float]) -> Macro:
    defined = [value for value in values if not math.isnan(value)]
    return Macro(
        mean=float(np.mean(defined)) if defined else math.nan,
        findings=len(defined),
    )


def _checked_labels(
    targets: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    t: NDArray[Any] = np.asarray(targets)
    p = np.asarray(probabilities, dtype=np.float64)
    if t.ndim != 2 or t.shape != p.shape or not p.size:
        raise ValueError(f"targets {t.shape} and scores {p.shape} are not one (n, k), n >= 1")
    positive, flat = checked_probabilities(t.ravel(), p.ravel())
    return positive.reshape(t.shape), flat.reshape(p.shape)
