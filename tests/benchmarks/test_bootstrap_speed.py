"""Seconds of intervals on a test set of the size of ChestX-ray14's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.evaluate import metrics
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.calibration_error import bin_errors
from bench.evaluate.calibration_slope import calibration_slope
from bench.evaluate.delong import delong
from tests.bench.evaluate.reference import estimated_auc

IMAGES, PATIENTS, MODELS = 25_596, 2_797, 20


def study() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    targets = rng.random(IMAGES) < 0.6
    return {
        "images": np.array([f"{i:05}.png" for i in range(IMAGES)], dtype=object),
        "patients": rng.integers(PATIENTS, size=IMAGES).astype(str).astype(object),
        "targets": targets,
        "scores": rng.normal(targets),
    }


def test_auc_of_twenty_models_in_2000_resamples(benchmark: BenchmarkFixture) -> None:
    """With the drawing of patients; the aim is a minute on two cores."""
    case = study()
    rng = np.random.default_rng(1)
    scores = rng.normal(case["targets"][:, None], size=(IMAGES, MODELS)).T

    def whole_table() -> list[float]:
        resampling = Resampling(resamples=2000)
        return [
            estimated_auc(resampling, **case | {"scores": each}).draws.mean() for each in scores
        ]

    means = benchmark.pedantic(whole_table, rounds=1)
    assert len(means) == MODELS
    assert all(0.74 < mean < 0.78 for mean in means)


FIGURES: dict[str, Callable[..., Any]] = {
    "average_precision": metrics.average_precision,
    "calibration_error": bin_errors,
    "calibration_slope": calibration_slope,
    "operating_point": lambda positive, p, **images: metrics.operating_point(
        positive, p, specificity=0.95, **images
    ),
    "sums": lambda positive, p, **images: metrics.sums(
        np.stack([positive, p, (p - positive) ** 2, p > 0.5], axis=1), **images
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_of_one_model_in_2000_resamples(name: str, benchmark: BenchmarkFixture) -> None:
    case = study()
    resampling = Resampling(resamples=2000)
    resamples = resampling.resample(images=case["images"], patients=case["patients"])
    positive = case["targets"][resamples.order]
    p = 1.0 / (1.0 + np.exp(-case["scores"][resamples.order]))
    found = benchmark.pedantic(
        FIGURES[name],
        args=(positive, p),
        kwargs={"groups": resamples.groups, "counts": resamples.counts},
        rounds=3,
    )
    assert np.isfinite(found).all()


def test_variance_of_one_auc_without_resampling(benchmark: BenchmarkFixture) -> None:
    case = study()
    found = benchmark(delong, case["targets"], case["scores"][:, None], case["patients"])
    assert 0.002 < found.covariance[0, 0] ** 0.5 < 0.005
