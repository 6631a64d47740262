"""Intervals by resampling: what is drawn together, what they cover, and where there is none."""

from __future__ import annotations

import math
from itertools import product
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from bench.evaluate.auc import difference
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Estimate, Interval
from bench.evaluate.resamples import Resamples
from tests.bench.evaluate.reference import estimated_accuracy, estimated_auc


def study(
    rng: np.random.Generator, *, patients: int, images: int, alike: float, signal: float = 1.0
) -> dict[str, Any]:
    """Images of patients of whom each is normal or abnormal; ``alike`` is what they share."""
    ill = np.repeat(rng.random(patients) < 0.5, images)
    own = np.repeat(rng.normal(size=patients), images)
    noise = rng.normal(size=patients * images)
    names = [f"p{i}" for i in range(patients)]
    return {
        "images": np.array([f"{i:05d}" for i in range(patients * images)], object),
        "patients": np.repeat(np.array(names, object), images),
        "targets": ill.astype(np.int64),
        "scores": signal * ill + alike * own + np.sqrt(1 - alike**2) * noise,
    }


def test_an_interval_is_the_middle_of_the_draws() -> None:
    case = study(np.random.default_rng(1), patients=80, images=3, alike=0.7)
    estimate = estimated_accuracy(Resampling(count=500), **case)
    assert estimate.value == ((case["scores"] >= 0.5) == case["targets"]).mean()
    assert estimate.draws.shape == (500,)
    interval = Interval.of(estimate)
    assert interval.low < interval.value < interval.high
    assert (interval.left_out, interval.reason) == (0, "")
    middle = np.quantile(estimate.draws, [0.025, 0.975])
    assert [interval.low, interval.high] == pytest.approx(middle)


def test_a_draw_takes_whole_patients() -> None:
    # Four patients of one to four images, of which as many are right as are listed.
    images, right = [1, 2, 3, 4], [1, 1, 2, 0]
    possible = {
        round(float(np.dot(drawn, right) / np.dot(drawn, images)), 9)
        for drawn in product(range(5), repeat=4)
        if sum(drawn) == 4
    }
    estimate = estimated_accuracy(
        Resampling(count=400),
        images=list("abcdefghij"),
        patients=list("1223334444"),
        targets=[1] * 10,
        scores=[0.9, 0.9, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1],
    )
    assert estimate.value == 0.4
    drawn = {round(value, 9) for value in estimate.draws}
    assert drawn <= possible
    assert len(drawn) > 0.8 * len(possible)


def test_an_image_without_a_patient_is_a_patient_of_its_own() -> None:
    case = study(np.random.default_rng(2), patients=60, images=1, alike=0.0)
    nameless = case | {"patients": np.full(60, "", object)}
    several = study(np.random.default_rng(2), patients=60, images=4, alike=0.9)
    apart = several | {"patients": np.full(240, "", object)}
    assert width(**nameless) == pytest.approx(width(**case), rel=0.1)
    assert width(**several) > 1.3 * width(**apart)


def width(**case: Any) -> float:
    interval = Interval.of(estimated_accuracy(Resampling(), **case))
    return interval.high - interval.low


def test_the_same_images_are_resampled_alike_in_any_order_and_by_any_resampling() -> None:
    case = study(np.random.default_rng(3), patients=30, images=2, alike=0.5)
    order = np.random.default_rng(0).permutation(60)
    shuffled = {name: values[order] for name, values in case.items()}
    one = estimated_accuracy(Resampling(count=200), **case)
    np.testing.assert_array_equal(
        one.draws, estimated_accuracy(Resampling(count=200), **shuffled).draws
    )
    other = estimated_accuracy(Resampling(count=200, seed=1), **case)
    assert not np.array_equal(one.draws, other.draws)


def test_the_same_images_are_paired_in_any_order_and_others_are_not() -> None:
    case = study(np.random.default_rng(5), patients=100, images=2, alike=0.5)
    order = np.random.default_rng(0).permutation(200)
    better = case | {"scores": case["scores"] + 0.1 * case["targets"]}
    shuffled = {name: values[order] for name, values in better.items()}
    elsewhere = better | {"images": np.array([f"x{image}" for image in better["images"]], object)}
    resampling = Resampling(count=0)
    one, other, same, apart = (
        estimated_auc(resampling, **each) for each in (case, better, shuffled, elsewhere)
    )
    assert difference(same, other).standard_error == 0.0
    assert difference(other, one).standard_error < 0.2 * one.standard_error
    assert difference(apart, one).standard_error == pytest.approx(
        np.hypot(apart.standard_error, one.standard_error)
    )


def test_one_seed_is_no_source_of_doubt() -> None:
    case = study(np.random.default_rng(8), patients=20, images=1, alike=0.0)
    resampling = Resampling(count=100)
    one = estimated_accuracy(resampling, **case)
    np.testing.assert_array_equal(resampling.over_seeds([one]).draws, one.draws)


def test_resamples_in_which_a_figure_is_undefined_are_left_out_and_counted() -> None:
    # Neither of the two positive images is in a resample with probability (18/20)^20 = 0.12.
    resamples = Resampling().resample(images=[f"{i:02}" for i in range(20)], patients=[""] * 20)
    positive = np.arange(20) < 2
    interval = Interval.of(resamples.ratio(positive & (np.arange(20) < 1), positive))
    assert interval.reason == ""
    assert interval.left_out == pytest.approx(0.9**20 * 2000, rel=0.1)
    assert 0.0 <= interval.low < interval.high <= 1.0


