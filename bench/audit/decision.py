"""The decision curve: net benefit of a run over threshold probabilities.

Vickers, Elkin: "Decision curve analysis: a novel method for evaluating prediction models", Medical
Decision Making 26, 2006.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Interval
from bench.evaluate.operating_points import OperatingPoints
from bench.runs.predictions import Predictions

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Threshold probabilities: at 0.2, one who is ill is worth four who are treated in vain."""


@dataclass(frozen=True, kw_only=True)
class NetBenefit:
    """Net benefit at one threshold probability, per image."""

    threshold: float  # at or above it an image is called
    model: Interval  # of calling by the run, with its interval over patients
    treat_all: float  # of calling every image; that of calling none is 0
    over_all: Interval  # of the run less that of calling every image, on the same patients


@dataclass(frozen=True, kw_only=True)
class DecisionCurve:
    """The decision curve of a two-class run on the test part."""

    positive: str  # name of the second class
    calibrated: bool  # whether the probabilities were calibrated on the validation part
    points: tuple[NetBenefit, ...]  # by rising threshold probability

    @property
    def useful(self) -> tuple[float, ...]:
        """The threshold probabilities at which the run is shown to be above both."""
        return tuple(
            point.threshold
            for point in self.points
            if point.model.low > 0.0 and point.over_all.low > 0.0
        )


def net_benefit(
    positive: NDArray[np.bool_], called: NDArray[np.bool_], threshold: float
) -> NDArray[np.float64]:
    """Gain of each image: 1 where it is rightly called, less the odds where wrongly, (n,)."""
    return (called & positive) - (called & ~positive) * threshold / (1.0 - threshold)


def decision_curve(
    test: Predictions, points: OperatingPoints, *, resampling: Resampling
) -> DecisionCurve | None:
    """The decision curve of a two-class run; None for other tasks.

    Probabilities are calibrated as far as a temperature fits, since a threshold probability is
    meant of those that are.
    """
    if not points.outputs.binary:
        return None
    calibrated = not math.isnan(points.temperatures[0])
    probabilities = points.calibrated(test.probabilities) if calibrated else test.probabilities
    resamples = resampling.resample(images=test.images, patients=test.patients)
    positive = (test.targets == 1)[resamples.order]
    p = probabilities[resamples.order, 1]

    def mean(values: NDArray[np.float64]) -> Interval:
        estimate = resamples.ratio(values, np.ones(len(values)))
        return Interval.of(replace(estimate, bounds=(-math.inf, math.inf)))

    found = []
    for threshold in THRESHOLDS:
        model = net_benefit(positive, p >= threshold, threshold)
        everyone = net_benefit(positive, np.ones(len(p), bool), threshold)
        found.append(
            NetBenefit(
                threshold=threshold,
                model=mean(model),
                treat_all=float(everyone.mean()),
                over_all=mean(model - everyone),
            )
        )
    return DecisionCurve(
        positive=points.outputs.classes[1], calibrated=calibrated, points=tuple(found)
    )
