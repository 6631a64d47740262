"""Figures of one model as estimates: on the images as they are and in each bootstrap resample."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.evaluate import delong, metrics
from bench.evaluate.auc import Auc
from bench.evaluate.calibration_error import (
    bin_errors,
    calibration_error,
    chance_of,
    without_chance,
)
from bench.evaluate.calibration_slope import calibration_intercept, calibration_slope, no_slope
from bench.evaluate.estimate import LEVEL, Estimate, Interval
from bench.evaluate.metrics import Bools, Floats

# Patients, below whose number resamples do not tell how much a share varies.
FEW = 5
NORMAL = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)


def wilson_limits(share: float, patients: float) -> tuple[float, float]:
    """Wilson's confidence limits of a share, in [0, 1].

    Args:
        patients: effective number of them.
    """
    squared = NORMAL**2 / patients
    middle = share + squared / 2.0
    half = math.sqrt(squared * (share * (1.0 - share) + squared / 4.0))
    low, high = ((middle + sign * half) / (1.0 + squared) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def _limits_of_mean(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Limits of the mean of shares that are taken as independent; none where no share has any.

    The distances of their own limits are added as squares: Zou, Donner: "Construction of
    confidence limits about effect measures: a general approach", Statistics in Medicine 27, 2008.
    """
    if all(each.at_least[0] > each.at_least[1] for each in estimates):
        return math.inf, -math.inf
    defined = [replace(each, reason="") for each in estimates if not math.isnan(each.value)]
    limits = [Interval.of(each) for each in defined]
    mean = float(np.mean([each.value for each in limits]))
    down, up = (
        math.sqrt(np.nansum(np.square(distances))) / len(limits)
        for distances in (
            [each.value - each.low for each in limits],
            [each.high - each.value for each in limits],
        )
    )
    return max(0.0, mean - down), min(1.0, mean + up)


