"""The training step beside a loop written by hand, on a CPU: at least 0.97 of its rate.

That both compute the same is a test of its own, in ``tests/bench/speed/test_against.py``.
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.speed.against import bare_loop, compare
from bench.speed.case import Case, Workbench

MODELS = ["cxnet_m1", "resnet18", "mobilenetv3_small_100", "densenet121"]
ROUNDS = 5


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_rounds_of_both_in_turns(benchmark: BenchmarkFixture, model: str) -> None:
    """Ratios of neighbouring blocks of a second or more; they are in the benchmark's extra info."""
    case = Case(model=model, device="cpu")
    found = benchmark.pedantic(
        compare, args=(case,), kwargs={"rival": "bare", "rounds": ROUNDS}, rounds=1
    )
    benchmark.extra_info.update(found.describe())
    assert len(found.ratios.values) == ROUNDS


@pytest.mark.parametrize("way", ["harness", "bare"])
def test_ten_steps(benchmark: BenchmarkFixture, way: str) -> None:
    """The short form: cxnet_m1 on small images."""
    batch_size = 2 if benchmark.disabled else 32
    case = Case(model="cxnet_m1", image_size=16, batch_size=batch_size, device="cpu")
    with torch.random.fork_rng(devices=[]):
        bench = Workbench(case)
        bare = bare_loop(case, bench)

        def take(steps: int) -> float:
            for number in range(steps):
                loss = bench.step(number) if way == "harness" else bare()
            return loss.item()

        first = take(1)
        benchmark.pedantic(take, args=(10,), rounds=5, warmup_rounds=1)
        assert take(1) != first