# The resamples of the same patients are drawn once.
SHARES = Resampling(count=400)


def shares(positive: list[bool], called: list[bool], patients: list[str]) -> dict[str, Interval]:
    """Intervals of the figures of calls."""
    images = [f"{place:03d}" for place in range(len(positive))]
    resamples = SHARES.resample(images=images, patients=patients)
    found = resamples.classification(np.array(positive), np.array(called))
    return {name: Interval.of(estimate) for name, estimate in found.items()}


def test_a_share_without_an_error_has_wilson_s_interval() -> None:
    """Ten positives and 30 negatives, all called rightly: so are they in every resample."""
    truth = [True] * 10 + [False] * 30
    found = shares(truth, truth, [""] * 40)
    square = NormalDist().inv_cdf(0.975) ** 2
    for name, count in (("recall", 10), ("specificity", 30), ("precision", 10), ("accuracy", 40)):
        assert found[name].value == found[name].high == 1.0
        assert found[name].low == pytest.approx(count / (count + square)), name
    # Two images of each of five patients count as five.
    pairs = shares(truth, truth, [f"p{place // 2}" for place in range(40)])
    assert pairs["recall"].low == pytest.approx(5 / (5 + square))
    # Of whoever calls all images positive a sensitivity of 1 is known.
    everyone = shares(truth, [True] * 40, [""] * 40)
    assert (everyone["recall"].low, everyone["specificity"].high) == (1.0, 0.0)


def test_intervals_of_a_share_near_one_cover_it() -> None:
    """A sensitivity of 90 % with ten positives; percentiles alone cover it in 65 %."""
    rng = np.random.default_rng(0)
    truth, hits = [True] * 10 + [False] * 20, 0
    for _ in range(100):
        called = [*(rng.random(10) < 0.9).tolist(), *(rng.random(20) < 0.1).tolist()]
        recall = shares(truth, called, [""] * 30)["recall"]
        hits += recall.low <= 0.9 <= recall.high
    assert hits >= 93


def test_few_errors_of_several_seeds_have_an_interval() -> None:
    truth = np.arange(40) < 10
    resampling = Resampling(count=400)
    resamples = resampling.resample(images=[f"{k:03d}" for k in range(40)], patients=[""] * 40)
    recall = resamples.classification(truth, truth)["recall"]
    together = Interval.of(resampling.over_seeds([recall, recall]))
    assert together.low == Interval.of(recall).low


def test_an_average_precision_of_one_has_wilson_s_interval_of_the_positives() -> None:
    positive = np.repeat([True, False], [10, 90])
    found = unlike(100).average_precision(positive, positive + np.linspace(0.0, 0.5, 100))
    interval = Interval.of(found)
    square = NormalDist().inv_cdf(0.975) ** 2
    assert (interval.low, interval.high) == (pytest.approx(10 / (10 + square)), 1.0)
    # One far from 1 is no share of the positives.
    low = unlike(100).average_precision(positive, np.linspace(0.0, 0.5, 100))
    assert low.at_least == Estimate(value=0.0, draws=low.draws, bounds=(0.0, 1.0)).at_least


def test_intervals_of_an_average_precision_near_one_cover_it() -> None:
    """Ten positives and an AUC of 0.99: resamples alone cover 86 % of the studies."""
    rng, images = np.random.default_rng(0), unlike(200)
    positive = np.arange(200) < 10
    distance = math.sqrt(2.0) * NormalDist().inv_cdf(0.99)
    # 0.904 is the integral of precision over recall.
    found = [
        Interval.of(images.average_precision(positive, distance * positive + rng.normal(size=200)))
        for _ in range(100)
    ]
    assert np.mean([each.low <= 0.904 <= each.high for each in found]) >= 0.95
    assert min(each.high - each.low for each in found) > 0.1


def test_a_macro_mean_of_shares_without_an_error_adds_their_limits_as_squares() -> None:
    positive = np.repeat([True, False], [10, 90])
    images = unlike(100)
    sure = images.classification(positive, positive)["recall"]
    mean = Interval.of(images.macro([sure, sure, sure, sure]))
    low = Interval.of(sure).low
    assert (mean.low, mean.high) == (pytest.approx(1.0 - (1.0 - low) / 2.0), 1.0)
    # With findings of many patients, resamples alone.
    common = images.classification(positive, np.arange(100) % 2 == 0)["recall"]
    assert images.macro([common, common]).at_least == common.at_least


def test_a_share_of_several_counts_an_image_without_an_error_has_wilson_s_interval() -> None:
    """Twenty findings of ten patients count as ten, as they do for a sensitivity."""
    present = np.repeat([2, 0], [10, 30])
    found = Interval.of(unlike(40).share(present, present))
    square = NormalDist().inv_cdf(0.975) ** 2
    assert (found.low, found.high) == (pytest.approx(10 / (10 + square)), 1.0)


def unlike(images: int) -> Resamples:
    """Resamples of images that are all of different patients."""
    return Resampling(count=300).resample(
        images=[f"{place:04d}" for place in range(images)], patients=[""] * images
    )
