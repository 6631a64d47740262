"""The AUC's analytic variance: against pROC's values, brute force, and what cannot be said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from bench.evaluate.delong import delong
from bench.evaluate.estimate import Interval
from tests.bench.evaluate.reference import auc

Floats = NDArray[np.float64]

# The 113 patients of pROC's example aSAH (Turck et al., Intensive Care Med. 36, 2010), sorted:
# WFNS grade, and the ranks of S100b and NDKA among their distinct values. An AUC asks for ranks
# alone.
GOOD_OUTCOME = """
    0,1,41 0,1,58 0,1,66 0,1,79 0,2,19 0,2,105 0,3,18 0,3,52 0,4,9 0,4,12 0,4,20 0,4,53 0,5,2
    0,5,15 0,5,42 0,5,56 0,6,11 0,6,21 0,6,74 0,6,103 0,7,22 0,7,84 0,7,94 0,7,101 0,8,17 0,8,30
    0,10,0 0,10,107 0,11,26 0,11,62 0,11,83 0,12,91 0,13,64 0,15,75 0,16,61 0,36,67 0,38,14
    1,1,78 1,4,46 1,5,29 1,5,85 1,6,33 1,6,57 1,7,8 1,7,82 1,7,95 1,8,10 1,8,59 1,10,63 1,11,90
    1,12,25 1,12,38 1,12,93 1,13,44 1,14,55 1,16,28 1,31,73 2,2,34 2,4,50 2,26,80 3,13,35
    3,14,70 3,23,29 3,25,45 3,27,3 3,29,43 3,33,100 3,35,39 4,19,36 4,34,32 4,35,7 4,38,13
"""
POOR_OUTCOME = """
    0,4,99 0,5,106 1,4,86 1,4,96 1,6,69 1,6,97 1,7,32 1,7,60 1,8,87 1,11,98 1,20,24 1,24,47
    1,30,37 1,41,51 2,10,81 3,10,5 3,13,65 3,18,92 3,21,75 3,22,88 3,36,89 3,43,23 3,48,16
    4,0,54 4,9,77 4,17,6 4,25,72 4,26,104 4,28,71 4,32,4 4,32,76 4,37,48 4,39,1 4,40,31 4,42,62
    4,43,27 4,44,49 4,45,40 4,46,102 4,47,68 4,49,108
"""


def asah() -> tuple[NDArray[np.int64], Floats]:
    """Targets, 1 for a poor outcome, and the three markers: WFNS, S100b, NDKA."""
    good, poor = GOOD_OUTCOME.split(), POOR_OUTCOME.split()
    rows = np.array([row.split(",") for row in good + poor], np.float64)
    return np.repeat([0, 1], [len(good), len(poor)]), rows


def test_values_are_those_of_proc() -> None:
    """From pROC's own tests of ``auc``, ``var`` and ``roc.test(method = "delong")``."""
    found = delong(*asah())
    np.testing.assert_allclose(
        found.aucs, [0.823678861788618, 0.731368563685637, 0.611957994579946], rtol=1e-12
    )
    np.testing.assert_allclose(
        np.diag(found.covariance),
        [0.00146991470882363, 0.00266868245717244, 0.0031908105493913],
        rtol=1e-12,
    )
    assert found.p_value(0, 1) == pytest.approx(0.0271757822291882, rel=1e-12)
    assert found.p_value(0, 2) == pytest.approx(0.00514557970691098, rel=1e-12)
    assert found.p_value(2, 1) == pytest.approx(0.164295175223054, rel=1e-12)


def test_an_interval_is_symmetric_in_log_odds_as_the_delta_method_has_it() -> None:
    found = delong(*asah())
    interval = found.interval(0, level=0.9)
    a, error = found.aucs[0], math.sqrt(found.covariance[0, 0])
    middle, half = math.log(a / (1 - a)), scipy_stats.norm.ppf(0.95) * error / (a * (1 - a))
    assert interval.value == a
    expected = 1 / (1 + np.exp([half - middle, -half - middle]))
    np.testing.assert_allclose([interval.low, interval.high], expected, rtol=1e-12)
    wider = found.interval(0)
    assert wider.low < interval.low < interval.high < wider.high


@st.composite
def studies(draw: st.DrawFn) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    """Targets with two of each class, scores of two models with many ties, patients."""
    n = draw(st.integers(4, 14))
    some = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    targets = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    targets[:4] = 0, 1, 0, 1
    scores = np.array([draw(some), draw(some)], np.float64).T
    return targets, scores, np.array(draw(some))


def components(targets: NDArray[np.int64], scores: Floats) -> tuple[Floats, Floats]:
    """Structural components of positives and negatives by looking at every pair, for each model."""
    positives, negatives = scores[targets == 1], scores[targets == 0]
    right = (positives[:, None] > negatives) + (positives[:, None] == negatives) / 2
    return right.mean(axis=1), right.mean(axis=0)


