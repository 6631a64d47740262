"""Seconds to read four times as many runs, beside those of the few."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.report.runs import PERFECT, Runs

FEW, MANY = 40, 160


@pytest.mark.slow
def test_a_survey_of_four_times_the_runs(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "cache"))
    stored = {count: Runs(tmp_path / str(count)) for count in (FEW, MANY)}
    for count, runs in stored.items():
        for seed in range(count):
            runs.add("net", PERFECT, seed=seed)
        runs.store.survey()

    def seconds(runs: Runs) -> float:
        began = time.process_time()
        runs.store.survey()
        return time.process_time() - began

    def both() -> list[float]:
        rounds = [[seconds(runs) for runs in stored.values()] for _ in range(5)]
        return [min(each) for each in zip(*rounds, strict=True)]

    few, many = benchmark.pedantic(both, rounds=1)
    benchmark.extra_info["time of four times the runs"] = round(many / few, 1)
    assert len(stored[MANY].store.runs()) == MANY
