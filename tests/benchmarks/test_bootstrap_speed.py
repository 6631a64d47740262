"""How long an interval takes on a test set of the size of ChestX-ray14's."""

from __future__ import annotations

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from bench.stats import Resampling

IMAGES, PATIENTS = 25_596, 2_797


def test_auc_of_one_model_in_2000_resamples(benchmark: BenchmarkFixture) -> None:
    rng = np.random.default_rng(0)
    targets = rng.random(IMAGES) < 0.6
    case = {
        "images": np.array([f"{i:05}.png" for i in range(IMAGES)], dtype=object),
        "patients": rng.integers(PATIENTS, size=IMAGES).astype(str).astype(object),
        "targets": targets,
        "scores": rng.normal(targets),
    }
    resampling = Resampling(resamples=2000)
    # Drawing the patients happens once for all models on the same images.
    resampling.auc(**case)
    estimate = benchmark.pedantic(resampling.auc, kwargs=case, rounds=3)
    assert 0.74 < estimate.value < 0.78