@settings(max_examples=40)
@given(studies())
def test_delong_is_the_covariance_of_components_over_all_pairs(
    case: tuple[NDArray[np.int64], Floats, NDArray[np.int64]],
) -> None:
    targets, scores, _ = case
    found = delong(targets, scores)
    of_positives, of_negatives = components(targets, scores)
    expected = np.cov(of_positives.T) / len(of_positives)
    expected += np.cov(of_negatives.T) / len(of_negatives)
    np.testing.assert_allclose(found.covariance, expected, rtol=0, atol=1e-14)
    assert found.aucs == pytest.approx([auc(targets, column) for column in scores.T])
    for model in (0, 1):
        interval = found.interval(model)
        if interval.reason:
            assert found.covariance[model, model] == 0.0
        else:
            assert 0.0 <= interval.low < interval.value < interval.high <= 1.0
    assert math.isnan(found.p_value(0, 1)) or 0.0 <= found.p_value(0, 1) <= 1.0


@settings(max_examples=40)
@given(studies())
def test_the_clustered_variance_is_obuchowski_s_formula(
    case: tuple[NDArray[np.int64], Floats, NDArray[np.int64]],
) -> None:
    """Her S10, S01 and S11, patient by patient, of one model and of a pair."""
    targets, scores, patients = case
    of = {1: patients[targets == 1], 0: patients[targets == 0]}
    assume(all(len(np.unique(each)) > 1 for each in of.values()))
    found = delong(targets, scores, patients)
    of_positives, of_negatives = components(targets, scores)
    theta = of_positives.mean(axis=0)
    sums: dict[int, dict[int, Floats]] = {1: {}, 0: {}}
    for patient in np.unique(patients):
        sums[1][patient] = (of_positives[of[1] == patient] - theta).sum(axis=0)
        sums[0][patient] = (of_negatives[of[0] == patient] - theta).sum(axis=0)
    expected = np.zeros((2, 2))
    for first, second in ((1, 1), (0, 0), (1, 0), (0, 1)):
        inside = np.unique(of[first]) if first == second else np.unique(patients)
        products = sum(np.outer(sums[first][who], sums[second][who]) for who in inside)
        size = len(of[first]) * len(of[second])
        expected += len(inside) / (len(inside) - 1) * products / size
    np.testing.assert_allclose(found.covariance, expected, rtol=0, atol=1e-14)


def test_a_patient_s_images_are_worth_less_than_as_many_patients() -> None:
    targets, scores = asah()
    twice = np.repeat(targets, 2), np.repeat(scores, 2, axis=0)
    once = delong(targets, scores)
    paired = delong(*twice, np.repeat(np.arange(113), 2))
    np.testing.assert_allclose(paired.aucs, once.aucs, rtol=1e-12)
    np.testing.assert_allclose(paired.covariance, once.covariance, rtol=1e-12)
    np.testing.assert_allclose(delong(*twice).covariance, once.covariance / 2, rtol=0.02)


def test_models_that_rank_alike_have_p_one() -> None:
    targets, scores = asah()
    found = delong(targets, np.stack([scores[:, 1], np.exp(scores[:, 1] / 9)], axis=1))
    assert found.p_value(0, 1) == 1.0


def test_a_difference_that_does_not_vary_has_no_p() -> None:
    """A perfect model and one that knows nothing: no image tells how sure the difference is."""
    found = delong([0, 0, 1, 1], [[1, 5], [2, 5], [3, 5], [4, 5]])
    assert found.aucs.tolist() == [1.0, 0.5]
    assert math.isnan(found.p_value(0, 1))
    for model, value in enumerate((1.0, 0.5)):
        interval = found.interval(model)
        assert (interval.value, interval.reason) == (
            value,
            "the AUC does not vary among these images",
        )
        assert np.isnan([interval.low, interval.high]).all()


def test_nor_has_one_that_varies_by_rounding_alone() -> None:
    """Every image loses half a pair by the second model: the difference is known exactly."""
    for pairs in range(3, 40):
        steps = np.arange(pairs, dtype=np.float64)
        first, second = np.append(steps, steps + 0.5), np.append(steps, steps)
        found = delong(np.repeat([0, 1], pairs), np.stack([first, second], axis=1))
        assert found.aucs[0] - found.aucs[1] == pytest.approx(0.5 / pairs)
        assert math.isnan(found.p_value(0, 1)), pairs


@pytest.mark.parametrize(
    ("targets", "patients", "value", "reason"),
    [
        ([1, 1, 1], [0, 1, 2], math.nan, "the images are all of one class"),
        ([0, 0, 1], [0, 1, 2], 0.5, "the images of a class are all of one patient"),
        ([0, 1, 1], [0, 1, 1], 0.0, "the images of a class are all of one patient"),
    ],
)
def test_a_set_that_is_too_small_has_no_interval(
    targets: list[int], patients: list[int], value: float, reason: str
) -> None:
    found = delong(targets, [[0.5], [0.2], [0.4]], patients)
    interval = found.interval(0)
    assert interval.value == pytest.approx(value, nan_ok=True)
    assert isinstance(interval, Interval)
    assert (math.isnan(interval.low), interval.reason) == (True, reason)
    assert math.isnan(found.p_value(0, 0))