@dataclass(frozen=True, kw_only=True)
class Resamples:
    """Some images and the bootstrap resamples of their patients.

    All arrays that the methods take are of the images in ``order``, shape (n,).

    Attributes:
        order: positions of the images in the arrays that were given, sorted by id, (n,).
        groups: the patient of each image in that order, numbered from 0, (n,).
        counts: how often each patient is in each resample, (patients, 1 + resamples). Column 0
            has every patient once: the images as they are.
        images: a digest of the images and their patients.
    """

    order: NDArray[np.int64]
    groups: NDArray[np.int64]
    counts: NDArray[np.uint16]
    images: str

    def pooled(self, outputs: int) -> Resamples:
        """The resamples of all pairs of an image and an output, image by image."""
        groups = np.repeat(self.groups, outputs)
        return replace(self, order=np.arange(len(groups)), groups=groups)

    def auc(self, positive: Bools, scores: Floats) -> Auc:
        """The area under the ROC curve, without a resample; see :mod:`bench.evaluate.delong`."""
        return delong.auc(positive, scores, self.groups, images=self.images)

    def average_precision(self, positive: Bools, scores: Floats) -> Estimate:
        """The average precision; see :func:`bench.evaluate.metrics.average_precision`.

        Near 1 its interval is at least Wilson's of a share of the positives, as where all are
        found: Boyd, Eng, Page: "Area under the precision-recall curve: point estimates and
        confidence intervals", ECML PKDD 2013, take it for binomial.
        """
        values = metrics.average_precision(positive, scores, groups=self.groups, counts=self.counts)
        found = self._estimate(values, reason=self._no_classes(positive))
        return self._share(found, positive) if found.value >= 0.5 else found

    def calibration(self, positive: Bools, p: Floats) -> dict[str, Estimate]:
        """The figures of :data:`bench.evaluate.measures.CALIBRATED`."""
        reason = self._no_classes(positive)
        no_line = reason or no_slope(positive, p)
        return {
            "brier": self.brier(positive, p),
            "ece": self.calibration_error(positive, p),
            "calibration_slope": self._coefficient(calibration_slope, positive, p, reason=no_line),
            "calibration_intercept": self._coefficient(
                calibration_intercept, positive, p, reason=reason
            ),
        }

    def calibration_error(self, positive: Bools, p: Floats) -> Estimate:
        """The expected calibration error without what chance adds to that of a calibrated network.

        The value and the lower half of the draws have it taken off. The upper half has not: chance
        adds nothing to a large error, and the true one may be large. So at least 95 % of the
        intervals of calibrated networks contain 0
        (``tests/bench/evaluate/test_calibrated.py``). Resampling adds chance once more, so that
        the draws show how much a figure deviates from their mean.
        """
        errors = bin_errors(positive, p, groups=self.groups, counts=self.counts)
        whole = calibration_error(errors)
        net = without_chance(errors, chance_of(positive, p, groups=self.groups))
        lower, upper = (each[1:] - each[1:].mean() for each in (net, whole))
        draws = np.where(lower < 0.0, net[0] + lower, whole[0] + upper)
        reason = self._few(np.ones(len(p), bool))
        return self._estimate(np.append(net[0], draws), reason=reason)

    def brier(self, positive: Bools, p: Floats) -> Estimate:
        """The Brier score: mean squared difference of probability and target."""
        return self.ratio((p - positive) ** 2, np.ones(len(p)))

    def operating_point(
        self, positive: Bools, scores: Floats, *, specificity: float
    ) -> tuple[Estimate, Estimate]:
        """Sensitivity and number needed to read at a specificity.

        See :func:`bench.evaluate.metrics.operating_point`.
        """
        sensitivity, needed_to_read = metrics.operating_point(
            positive, scores, specificity=specificity, groups=self.groups, counts=self.counts
        )
        reason = self._no_classes(positive)
        sensitivities = self._estimate(sensitivity, reason=reason)
        if scores.min() < scores.max():
            sensitivities = self._share(sensitivities, positive)
        return (
            sensitivities,
            self._estimate(needed_to_read, reason=reason, bounds=(1.0, math.inf)),
        )

    def classification(self, positive: Bools, predicted: Bools) -> dict[str, Estimate]:
        """The figures of :data:`bench.evaluate.measures.AT_THRESHOLD` of binary predictions."""
        every = np.ones(len(positive), bool)
        shares: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
            "accuracy": (predicted == positive, every),
            "recall": (predicted & positive, positive),
            "specificity": (~predicted & ~positive, ~positive),
            "precision": (predicted & positive, predicted),
            "f1": (2.0 * (predicted & positive), predicted.astype(float) + positive),
        }
        found = self.ratios(shares)
        # Who calls all images alike has a sensitivity of 0 or 1, whoever the patients are.
        alike = predicted.all() or not predicted.any()
        vary = ("accuracy", "precision") if alike else shares
        return found | {name: self._share(found[name], shares[name][1] > 0) for name in vary}

    def ratio(self, numerator: ArrayLike, denominator: ArrayLike) -> Estimate:
        """A sum over the images divided by another that is no smaller; NaN for 0 / 0."""
        return self.ratios({"": (numerator, denominator)})[""]

    def ratios(self, parts: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> dict[str, Estimate]:
        """Some figures at once, each of a numerator and a denominator; see :meth:`ratio`."""
        columns = [np.asarray(part, np.float64) for pair in parts.values() for part in pair]
        table = np.stack(columns, axis=1)
        sums = metrics.sums(table, groups=self.groups, counts=self.counts)
        above, below = sums[:, 0::2], sums[:, 1::2]
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.where(below > 0, above / below, math.nan)
        return {
            name: self._estimate(values[:, k], reason=self._few(table[:, 2 * k + 1] != 0))
            for k, name in enumerate(parts)
        }

    def share(self, numerator: ArrayLike, denominator: ArrayLike) -> Estimate:
        """A :meth:`ratio` of counts whose interval is wide enough near 0 and 1."""
        return self._share(self.ratio(numerator, denominator), np.asarray(denominator))

    def macro(self, estimates: list[Estimate]) -> Estimate:
        """The mean over the findings for which a figure is defined, resample by resample.

        A rare finding is missing from some resamples: they have the mean of the others, as a test
        part without it would.
        """
        defined = [
            np.append(estimate.value, estimate.draws)
            for estimate in estimates
            if not math.isnan(estimate.value)
        ]
        if not defined:
            return self.undefined("no finding has it defined")
        values = np.stack(defined)
        present = ~np.isnan(values)
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
            means = np.where(present, values, 0.0).sum(axis=0) / present.sum(axis=0)
        found = self._estimate(means, reason=self._few(np.ones(len(self.groups), bool)))
        return replace(found, at_least=_limits_of_mean(estimates))

    def undefined(self, reason: str) -> Estimate:
        """A figure that cannot be computed."""
        draws = np.full(self.counts.shape[1] - 1, math.nan)
        return Estimate(value=math.nan, draws=draws, bounds=(0.0, 1.0), reason=reason)

    def _coefficient(
        self, metric: Callable[..., Floats], positive: Bools, p: Floats, *, reason: str
    ) -> Estimate:
        """A coefficient of the calibration line; undefined where there is a ``reason``."""
        if reason:
            return self.undefined(reason)
        values = metric(positive, p, groups=self.groups, counts=self.counts)
        return self._estimate(values, reason="", bounds=(-math.inf, math.inf))

    def _share(self, estimate: Estimate, counted: NDArray[Any]) -> Estimate:
        """A share of what counts in each image, (n,), with a wide enough interval near 0 and 1.

        Where all are right, so are they in every resample. Below ``FEW`` patients who are wrong,
        or right, the interval is at least Wilson's: "Probable inference, the law of succession,
        and statistical inference", J. Am. Stat. Assoc. 22, 1927.
        """
        images = np.bincount(self.groups, counted)
        patients = images.sum() ** 2 / max(1.0, float(images @ images))
        if not patients * min(estimate.value, 1.0 - estimate.value) < FEW:
            return estimate
        return replace(estimate, at_least=wilson_limits(estimate.value, patients))

    def _estimate(
        self,
        values: Floats,
        *,
        reason: str,
        bounds: tuple[float, float] = (0.0, 1.0),
    ) -> Estimate:
        """An estimate of values (1 + resamples,), the one on the images as they are first.

        Args:
            reason: why there is no interval; "" where there is one, if the figure is defined.
        """
        value = float(values[0])
        return Estimate(
            value=value,
            draws=values[1:],
            bounds=bounds,
            reason=reason or ("undefined on these images" if math.isnan(value) else ""),
        )

    def _no_classes(self, positive: Bools) -> str:
        """Why a figure of two classes has no interval: a class of one patient would never vary."""
        if positive.all() or not positive.any():
            return "the images are all of one class"
        fewest = min(self._patients(positive), self._patients(~positive))
        return "the images of a class are all of one patient" if fewest == 1 else ""

    def _few(self, counted: Bools) -> str:
        """Why a figure over some images has no interval: one patient would never vary."""
        patients = self._patients(counted)
        if patients == 0:
            return "no image counts"
        return "the images that count are all of one patient" if patients == 1 else ""

    def _patients(self, images: Bools) -> int:
        return len(np.unique(self.groups[images]))
