"""Intervals of calibrated networks contain what calibration means, in simulations."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from scipy.special import expit, logit, ndtr

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Interval

MEANT = {"ece": 0.0, "calibration_slope": 1.0, "calibration_intercept": 0.0}


def coverage(
    *, studies: int, patients: int, prevalence: float, several: bool, resamples: int, seed: int
) -> Mapping[str, float]:
    """Share of studies whose interval contains 0, 1 and 0, of those that have one.

    Args:
        several: images a patient, 1 to 150, with labels that correlate; else one.
    """
    rng = np.random.default_rng(seed)
    inside: dict[str, list[bool]] = {name: [] for name in MEANT}
    for _ in range(studies):
        images = np.ones(patients, np.int64)
        if several:
            images = np.minimum(1 + (2.2 * rng.pareto(1.0, patients)).astype(np.int64), 150)
        groups = np.repeat(np.arange(patients), images)

        def clustered(share: float, groups: np.ndarray = groups) -> np.ndarray:
            own, shared = rng.normal(size=len(groups)), rng.normal(size=patients)[groups]
            return math.sqrt(share) * shared + math.sqrt(1.0 - share) * own

        p = expit(logit(prevalence) - 0.3 + 1.5 * clustered(0.6))
        positive = ndtr(clustered(0.5 if several else 0.0)) < p
        ids = np.array([f"{k:06d}" for k in range(len(p))], object)
        drawn = Resampling(count=resamples).resample(
            images=ids, patients=groups.astype(str).astype(object)
        )
        found = drawn.calibration(positive, p)
        for name, value in MEANT.items():
            interval = Interval.of(found[name])
            if not interval.reason:
                inside[name].append(interval.low <= value <= interval.high)
    return {name: float(np.mean(each)) for name, each in inside.items()}


def test_intervals_of_a_calibrated_network_contain_slope_one_and_no_error() -> None:
    found = coverage(
        studies=100, patients=500, prevalence=0.1, several=False, resamples=200, seed=0
    )
    slack = 3.0 * math.sqrt(0.95 * 0.05 / 100)
    assert all(share >= 0.95 - slack for share in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("patients", "prevalence", "several", "least"),
    [
        (100, 0.45, False, 0.92),
        (500, 0.02, False, 0.92),
        (500, 0.1, False, 0.93),
        (4000, 0.45, False, 0.93),
        (400, 0.45, True, 0.90),
        (2800, 0.1, True, 0.90),
    ],
)
def test_intervals_of_calibrated_networks_in_many_studies(
    patients: int, prevalence: float, several: bool, least: float
) -> None:
    """500 studies have a standard error of 1 point at 95 %."""
    case = {"patients": patients, "prevalence": prevalence, "several": several}
    found = coverage(studies=500, resamples=500, seed=1, **case)
    print(case, found)
    assert all(least <= share <= 0.995 for share in found.values()), found
