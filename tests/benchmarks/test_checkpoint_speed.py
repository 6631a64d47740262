"""Time that checkpoints take, as a share of the training time between two of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.config import TrainConfig
from bench.registry import NetworkShape, find_model
from bench.train.checkpoint import LAST
from bench.train.cuda_graph import StepRunner
from bench.train.state import LEAST_RATIO, SaveTimer, TrainingState
from tests.bench.train.small import step_of

MODELS = ["cxnet_m1", "resnet18", "densenet121"]
SIDE = 64


@pytest.mark.parametrize(
    "model", [MODELS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in MODELS[1:])]
)
def test_a_checkpoint_in_the_middle_of_an_interval(
    benchmark: BenchmarkFixture, tmp_path: Path, model: str
) -> None:
    """One of AdamW, whose state is twice the weights; the share is in the extra info."""
    config = TrainConfig(recipe="modern", batch_size=2)
    shape = NetworkShape(in_channels=1, outputs=2, image_size=SIDE)
    with torch.random.fork_rng(devices=[]):
        step = step_of(find_model(model).build(shape), config, side=SIDE)
        state = TrainingState(
            config=config,
            step=step,
            runner=StepRunner(step, end=config.max_iterations, on_note=print),
            timer=SaveTimer(seconds=config.checkpoint_seconds),
        )
        state.interval.add(state.runner(0))
        benchmark.pedantic(state.save, args=(tmp_path,), rounds=5)
    pause = max(config.checkpoint_seconds, LEAST_RATIO * state.timer.cost)
    benchmark.extra_info["share_of_training_time"] = state.timer.cost / pause
    assert (tmp_path / LAST).is_file()
