"""Figures of a run by sex, age, view and number of images a patient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.study import patient_clusters
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Interval
from bench.evaluate.operating_points import OperatingPoints, called_probabilities
from bench.runs.predictions import Predictions

FEWEST = 10
"""Patients with and patients without, below which a subgroup says nothing and has no figure."""
AGES = {"under 18": 0, "18–39": 18, "40–59": 40, "60–79": 60, "80 and over": 80}
IMAGES_A_PATIENT = {"1": 1, "2–4": 2, "5 and more": 5}
"""The groups of ages and of numbers of images by their least values."""
UNKNOWN = "unknown"
EVERYONE = "all"
ATTRIBUTES = ("sex", "age", "view", "images a patient")


@dataclass(frozen=True, kw_only=True)
class Subgroup:
    """Figures for the test images of one group of patients."""

    output: str  # the class or finding that is called
    attribute: str  # one of ``ATTRIBUTES``; ``all`` for every test image
    group: str  # its value
    images: int  # of the test part
    # Patients with at least one image that has the output, and that has it not; an image without a
    # patient id is a patient of its own.
    patients_with: int
    patients_without: int
    # With intervals over patients; None where one of the two numbers of patients is below
    # ``FEWEST``. The threshold is the run's.
    auc: Interval | None = None
    sensitivity: Interval | None = None
    specificity: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Subgroups:
    """The subgroups of a run's test part."""

    subgroups: tuple[Subgroup, ...]  # by output, attribute and group; of all images first

    @property
    def unknown(self) -> tuple[str, ...]:
        """The attributes that the source knows of no test image."""
        known = {each.attribute for each in self.subgroups}
        return tuple(name for name in ATTRIBUTES if name not in known)


def subgroups(
    test: Predictions, points: OperatingPoints, rows: pd.DataFrame, *, resampling: Resampling
) -> Subgroups:
    """Figures for the test part by output, attribute and group, of a study table of all parts."""
    of_images = groups(rows).reindex(test.images)
    decided = points.decide(test.probabilities)
    p = called_probabilities(test.probabilities, points.outputs)
    targets = (test.targets if test.targets.ndim == 2 else test.targets[:, None]) > 0
    found = []
    for column, output in enumerate(points.called):
        one = _Called(
            output=output,
            test=test,
            positive=targets[:, column],
            p=p[:, column],
            decided=decided[:, column],
            resampling=resampling,
        )
        found.append(one.subgroup(EVERYONE, EVERYONE, np.ones(len(test.images), bool)))
        for attribute in ATTRIBUTES:
            values = of_images[attribute].to_numpy(object)
            found += [
                one.subgroup(attribute, group, values == group)
                for group in _in_order(attribute, values)
            ]
    return Subgroups(subgroups=tuple(found))


def groups(rows: pd.DataFrame) -> pd.DataFrame:
    """The group of each image by attribute, indexed by image.

    An attribute that is known of no image at all is ``unknown`` everywhere.
    """
    counts = rows.groupby("patient")["image"].transform("size").where(rows["patient"] != "")
    return pd.DataFrame(
        {
            "sex": rows["sex"].replace("", UNKNOWN).to_numpy(object),
            "age": _grouped(rows["age"], AGES),
            "view": rows["view"].replace("", UNKNOWN).to_numpy(object),
            "images a patient": _grouped(counts, IMAGES_A_PATIENT),
        },
        index=rows["image"].to_numpy(object),
    )


def _grouped(values: pd.Series[float], least: Mapping[str, int]) -> NDArray[np.object_]:
    found = pd.cut(values, [*least.values(), math.inf], right=False, labels=list(least))
    return found.astype(object).fillna(UNKNOWN).to_numpy(object)


def _in_order(attribute: str, values: NDArray[np.object_]) -> Iterator[str]:
    """The groups that occur, in their order, the unknown last; none where nothing is known."""
    present = set(values)
    if present <= {UNKNOWN}:
        return
    ordered = {"age": tuple(AGES), "images a patient": tuple(IMAGES_A_PATIENT)}.get(
        attribute, tuple(sorted(present - {UNKNOWN}))
    )
    yield from (name for name in (*ordered, UNKNOWN) if name in present)


@dataclass(frozen=True, kw_only=True)
class _Called:
    """One class or finding with its predictions for the test part."""

    output: str
    test: Predictions
    positive: NDArray[np.bool_]
    p: NDArray[np.float64]
    decided: NDArray[np.bool_]
    resampling: Resampling

    def subgroup(self, attribute: str, group: str, chosen: NDArray[np.bool_]) -> Subgroup:
        images, patients = self.test.images[chosen], self.test.patients[chosen]
        positive = self.positive[chosen]
        clusters = patient_clusters(images, patients)
        with_it = len(set(clusters[positive]))
        without = len(set(clusters[~positive]))
        found = Subgroup(
            output=self.output,
            attribute=attribute,
            group=group,
            images=len(images),
            patients_with=with_it,
            patients_without=without,
        )
        if min(with_it, without) < FEWEST:
            return found
        resamples = self.resampling.resample(images=images, patients=patients)
        order = resamples.order
        at_threshold = resamples.classification(positive[order], self.decided[chosen][order])
        return replace(
            found,
            auc=resamples.auc(positive[order], self.p[chosen][order]).interval(),
            sensitivity=Interval.of(at_threshold["recall"]),
            specificity=Interval.of(at_threshold["specificity"]),
        )
