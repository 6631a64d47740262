"""Seconds of a report of 200 runs whose scores are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.evaluate.load import load_results
from bench.evaluate.results import Reference, Results
from bench.evaluate.scorer import Scorer
from bench.report import FORMATS
from tests.bench.evaluate.stored_runs import StoredRuns

MODELS, SEEDS = 40, 5
IMAGES, VALIDATION = 160, 60
NET = Reference(model="net0", loss="ce")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRuns:
    truth = np.arange(IMAGES) % 2
    runs = StoredRuns(
        tmp_path_factory.mktemp("store") / "runs",
        findings=[("Mass",) if sick else () for sick in truth],
        validation=VALIDATION,
        patients=[str(place // 2) for place in range(IMAGES)],
    )
    rng = np.random.default_rng(0)
    for model in range(MODELS):
        for seed in range(SEEDS):
            p = 1 / (1 + np.exp(-truth - rng.normal(size=IMAGES)))
            runs.add(f"net{model}", p, seed=seed)
    return runs


def report(stored: StoredRuns, kept: Path) -> Results:
    return load_results(stored.store, scorer=Scorer(kept=kept), reference=NET)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["markdown", "json", "html"])
def test_a_report_of_200_runs(
    benchmark: BenchmarkFixture,
    stored: StoredRuns,
    tmp_path_factory: pytest.TempPathFactory,
    format_name: str,
) -> None:
    kept = tmp_path_factory.getbasetemp() / "kept scores"
    report(stored, kept)

    def show() -> str:
        return FORMATS[format_name](report(stored, kept))

    text = benchmark.pedantic(show, rounds=3)
    assert f"net{MODELS - 1}" in text
