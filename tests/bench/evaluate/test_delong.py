"""AUC and its variance: against pROC's values, brute force, and what cannot be said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.evaluate.auc import Auc, difference
from bench.evaluate.delong import auc, newcombe_variance
from bench.evaluate.testing import p_beyond
from tests.bench.evaluate import reference

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


def aucs(
    targets: NDArray[np.int64], scores: Floats, patients: NDArray[np.int64] | None = None
) -> list[Auc]:
    """The AUC of each column of scores (n, models); by default no two images share a patient."""
    groups = np.arange(len(targets)) if patients is None else patients
    groups = np.unique(groups, return_inverse=True)[1]
    return [auc(targets == 1, column, groups) for column in np.asarray(scores, float).T]


def covariance(models: list[Auc]) -> Floats:
    parts = np.stack([model.parts[""] for model in models])
    return np.asarray(parts @ parts.T)


def test_values_are_those_of_proc() -> None:
    """From pROC's own tests of ``auc``, ``var`` and ``roc.test(method = "delong")``."""
    found = aucs(*asah())
    assert [model.value for model in found] == pytest.approx(
        [0.823678861788618, 0.731368563685637, 0.611957994579946], rel=1e-12
    )
    np.testing.assert_allclose(
        np.diag(covariance(found)),
        [0.00146991470882363, 0.00266868245717244, 0.0031908105493913],
        rtol=1e-12,
    )
    # pROC's p is of a normal variable.
    for first, second, p in (
        (0, 1, 0.0271757822291882),
        (0, 2, 0.00514557970691098),
        (2, 1, 0.164295175223054),
    ):
        gap = difference(found[first], found[second])
        z = abs(gap.value) / gap.standard_error
        assert math.erfc(z / math.sqrt(2.0)) == pytest.approx(p, rel=1e-10)
    # 41 of the 113 patients have a poor outcome.
    assert [model.df for model in found] == pytest.approx([40.0] * 3)
    assert [model.supplement for model in found] == [0.0] * 3


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
def test_with_one_image_a_patient_it_is_the_covariance_of_components_over_all_pairs(
    case: tuple[NDArray[np.int64], Floats, NDArray[np.int64]],
) -> None:
    targets, scores, _ = case
    found = aucs(targets, scores)
    of_positives, of_negatives = components(targets, scores)
    expected = np.cov(of_positives.T) / len(of_positives)
    expected += np.cov(of_negatives.T) / len(of_negatives)
    np.testing.assert_allclose(covariance(found), expected, rtol=0, atol=1e-14)
    for model, column in zip(found, scores.T, strict=True):
        assert model.value == pytest.approx(reference.auc(targets, column), abs=1e-12)
        interval = model.interval()
        assert 0.0 <= interval.low <= interval.value <= interval.high <= 1.0


@settings(max_examples=40)
@given(studies())
def test_the_images_of_a_patient_are_left_out_together(
    case: tuple[NDArray[np.int64], Floats, NDArray[np.int64]],
) -> None:
    """The jackknife of either class's mean component, patient by patient."""
    targets, scores, patients = case
    patients = np.unique(patients, return_inverse=True)[1]
    classes = [
        (each, patients[targets == target])
        for target, each in zip((1, 0), components(targets, scores), strict=True)
    ]
    assume(all(len(np.unique(of)) > 1 for _, of in classes))
    expected = np.zeros((2, patients.max() + 1))
    for values, of in classes:
        have = np.unique(of)
        for patient in have:
            left_out = values.mean(axis=0) - values[of != patient].mean(axis=0)
            expected[:, patient] += math.sqrt((len(have) - 1) / len(have)) * left_out
    for model, parts in zip(aucs(targets, scores, patients), expected, strict=True):
        np.testing.assert_allclose(model.parts[""], parts, rtol=0, atol=1e-14)


def test_patients_of_equally_many_images_have_obuchowski_s_variance() -> None:
    """Her S10 and S01, without S11: nobody has images of both classes."""
    targets, scores = asah()
    twice = np.repeat(targets, 2), np.repeat(scores, 2, axis=0)
    scattered = twice[0], twice[1] + np.random.default_rng(0).normal(0, 9, (226, 3))
    patients = np.repeat(np.arange(113), 2)
    expected = np.zeros((3, 3))
    for target, values in zip((1, 0), components(*scattered), strict=True):
        sums = (values - values.mean(axis=0)).reshape(-1, 2, 3).sum(axis=1)
        n = len(sums)
        expected += n / (n - 1) * sums.T @ sums / (2 * n) ** 2
        assert n == (targets == target).sum()
    np.testing.assert_allclose(covariance(aucs(*scattered, patients)), expected, rtol=1e-12)
    # Copies of an image tell nothing new.
    once, paired = aucs(targets, scores), aucs(*twice, patients)
    np.testing.assert_allclose(covariance(paired), covariance(once), rtol=1e-12)
    np.testing.assert_allclose(covariance(aucs(*twice)), covariance(once) / 2, rtol=0.02)
    assert [model.df for model in paired] == pytest.approx([model.df for model in once])


def test_a_patient_of_most_images_counts_for_less_than_one_of_many() -> None:
    """Kish's effective number: 4 patients of 1 image and one of 6 weigh like 100 / 40."""
    patients = np.array([*range(10), 10, 11, 12, 13, *[14] * 6])
    targets = (patients >= 10).astype(int)
    scores = np.random.default_rng(0).normal(targets)[:, None]
    (found,) = aucs(targets, scores, patients)
    assert found.df == pytest.approx(100 / 40 - 1)
    assert found.patients == 5


