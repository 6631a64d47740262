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
from bench.evaluate.delong import auc

IMAGES, PATIENTS = 25_596, 2_797


def study() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    targets = rng.random(IMAGES) < 0.6
    return {
        "images": np.array([f"{i:05}.png" for i in range(IMAGES)], dtype=object),
        "patients": rng.integers(PATIENTS, size=IMAGES).astype(str).astype(object),
        "targets": targets,
        "scores": rng.normal(targets),
    }


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
    resampling = Resampling(count=20 if benchmark.disabled else 2000)
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


def test_one_auc_and_its_variance(benchmark: BenchmarkFixture) -> None:
    case = study()
    groups = case["patients"].astype(int)
    found = benchmark(auc, case["targets"], case["scores"], groups)
    assert 0.002 < found.standard_error < 0.005
