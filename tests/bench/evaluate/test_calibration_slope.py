"""Calibration slope and intercept against scikit-learn, known answers and full fits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.calibration_slope import CLIP, calibration_intercept, calibration_slope
from bench.evaluate.resamples import Resamples

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def study(n: int, *, too_sure: float = 1.0, shift: float = 0.0) -> tuple[Bools, Floats]:
    """Labels drawn from probabilities, and these with other logits."""
    rng = np.random.default_rng(0)
    z = rng.normal(-1.0, 1.0, n)
    return rng.random(n) < expit(z), expit(z * too_sure + shift)


def fitted(positive: Bools, p: Floats) -> tuple[float, float]:
    """Slope and intercept by other hands."""
    x = logit(p)
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        x[:, None], positive
    )
    intercept = brentq(lambda a: (expit(x + a) - positive).sum(), -20.0, 20.0, xtol=1e-13)
    return float(model.coef_[0, 0]), float(intercept)


def resamples(n: int, *, draws: int = 20, patients: list[str] | None = None) -> Resamples:
    ids = np.array([f"{k:06d}" for k in range(n)], object)
    return Resampling(count=draws).resample(images=ids, patients=patients or ids)


@pytest.mark.parametrize(("too_sure", "shift"), [(1.0, 0.0), (3.0, 1.0), (0.2, -2.0), (-1.0, 0.0)])
def test_slope_and_intercept_are_those_of_the_logistic_regression(
    too_sure: float, shift: float
) -> None:
    positive, p = study(500, too_sure=too_sure, shift=shift)
    images = {"groups": np.arange(500), "counts": np.ones((500, 1), np.uint16)}
    found = [f(positive, p, **images)[0] for f in (calibration_slope, calibration_intercept)]
    assert found == pytest.approx(fitted(positive, p), abs=1e-5)


def test_a_calibrated_network_has_slope_one_and_intercept_zero() -> None:
    """And one whose logits are doubled and raised by one is half as steep, and too high."""
    images = resamples(100_000, draws=1)
    changes: list[dict[str, float]] = [{}, {"too_sure": 2.0}, {"shift": 1.0}]
    found = [images.calibration(*study(100_000, **change)) for change in changes]
    slopes = [each["calibration_slope"].value for each in found]
    intercepts = [each["calibration_intercept"].value for each in found]
    assert slopes == pytest.approx([1.0, 0.5, 1.0], abs=0.03)
    assert [intercepts[0], intercepts[2]] == pytest.approx([0.0, -1.0], abs=0.03)


def test_resamples_are_one_newton_step_from_their_own_fit() -> None:
    positive, p = study(2000, too_sure=1.5)
    drawn = resamples(2000)
    found = drawn.calibration(positive, p)
    own = []
    for times in drawn.counts[drawn.groups, 1:].T:
        own.append(fitted(np.repeat(positive, times), np.repeat(p, times)))
    slopes, intercepts = np.array(own).T
    for name, values in (("slope", slopes), ("intercept", intercepts)):
        assert (
            np.sqrt(np.mean((found[f"calibration_{name}"].draws - values) ** 2))
            < 0.1 * values.std()
        )


def test_probabilities_of_exactly_zero_and_one_are_clipped() -> None:
    positive, p = study(300)
    p[:2], positive[:2] = (0.0, 1.0), (True, False)
    here = resamples(300, draws=1)
    kept = np.clip(p, CLIP, 1.0 - CLIP)
    for name, estimate in here.calibration(positive, p).items():
        if name.startswith("calibration"):
            assert estimate.value == here.calibration(positive, kept)[name].value
            assert math.isfinite(estimate.value)


def test_a_resample_without_a_class_has_neither() -> None:
    positive, p = np.array([True, False, False, True]), np.array([0.4, 0.6, 0.2, 0.7])
    counts = np.array([[1, 0, 2], [1, 2, 0], [1, 1, 0], [1, 0, 2]], np.uint16)
    for coefficient in (calibration_slope, calibration_intercept):
        found = coefficient(positive, p, groups=np.arange(4), counts=counts)
        assert np.isnan(found).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("targets", "p", "slope", "intercept"),
    [
        ([0, 0, 1, 1], [0.3, 0.3, 0.3, 0.3], "all probabilities are the same", ""),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.4], "the probabilities separate the classes", ""),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], "the probabilities separate the classes", ""),
        ([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], "", ""),
        ([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], *["the images are all of one class"] * 2),
        ([0, 0, 0, 1], [0.1, 0.4, 0.3, 0.2], *["the images of a class are all of one patient"] * 2),
    ],
)
def test_where_there_is_none_the_reason_is_said(
    targets: list[int], p: list[float], slope: str, intercept: str
) -> None:
    found = resamples(4, draws=1).calibration(np.array(targets) == 1, np.array(p))
    reasons = [found[f"calibration_{name}"].reason for name in ("slope", "intercept")]
    assert reasons == [slope, intercept]
    for name, reason in (("slope", slope), ("intercept", intercept)):
        assert math.isnan(found[f"calibration_{name}"].value) == bool(reason)