def test_models_that_rank_alike_differ_by_nothing() -> None:
    targets, scores = asah()
    one, other = aucs(targets, np.stack([scores[:, 1], np.exp(scores[:, 1] / 9)], axis=1))
    gap = difference(one, other)
    assert (gap.value, gap.standard_error) == (0.0, 0.0)


def test_near_an_auc_of_one_what_ranks_alike_differs_by_nothing_and_nothing_else_does() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [20, 100])
    score = 3.2 * targets + rng.normal(size=120)
    perfect = [5.0 * targets + rng.random(120) for _ in range(2)]
    calls = targets.astype(float)
    one, alike, first, second, called = aucs(
        targets, np.stack([score, np.exp(score), *perfect, calls], axis=1)
    )
    assert one.supplement > 0.0
    gap = difference(one, alike)
    assert (gap.value, gap.standard_error) == (0.0, 0.0)
    assert [p_beyond(gap, 0.01, side=side) for side in (-1, 1)] == [0.0, 0.0]
    # Two that misrank no patient may differ with others, and so may two that say yes or no.
    assert first.value == second.value == called.value == 1.0
    for each, other in ((first, second), (called, called)):
        assert difference(each, other).supplement == 2 * each.supplement > 0.0


@pytest.mark.parametrize(("positives", "negatives"), [(10, 90), (45, 55), (2.5, 30.0)])
@pytest.mark.parametrize("value", [0.7, 0.99, 1.0])
def test_the_expected_variance_is_hanley_and_mcneil_s_with_newcombe_s_numbers(
    value: float, positives: float, negatives: float
) -> None:
    """Newcombe's method 5 has half of all patients in either class but for the divisor."""
    rarer = min(positives, negatives)
    a = (rarer * value + 0.5) / (rarer + 1)
    half = (positives + negatives) / 2
    q1, q2 = a / (2 - a) - a**2, 2 * a**2 / (1 + a) - a**2
    expected = (a * (1 - a) + (half - 1) * (q1 + q2)) / (positives * negatives)
    assert newcombe_variance(value, positives, negatives) == pytest.approx(expected)


def test_few_misranked_patients_have_the_expected_variance_added() -> None:
    """None at all: ten positives above ninety negatives, with one image a patient."""
    targets = np.repeat([1, 0], [10, 90])
    apart = targets + np.linspace(0.0, 0.5, 100)
    found, worse = aucs(targets, np.stack([apart, targets * 0.0], axis=1))
    assert (found.value, found.patient_variance) == (1.0, 0.0)
    assert found.supplement == pytest.approx(newcombe_variance(1.0, 10, 90))
    interval = found.interval()
    assert interval.low == pytest.approx(1.0 - 1.959964 * math.sqrt(found.supplement), abs=1e-6)
    assert interval.high == 1.0
    # A constant has an AUC of exactly one half, whoever the patients are.
    assert worse.interval().low == worse.interval().high == 0.5


def test_a_class_of_one_score_hides_its_variance() -> None:
    """All of twenty positives are called positive, and 400 of 2,000 negatives."""
    targets = np.repeat([1, 0], [20, 2000])
    calls = np.arange(2020) < 420
    (found,) = aucs(targets, calls[:, None].astype(float))
    assert found.value == 0.9
    assert found.supplement == pytest.approx(2 / 24 * 22 / 24 / 4 / 20)
    # One who is missed loses a half, and the variance is that of the calls: 1.25 times 0.5 are few.
    calls[0] = False
    (found,) = aucs(targets, calls[:, None].astype(float))
    shown = 0.05 * 0.95 / 4 / 19
    assert found.supplement == pytest.approx(0.6 * (3 / 24 * 21 / 24 / 4 / 20 - shown))
    calls[:3] = False
    assert aucs(targets, calls[:, None].astype(float))[0].supplement == 0.0


def test_intervals_of_calls_cover_the_truth_where_all_positives_may_be_called() -> None:
    """A sensitivity of 95 % with twenty positives: without hidden variance they cover 67 %."""
    rng = np.random.default_rng(0)
    targets = np.repeat([1, 0], [20, 1000])
    calls = rng.random((1020, 200)) < np.where(targets, 0.95, 0.2)[:, None]
    intervals = [each.interval() for each in aucs(targets, calls.astype(float))]
    assert np.mean([each.low <= 0.875 <= each.high for each in intervals]) >= 0.95


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
    (found,) = aucs(np.array(targets), np.array([[0.5], [0.2], [0.4]]), np.array(patients))
    interval = found.interval()
    assert interval.value == pytest.approx(value, nan_ok=True)
    assert (math.isnan(interval.low), interval.reason) == (True, reason)
    assert difference(found, found).reason == reason


def test_scores_that_separate_the_classes_have_an_auc_of_exactly_one() -> None:
    targets = np.repeat([0, 1], 50)
    scores = targets + np.linspace(0, 0.5, 100)
    found = aucs(targets, np.stack([scores, -scores], axis=1))
    assert [model.value for model in found] == [1.0, 0.0]


def test_logits_and_infinities_are_scores() -> None:
    scores = np.array([-math.inf, -1e4, 1e4, math.inf])
    found = aucs(np.array([0, 0, 1, 1]), np.stack([scores, np.full(4, math.inf)], axis=1))
    assert [model.value for model in found] == [1.0, 0.5]
