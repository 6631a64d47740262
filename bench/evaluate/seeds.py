"""AUCs of runs that differ in their seed alone, and how much other seeds could change them.

Runs are crossed with patients, as readers are in studies of several readers and cases: the
variance of the runs' values is that of the seeds, and that of patients who fare otherwise with
another seed. The latter is known from the patients and subtracted (Obuchowski, Rockette:
"Hypothesis testing of diagnostic accuracy for multiple readers and multiple tests: an ANOVA
approach with dependent observations", Communications in Statistics 24, 1995).

Two or three seeds say little about their variance, so it is pooled over the rows of a table,
in log(AUC / (1 - AUC)), since seeds change an AUC near 1 less. A row that may vary more than the
others (F test, p below ``LARGER``) keeps its own, and is in the pool of the others unless it surely
does (``UNEQUAL``). The test has little power with few seeds, so that a row must not have to be
significant to be spared a variance that is too small: Bozivich, Bancroft, Hartley ("Power of
analysis of variance test procedures for certain incompletely specified models", Annals of
Mathematical Statistics 27, 1956) advise such a level before pooling.

Where hardly a patient is misranked, one more or less changes log(AUC / (1 - AUC)) by much, and the
runs differ by such chance. Rows of that kind are in the pool only where there is no other row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from scipy.special import fdtrc

from bench.evaluate.auc import Auc, mean_of

LARGER, UNEQUAL = 0.25, 0.05


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The variance of runs over seeds, in log(AUC / (1 - AUC)).

    Attributes:
        by_patients: what of it the patients explain.
        df: degrees of freedom of ``observed``.
        own: whether a row keeps its own, since it may be larger than the others'.
    """

    observed: float
    by_patients: float
    df: float
    own: bool = False


ONE_RUN = Spread(observed=0.0, by_patients=0.0, df=math.inf)


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs of one row on the same images.

    Attributes:
        mean: of their AUCs, with the variance over patients alone.
        spread: over their seeds; None for a single run, and where the mean is 0, 1 or undefined.
    """

    mean: Auc
    count: int
    spread: Spread | None

    @classmethod
    def of(cls, aucs: Sequence[Auc]) -> Runs:
        """From the AUC of each run, at least one."""
        mean, count = mean_of(aucs), len(aucs)
        slope = mean.value * (1.0 - mean.value)
        if count == 1 or not slope > 0.0:
            return cls(mean=mean, count=count, spread=None)
        observed, by_patients = variances(aucs, mean)
        return cls(
            mean=mean,
            count=count,
            spread=Spread(
                observed=observed / slope**2, by_patients=by_patients / slope**2, df=count - 1
            ),
        )

    def auc(self, spread: Spread) -> Auc:
        """The mean with the variance over patients and seeds."""
        if self.count == 1:
            return self.mean
        scale = (self.mean.value * (1.0 - self.mean.value)) ** 2 / self.count
        return replace(
            self.mean,
            seeds=scale * max(0.0, spread.observed - spread.by_patients),
            seeds_observed=scale * spread.observed,
            seeds_df=spread.df,
        )


def variances(values: Sequence[Auc], mean: Auc) -> tuple[float, float]:
    """The variance of runs that differ in their seed, and what of it the patients explain."""
    observed = float(np.var([each.value for each in values], ddof=1))
    by_patients = sum(
        float(np.sum((part - mean.parts[images]) ** 2))
        for each in values
        for images, part in each.parts.items()
    )
    return observed, by_patients / (len(values) - 1)


def pooled(rows: Sequence[Runs]) -> list[Spread]:
    """The spread of each row: its own where it may be larger than the others', else the pool."""
    known = [row.spread for row in rows if row.spread is not None]
    few = [row.mean.few_misranked for row in rows if row.spread is not None]
    telling = [not each for each in few] if not all(few) else [True] * len(few)
    df = [tells * spread.df for tells, spread in zip(telling, known, strict=True)]
    other_df = _sums_of_others(df)
    other_observed = _sums_of_others(
        [weight * spread.observed for weight, spread in zip(df, known, strict=True)]
    )
    p = [
        _p_above(spread, observed / weight if weight else 0.0, df=weight)
        for spread, observed, weight in zip(known, other_observed, other_df, strict=True)
    ]
    together = _pool(
        [s for s, tells, value in zip(known, telling, p, strict=True) if tells and value >= UNEQUAL]
    )
    found = iter(
        replace(spread, own=True) if value < LARGER else together
        for spread, value in zip(known, p, strict=True)
    )
    return [
        next(found) if row.spread is not None else ONE_RUN if row.count == 1 else together
        for row in rows
    ]


def _pool(spreads: Sequence[Spread]) -> Spread:
    """One spread from all, each weighted by its degrees of freedom."""
    df = sum(spread.df for spread in spreads)
    if not df:
        return ONE_RUN
    return Spread(
        observed=sum(spread.df * spread.observed for spread in spreads) / df,
        by_patients=sum(spread.df * spread.by_patients for spread in spreads) / df,
        df=df,
    )


def _sums_of_others(values: Sequence[float]) -> list[float]:
    """For each of some values the sum of all others."""
    before = [*accumulate(values, initial=0.0)][:-1]
    after = [*accumulate(reversed(values), initial=0.0)][-2::-1]
    return [first + rest for first, rest in zip(before, after, strict=True)]


def _p_above(spread: Spread, others: float, *, df: float) -> float:
    """One-sided p of the F test that a spread is no larger than that of the others.

    Args:
        others: the pooled ``observed`` of all others.
        df: its degrees of freedom; 0 where there are no others.
    """
    if not df or spread.observed <= others:
        return 1.0
    if not others:
        return 0.0
    return float(fdtrc(spread.df, df, spread.observed / others))
