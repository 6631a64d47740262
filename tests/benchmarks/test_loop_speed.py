"""The harness's training step beside a loop written by hand, on a CPU: at least 0.97 of its rate.

That both compute the same is a test of its own, in ``tests/bench/speed/test_against.py``.
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.speed.against import bare_loop, compare
from bench.speed.case import Case, Workbench
from bench.speed.measure import Consecutive

MODELS = ["cxnet_m1", "resnet18", "mobilenetv3_small_100", "densenet121"]
ROUNDS = 5


def case_of(model: str, *, image_size: int) -> Case:
    return Case(model=model, image_size=image_size, batch_size=32, loss="ce", device="cpu")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_rounds_of_both_in_turns(benchmark: BenchmarkFixture, model: str) -> None:
    """Ratios of neighbouring blocks of a second or more; they are in the benchmark's extra info."""
    case = case_of(model, image_size=64)
    found = benchmark.pedantic(
        compare, args=(case,), kwargs={"rival": "bare", "rounds": ROUNDS}, rounds=1
    )
    benchmark.extra_info["ratio"] = found.ratios.describe()
    benchmark.extra_info["harness"] = found.harness.describe()
    benchmark.extra_info["bare"] = found.other.describe()
    assert len(found.ratios.values) == ROUNDS


def test_steps_of_the_harness(benchmark: BenchmarkFixture) -> None:
    """The short form, with the next test: cxnet_m1 on small images, ten steps a round."""
    with torch.random.fork_rng(devices=[]):
        bench = Workbench(case_of("cxnet_m1", image_size=16))
        first = float(bench.step(0))
        benchmark.pedantic(Consecutive(bench.step), args=(10,), rounds=5, warmup_rounds=1)
        assert float(bench.step(0)) != first


def test_steps_of_the_bare_loop(benchmark: BenchmarkFixture) -> None:
    case = case_of("cxnet_m1", image_size=16)
    with torch.random.fork_rng(devices=[]):
        bare = bare_loop(case, Workbench(case))
        first = float(bare.step(torch.arange(32)))
        benchmark.pedantic(bare, args=(10,), rounds=5, warmup_rounds=1)
        assert float(bare.step(torch.arange(32))) != first
