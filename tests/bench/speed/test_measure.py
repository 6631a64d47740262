"""One network measured; speeds themselves are in tests/benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import register_model
from bench.data.batches import ImageSet
from bench.errors import InputError
from bench.registry import NetworkShape, find_model
from bench.registry.costs import model_costs
from bench.speed.case import OUTPUTS, Case, Workbench
from bench.speed.machine import measure_flops
from bench.speed.measure import LATENCY_CALLS, Measured, count_flop, measure
from bench.speed.timing import Stopwatch
from tests.cuda import needs_cuda

SMALL = Case(model="cxnet_m1", image_size=8, batch_size=4, device="cpu")


@pytest.fixture(scope="module")
def watched() -> tuple[Measured, set[int]]:
    """The small case's figures, and the sizes of the batches of its inference."""
    seen: set[int] = set()

    def watch(images: ImageSet, batch: int) -> Iterator[torch.Tensor]:
        for x in in_order(images, batch):
            seen.add(len(x))
            yield x

    in_order = ImageSet.in_order
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageSet, "in_order", watch)
        state = torch.get_rng_state()
        measured = measure(SMALL, repeats=3, block_seconds=1e-3)
        assert torch.equal(torch.get_rng_state(), state)
    return measured, seen


def test_every_figure_is_there(watched: tuple[Measured, set[int]]) -> None:
    measured, _ = watched
    assert measured.model == "cxnet_m1"
    assert len(measured.training.values) == len(measured.inference.values) == 3
    assert len(measured.latency.values) == LATENCY_CALLS
    assert min(measured.latency.values) <= measured.latency_90 <= max(measured.latency.values)
    # At the least the images and the network with its momenta and gradients.
    assert measured.peak_memory > 3 * 4 * 3_374_594
    assert (measured.capture_seconds, measured.compile_seconds, measured.notes) == (None, None, ())


def test_inference_is_measured_in_the_batches_of_a_run(watched: tuple[Measured, set[int]]) -> None:
    measured, seen = watched
    assert measured.prediction_batch == 256
    assert seen == {256, 1, 2}  # one for latency, two while FLOPs are counted


@pytest.mark.parametrize("model", ["cxnet_m1", "resnet18"])
def test_flop_are_twice_the_published_multiply_adds_and_three_times_that_in_training(
    model: str,
) -> None:
    case = replace(SMALL, model=model, image_size=64)
    training, inference = count_flop(Workbench(case))
    costs = model_costs(
        find_model(model), NetworkShape(in_channels=1, outputs=OUTPUTS, image_size=64)
    )
    assert inference == 2 * costs.multiply_adds
    # The image itself needs no gradient.
    assert 2 * inference < training < 3 * inference


def test_rates_are_of_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    watch = Stopwatch(lambda: calls.append(None), block_seconds=1e-3)
    assert watch.calls > 1
    calls.clear()
    assert all(rate > 0 for rate in watch.repeats(2).values)
    assert len(calls) == 2 * watch.calls
    monkeypatch.setattr(Stopwatch, "seconds", lambda _: 0.25)
    assert watch.repeats(2).describe() == {
        "median": 4.0,
        "min": 4.0,
        "max": 4.0,
        "repeats": [4.0, 4.0],
    }


def test_a_devices_rate_leaves_torchs_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.speed.machine._SIDES", {"cpu": (8, 64)})
    monkeypatch.setattr("bench.speed.machine._SECONDS", 1e-3)
    state = torch.get_rng_state()
    assert measure_flops(torch.device("cpu"), precision="bfloat16", repeats=2) > 0
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.usefixtures("registries_kept")
def test_a_plugins_model_and_the_threads_of_a_case(tiny_plugin: Path) -> None:
    before = torch.get_num_threads()
    try:
        case = replace(SMALL, model="tiny", plugins=(tiny_plugin,), threads=1)
        assert Workbench(case).network is not None
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("registries_kept")
def test_a_network_with_nothing_to_train_is_not_told_to_mind_its_memory() -> None:
    @register_model("untrained", description="one pixel in two")
    def untrained(*, in_channels: int, outputs: int, image_size: int) -> nn.Module:
        assert image_size == SMALL.image_size
        return nn.Sequential(nn.AdaptiveAvgPool2d((in_channels, outputs)), nn.Flatten())

    with pytest.raises(InputError, match="'untrained': the network has no parameter"):
        measure(replace(SMALL, model="untrained"), repeats=1)


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match="at least 8 px"):
        measure(replace(SMALL, image_size=4), repeats=1)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="cuda is not available"):
            measure(replace(SMALL, device="cuda"), repeats=1)


@needs_cuda
def test_on_a_gpu_the_step_is_captured() -> None:
    case = Case(model="cxnet_m1", image_size=64, device="cuda")
    measured = measure(case, repeats=2, block_seconds=0.01)
    assert measured.capture_seconds is not None
    assert measured.capture_seconds > 0
