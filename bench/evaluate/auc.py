"""AUC with its variance, and what is linear in AUCs: their means and differences.

To first order an AUC is a sum over patients (:mod:`bench.evaluate.delong`), and so is a mean or
a difference of AUCs: what each patient adds is added or subtracted, patient by patient. That
makes differences on the same images paired, and takes no resample.

Intervals are symmetric in log(AUC / (1 - AUC)), with a t quantile: of the patients of the rarer
class less one, and of fewer where few patients carry the variance. Where an AUC is near 1 and
patients are few, hardly any of them is misranked, and the variance that those few show is too
small as often as not. A share of the variance that Newcombe's method 5 expects is then added, and
the interval is symmetric in the AUC itself (``docs/coverage.md`` has how often they cover).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from bench.evaluate.estimate import DECIMALS, LEVEL, Interval

# Misranked patients of the rarer class, (1 - AUC) times their number, below which the variance is
# supplemented: the smallest number with which intervals covered in all simulations.
FEW = 1.25
FEW_PATIENTS = 15
"""With fewer patients in a class, the variance of an AUC is hardly known."""


@dataclass(frozen=True, kw_only=True)
class Auc:
    """An AUC, or a mean or difference of AUCs, with the variance of the estimate.

    Attributes:
        value: NaN where undefined.
        parts: what each patient adds to the error, (patients,), by the digest of the images.
            The squares sum to the variance over other patients.
        df: degrees of freedom of that variance, at most.
        supplement: variance that ``parts`` hide where hardly any patient is misranked, or nearly
            all of a class have one score.
        seeds: variance over other seeds; 0 for one run.
        seeds_observed: variance of the runs' mean by their own values: ``seeds``, and what of
            it the patients explain. Its degrees of freedom are those of ``seeds``.
        seeds_df: degrees of freedom of ``seeds_observed``.
        bounds: least and largest possible value.
        patients: fewest patients of a class.
        reason: why there is no interval; "" where there is one.
        ranking: digest of the order of the images, or of all orders that a mean is over; ""
            where other networks may well have the same.
    """

    value: float
    parts: Mapping[str, NDArray[np.float64]]
    df: float
    supplement: float = 0.0
    seeds: float = 0.0
    seeds_observed: float = 0.0
    seeds_df: float = math.inf
    bounds: tuple[float, float] = (0.0, 1.0)
    patients: int = 0
    reason: str = ""
    ranking: str = ""

    @property
    def patient_variance(self) -> float:
        """The variance over other patients, without the supplement."""
        return float(sum(part @ part for part in self.parts.values()))

    @property
    def standard_error(self) -> float:
        """The standard error over other patients and seeds."""
        return math.sqrt(self.patient_variance + self.supplement + self.seeds)

    @property
    def total_df(self) -> float:
        """Degrees of freedom of the whole variance, after Satterthwaite; at least 1."""
        by_patients = self.patient_variance**2 / min(self.df, self._df_by_moments)
        unsure = by_patients + self.seeds_observed**2 / self.seeds_df
        if not unsure > 0.0:
            return math.inf if self.supplement else self.df
        return max(1.0, self.standard_error**4 / unsure)

    @property
    def _df_by_moments(self) -> float:
        """Degrees of freedom of the patients' variance as far as few of them carry it.

        Those of a chi-square variable whose variance is that of a sum of such squares.
        """
        squares = [part**2 for part in self.parts.values()]
        variance = sum(float(each @ each) - each.sum() ** 2 / len(each) for each in squares)
        return 2.0 * self.patient_variance**2 / variance if variance > 0.0 else math.inf

    @property
    def few_misranked(self) -> bool:
        """Whether so few patients are misranked that the interval is symmetric in the AUC."""
        return few_misranked(self.value, self.df + 1.0) > 0.0

    def interval(self, *, level: float = LEVEL) -> Interval:
        """The confidence interval, rounded so that a tie stays a tie."""
        if self.reason:
            return Interval(value=self.value, reason=self.reason)
        half = float(stdtrit(self.total_df, (1.0 + level) / 2.0)) * self.standard_error
        low, high = self.value - half, self.value + half
        if self.bounds == (0.0, 1.0) and not self.few_misranked:
            slope = self.value * (1.0 - self.value)
            middle = math.log(self.value / (1.0 - self.value))
            low, high = (float(expit(middle + sign * half / slope)) for sign in (-1, 1))
        low, high = np.round(np.clip([low, high], *self.bounds), DECIMALS)
        return Interval(value=self.value, low=float(low), high=float(high))


def few_misranked(value: float, patients: float) -> float:
    """Scarcity of patients that an AUC misranks: from 0 for ``FEW`` and more to 1 for none.

    Args:
        patients: effective number of patients of the rarer class.
    """
    return max(0.0, 1.0 - patients * min(value, 1.0 - value) / FEW)


def undefined(reason: str) -> Auc:
    """An AUC that cannot be computed."""
    return Auc(value=math.nan, parts={}, df=1.0, reason=reason)


def difference(auc: Auc, reference: Auc) -> Auc:
    """The first AUC less the second: paired on the same images, independent on others.

    Seeds are independent: what a seed draws for two networks has nothing in common. Two that rank
    all images alike are one and the same, with other patients and other seeds too.
    """
    found = replace(
        _combined([1.0, -1.0], [auc, reference]),
        value=round(auc.value - reference.value, DECIMALS),
        supplement=auc.supplement + reference.supplement,
        bounds=(auc.bounds[0] - reference.bounds[1], auc.bounds[1] - reference.bounds[0]),
    )
    if auc.ranking and auc.ranking == reference.ranking:
        return replace(found, value=0.0, parts={}, supplement=0.0, seeds=0.0, seeds_observed=0.0)
    return found


def mean_of(aucs: Sequence[Auc]) -> Auc:
    """The mean of AUCs, or of differences; undefined where one of them is.

    Hidden variance may be of the same patients, and is added up as if it were.
    """
    low, high = np.mean([auc.bounds for auc in aucs], axis=0)
    return replace(
        _combined([1.0 / len(aucs)] * len(aucs), aucs),
        value=float(np.mean([auc.value for auc in aucs])),
        supplement=float(np.mean([math.sqrt(auc.supplement) for auc in aucs])) ** 2,
        bounds=(float(low), float(high)),
        ranking=_ranking_of_all([auc.ranking for auc in aucs]),
    )


def macro(findings: Sequence[Auc]) -> Auc:
    """The mean AUC of the findings for which it is defined, all of the same images.

    A finding that only one patient has adds its hidden variance, as if it were independent of the
    models. Degrees of freedom are Satterthwaite's of what each finding adds to the variance.
    """
    defined = [auc for auc in findings if not math.isnan(auc.value)]
    if not defined:
        return undefined("no finding has it defined")
    mean = mean_of([replace(auc, reason="") for auc in defined])
    variance = mean.patient_variance
    shares = [
        sum(float(part @ mean.parts[images]) for images, part in auc.parts.items()) / len(defined)
        for auc in defined
    ]
    unsure = sum(share**2 / auc.df for share, auc in zip(shares, defined, strict=True))
    reasons = [auc.reason for auc in defined]
    return replace(
        mean,
        df=max(mean.df, variance**2 / unsure) if unsure else mean.df,
        reason=reasons[0] if all(reasons) else "",
    )


def _combined(weights: Sequence[float], aucs: Sequence[Auc]) -> Auc:
    """A weighted sum of AUCs, but for its value, supplement and bounds."""
    parts: dict[str, NDArray[np.float64]] = {}
    for weight, auc in zip(weights, aucs, strict=True):
        for images, part in auc.parts.items():
            parts[images] = parts.get(images, 0.0) + weight * part
    squares = [weight**2 for weight in weights]
    observed = [square * auc.seeds_observed for square, auc in zip(squares, aucs, strict=True)]
    return Auc(
        value=math.nan,
        parts=parts,
        df=_df([auc.patient_variance for auc in aucs], [auc.df for auc in aucs]),
        seeds=sum(square * auc.seeds for square, auc in zip(squares, aucs, strict=True)),
        seeds_observed=sum(observed),
        seeds_df=_df(observed, [auc.seeds_df for auc in aucs]),
        patients=min(auc.patients for auc in aucs),
        reason=next((auc.reason for auc in aucs if auc.reason), ""),
    )


def _ranking_of_all(rankings: Sequence[str]) -> str:
    """A digest of some orders of the images; "" where one of them is not known."""
    if len(set(rankings)) == 1 or not all(rankings):
        return min(rankings)
    return hashlib.sha256("\n".join(sorted(rankings)).encode()).hexdigest()


def _df(variances: Sequence[float], dfs: Sequence[float]) -> float:
    """Degrees of freedom of a sum of variances that may be one and the same estimate."""
    total = sum(variances)
    if not total:
        return min(dfs)
    return total / sum(variance / df for variance, df in zip(variances, dfs, strict=True))
