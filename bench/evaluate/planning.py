"""Power of a comparison before anything is trained, from the labels of its test part.

The difference of two rows varies with the test patients and with the seeds:

    variance = 2 (1 - correlation) V + 2 seed_deviation² / seeds

V is the variance of one AUC over patients (Hanley, McNeil: "The meaning and use of the area under
a receiver operating characteristic (ROC) curve", Radiology 143, 1982). Images of one patient
resemble each other: each class counts as its images divided by Kish's design effect, 1 + (m - 1)
within_patient, with m the mean number of images of the patient of an image (Kish: "Survey
Sampling", 1965). A macro AUC is the mean over the findings that some images have and others lack,
each with its own prevalence; AUCs of two findings are taken to vary on their own.

The test is a t test with Satterthwaite's degrees of freedom: of the patients of the rarer class
less one, and of the seeds of all networks of the table, less one for each network. p has to be
below 0.05 / comparisons, as the smallest p has in Holm's correction.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import chdtri, ndtr, stdtrit

from bench.config.frozen import Frozen
from bench.data.study import patient_clusters
from bench.data.tasks import Task
from bench.evaluate.comparison import SIGNIFICANCE
from bench.evaluate.testing import smallest_shift

POWER = 0.8
MOST_SEEDS = 1000
"""Most seeds that a plan considers."""
# Quantiles of the variance that a test estimates, over which its power is averaged.
_SHARES = (np.arange(200) + 0.5) / 200


class Assumptions(Frozen):
    """Figures that a plan rests on and that label files do not tell."""

    auc: float = Field(default=0.85, gt=0.5, lt=1.0)
    """True AUC of both rows."""
    seed_deviation: float = Field(default=0.01, ge=0.0, lt=0.5)
    """Standard deviation of a network's AUC over its seeds."""
    correlation: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Between the AUCs of two rows, over test parts of other patients."""
    within_patient: float = Field(default=0.2, ge=0.0, le=1.0)
    """Correlation of two images of one patient and class (intraclass correlation)."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """Images of one class.

    Attributes:
        images, patients: how many; an image without a patient id is a patient of its own.
        cluster: images of the patient of an image, on average over the images.
    """

    images: int
    patients: int
    cluster: float

    def independent(self, within_patient: float) -> float:
        """Number of independent images that would say as much."""
        return self.images / (1.0 + (self.cluster - 1.0) * within_patient)


@dataclass(frozen=True, kw_only=True)
class Classes:
    """A class or finding of the test part against the others."""

    name: str
    positive: Side
    negative: Side

    @property
    def rarer_patients(self) -> int:
        """Patients of the class that has fewer."""
        return min(self.positive.patients, self.negative.patients)


@dataclass(frozen=True, kw_only=True)
class PartCounts:
    """The test part of a task, counted.

    Attributes:
        classes: the second of two classes, or each finding that some images have and others lack.
    """

    images: int
    patients: int
    classes: tuple[Classes, ...]


def count_part(rows: pd.DataFrame, task: Task) -> PartCounts:
    """Count the images and patients of each class of a task."""
    rows = rows[task.select(rows)]
    targets = task.targets(rows)
    if task.kind == "multiclass":
        targets = np.eye(len(task.classes))[targets]
    names, present = task.classes, targets > 0
    if task.kind == "multiclass" and len(names) == 2:
        names, present = names[1:], present[:, 1:]
    patients = pd.factorize(patient_clusters(rows["image"], rows["patient"]))[0]
    return PartCounts(
        images=len(rows),
        patients=len(np.unique(patients)),
        classes=tuple(
            Classes(name=name, positive=_side(patients[of]), negative=_side(patients[~of]))
            for name, of in zip(names, present.T, strict=True)
            if of.any() and not of.all()
        ),
    )


def _side(patients: NDArray[np.int64]) -> Side:
    images = np.unique(patients, return_counts=True)[1]
    return Side(
        images=len(patients),
        patients=len(images),
        cluster=float((images**2).sum() / images.sum()),
    )


def auc_variance(auc: float, *, positives: float, negatives: float) -> float:
    """Variance of an AUC over independent images (Hanley and McNeil 1982).

    Args:
        positives, negatives: how many independent images of each class.
    """
    square = auc**2
    among_positives = (positives - 1.0) * (auc / (2.0 - auc) - square)
    among_negatives = (negatives - 1.0) * (2.0 * square / (1.0 + auc) - square)
    return (auc - square + among_positives + among_negatives) / (positives * negatives)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A table of networks and controls that are compared with one of them, before it is made.

    Attributes:
        comparisons: rows less the reference.
        networks: rows that are trained.
        margin: largest difference of AUC that counts as none.
    """

    part: PartCounts
    comparisons: int
    networks: int
    seeds: int
    margin: float
    assumptions: Assumptions

    def smallest_difference(self, seeds: int) -> float:
        """The smallest true difference that is shown with a probability of ``POWER``.

        Returns:
            NaN with one seed, from which nothing is shown.
        """
        if seeds < 2:
            return math.nan
        error, df = self._standard_error(seeds)
        return error * smallest_shift(df, power=POWER, level=SIGNIFICANCE / self.comparisons)

    def power_of_equivalence(self, seeds: int, *, times: float = 1.0) -> float:
        """Probability that two rows without a difference are shown to be within the margin.

        Args:
            times: how many times as many test patients as there are.
        """
        if seeds < 2:
            return 0.0
        error, df = self._standard_error(seeds, times=times)
        # Two one-sided t tests: both pass where the difference is nearer to zero than this.
        estimated = error * np.sqrt(chdtri(df, _SHARES) / df)
        within = self.margin - stdtrit(df, 1.0 - SIGNIFICANCE / self.comparisons) * estimated
        return float((2.0 * ndtr(within.clip(0.0) / error) - 1.0).mean())

    @cached_property
    def seeds_for_margin(self) -> int | None:
        """Fewest seeds with which ``equivalent`` has a probability of ``POWER``.

        None where ``MOST_SEEDS`` are not enough, since the test part is too small.
        """
        return self._seeds_for_margin(times=1.0)

    @cached_property
    def patients_for_margin(self) -> tuple[int, int] | None:
        """Patients and seeds with which ``equivalent`` has a probability of ``POWER``.

        Twice the patients that unlimited seeds would need, so that patients and seeds have about
        the same share in the variance. None where the patients that are there are enough.
        """
        if self.seeds_for_margin is not None:
            return None
        low, high = 1.0, 2.0
        while self.power_of_equivalence(MOST_SEEDS, times=high) < POWER:
            low, high = high, 2.0 * high
        while high > 1.01 * low:
            middle = math.sqrt(low * high)
            enough = self.power_of_equivalence(MOST_SEEDS, times=middle) >= POWER
            low, high = (low, middle) if enough else (middle, high)
        seeds = self._seeds_for_margin(times=2.0 * high)
        assert seeds is not None, "half as many patients are enough"
        return round(2.0 * high * self.part.patients), seeds

    def _seeds_for_margin(self, *, times: float) -> int | None:
        seeds = range(2, MOST_SEEDS + 1)
        index = bisect_left(
            seeds, True, key=lambda k: self.power_of_equivalence(k, times=times) >= POWER
        )
        return seeds[index] if index < len(seeds) else None

    def _standard_error(self, seeds: int, *, times: float = 1.0) -> tuple[float, float]:
        """Standard error of the difference of two rows, and its degrees of freedom."""
        assumed, findings = self.assumptions, len(self.part.classes)
        seeds_df = max(1, self.networks) * (seeds - 1)
        parts = [(2.0 * assumed.seed_deviation**2 / seeds, float(seeds_df))]
        for each in self.part.classes:
            one = auc_variance(
                assumed.auc,
                positives=times * each.positive.independent(assumed.within_patient),
                negatives=times * each.negative.independent(assumed.within_patient),
            )
            variance = 2.0 * (1.0 - assumed.correlation) * one / findings**2
            parts.append((variance, max(1.0, times * each.rarer_patients - 1.0)))
        variance = sum(part for part, _ in parts)
        return math.sqrt(variance), variance**2 / sum(part**2 / df for part, df in parts)
