"""Intervals by resampling: what is drawn together, what they cover, and where there is none."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Estimate, Interval, difference, mean_of
from tests.bench.evaluate.reference import auc, estimated_auc


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


def test_the_estimate_is_the_auc_and_an_interval_encloses_it() -> None:
    case = study(np.random.default_rng(1), patients=80, images=3, alike=0.7)
    estimate = estimated_auc(Resampling(resamples=500), **case)
    assert estimate.value == pytest.approx(auc(case["targets"], case["scores"]), abs=1e-12)
    assert estimate.draws.shape == (500,)
    interval = Interval.of(estimate)
    assert interval.low < interval.value < interval.high
    assert (interval.left_out, interval.reason) == (0, "")
    middle = np.quantile(estimate.draws, [0.025, 0.975])
    assert [interval.low, interval.high] == pytest.approx(middle)


def test_a_draw_takes_whole_patients() -> None:
    # Four patients with two images each. Of those who are drawn a, b, c and d times, the first
    # two are normal, and only the second is scored above the third.
    possible = {
        round((a * c + a * d + b * d) / ((a + b) * (c + d)), 9)
        for a, b, c, d in product(range(5), repeat=4)
        if a + b + c + d == 4 and a + b and c + d
    }
    estimate = estimated_auc(
        Resampling(resamples=400),
        images=list("abcdefgh"),
        patients=list("12341234"),
        targets=[0, 0, 1, 1] * 2,
        scores=[0.1, 0.6, 0.4, 0.9] * 2,
    )
    assert estimate.value == 0.75
    drawn = {round(value, 9) for value in estimate.draws[~np.isnan(estimate.draws)]}
    assert drawn <= possible
    assert len(drawn) > 0.8 * len(possible)


def test_an_image_without_a_patient_is_a_patient_of_its_own() -> None:
    case = study(np.random.default_rng(2), patients=60, images=1, alike=0.0)
    nameless = case | {"patients": np.full(60, "", object)}
    several = study(np.random.default_rng(2), patients=60, images=4, alike=0.9)
    apart = several | {"patients": np.full(240, "", object)}
    assert width(estimated_auc(Resampling(), **nameless)) == pytest.approx(
        width(estimated_auc(Resampling(), **case)), rel=0.1
    )
    assert width(estimated_auc(Resampling(), **several)) > 1.3 * width(
        estimated_auc(Resampling(), **apart)
    )


def width(estimate: Estimate) -> float:
    interval = Interval.of(estimate)
    return interval.high - interval.low


def test_the_same_images_are_resampled_alike_in_any_order_and_by_any_resampling() -> None:
    case = study(np.random.default_rng(3), patients=30, images=2, alike=0.5)
    order = np.random.default_rng(0).permutation(60)
    shuffled = {name: values[order] for name, values in case.items()}
    one = estimated_auc(Resampling(resamples=200), **case)
    np.testing.assert_array_equal(
        one.draws, estimated_auc(Resampling(resamples=200), **shuffled).draws
    )
    other = estimated_auc(Resampling(resamples=200, seed=1), **case)
    assert not np.array_equal(one.draws, other.draws)


def test_a_model_differs_from_itself_by_exactly_nothing() -> None:
    case = study(np.random.default_rng(4), patients=30, images=2, alike=0.5)
    resampling = Resampling(resamples=300)
    by_seed = {
        seed: estimated_auc(
            resampling, **case | {"scores": case["scores"] + 0.1 * seed * case["targets"]}
        )
        for seed in range(3)
    }
    for one in (by_seed[0], resampling.over_seeds(by_seed), mean_of(list(by_seed.values()))):
        assert Interval.of(difference(one, one)) == Interval(value=0.0, low=0.0, high=0.0)


def test_pairing_makes_a_difference_surer_than_the_models_themselves() -> None:
    case = study(np.random.default_rng(5), patients=100, images=2, alike=0.5)
    better = case | {"scores": case["scores"] + 0.1 * case["targets"]}
    elsewhere = better | {"images": np.array([f"x{image}" for image in better["images"]], object)}
    resampling = Resampling(resamples=1000)
    one, other = estimated_auc(resampling, **better), estimated_auc(resampling, **case)
    paired = width(difference(one, other))
    independent = width(difference(estimated_auc(resampling, **elsewhere), other))
    assert paired < 0.2 * width(one)
    assert independent == pytest.approx(np.hypot(width(one), width(other)), rel=0.15)


def test_one_seed_is_no_source_of_doubt() -> None:
    case = study(np.random.default_rng(8), patients=20, images=1, alike=0.0)
    resampling = Resampling(resamples=100)
    one = estimated_auc(resampling, **case)
    np.testing.assert_array_equal(resampling.over_seeds({5: one}).draws, one.draws)


def test_resamples_of_one_class_are_left_out_and_counted() -> None:
    # Neither of the two positive images is in a resample with probability (18/20)^20 = 0.12.
    case = {
        "images": [str(i) for i in range(20)],
        "patients": [""] * 20,
        "targets": [1, 1] + [0] * 18,
        "scores": [0.6, 0.4, *np.linspace(0, 1, 18)],
    }
    interval = Interval.of(estimated_auc(Resampling(), **case))
    assert interval.reason == ""
    assert interval.left_out == pytest.approx(0.9**20 * 2000, rel=0.1)
    assert 0.0 <= interval.low < interval.high <= 1.0


@pytest.mark.parametrize(
    ("targets", "patients", "value", "reason"),
    [
        ([1, 1, 1], ["a", "b", "c"], np.nan, "the images are all of one class"),
        ([0, 1, 1], ["a", "a", "a"], 0.5, "the images of a class are all of one patient"),
        ([0, 1, 1], ["a", "b", "c"], 0.5, "the images of a class are all of one patient"),
    ],
)
def test_a_set_that_is_too_small_has_no_interval(
    targets: list[int], patients: list[str], value: float, reason: str
) -> None:
    case = {"images": ["x", "y", "z"], "patients": patients, "targets": targets}
    resampling = Resampling(resamples=100)
    estimate = estimated_auc(resampling, **case, scores=[0.5, 0.2, 0.8])
    for wanted in (estimate, resampling.over_seeds({0: estimate}), mean_of([estimate])):
        interval = Interval.of(wanted)
        assert interval.value == pytest.approx(value, nan_ok=True)
        assert np.isnan([interval.low, interval.high]).all()
        assert interval.reason == reason
    assert Interval.of(difference(estimate, estimate)).reason == reason
