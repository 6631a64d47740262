"""One network measured; speeds themselves are in tests/benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench import register_model
from bench.data.batches import ImageSet
from bench.errors import InputError
from bench.registry import MODELS, find_model
from bench.speed.case import IMAGES, NORMALISATION, Case, Workbench
from bench.speed.measure import LATENCY_CALLS, Consecutive, Measured, measure
from bench.speed.repeats import Repeats
from bench.speed.work import Work, count_work
from bench.train import answer
from tests.cuda import needs_cuda

SMALL = Case(model="cxnet_m1", image_size=8, batch_size=4, device="cpu")


def test_every_figure_is_there() -> None:
    state = torch.get_rng_state()
    measured = measure(SMALL, repeats=3, block_seconds=1e-3)
    assert torch.equal(torch.get_rng_state(), state)
    assert (measured.model, measured.precision) == ("cxnet_m1", "float32")
    assert measured.work == count_work(find_model("cxnet_m1"), in_channels=1, image_size=8)
    assert len(measured.training.values) == len(measured.inference.values) == 3
    assert len(measured.latency.values) == LATENCY_CALLS
    assert min(measured.latency.values) <= measured.latency_90 <= max(measured.latency.values)
    # At the least the images and the network with its momenta and gradients.
    assert measured.peak_memory > 3 * 4 * 3_374_594
    assert (measured.capture_seconds, measured.notes) == (None, ())


def test_inference_is_measured_in_the_batches_that_a_run_answers_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: set[int] = set()

    def watched(images: ImageSet, at_once: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for x, targets in in_order(images, at_once):
            seen.add(len(x))
            yield x, targets

    in_order = ImageSet.in_order
    monkeypatch.setattr(ImageSet, "in_order", watched)
    measured = measure(SMALL, repeats=1, block_seconds=1e-3)
    assert measured.answered_at_once == 256
    assert seen == {256, 1}  # one for latency


def test_shares_follow_from_the_rates() -> None:
    measured = Measured(
        model="m",
        precision="float32",
        work=Work(products=(), parameters=0),
        training=Repeats((30.0, 32.0, 40.0)),
        inference=Repeats((110.0,)),
        answered_at_once=256,
        latency=Repeats(tuple(float(n) for n in range(11))),
        peak_memory=1,
        capture_seconds=None,
        compile_seconds=None,
        notes=(),
        joules=None,
    )
    # 11,000 / 110 seconds over 3,000 · 32 / 32.
    assert measured.validation_share(32) == pytest.approx(100 / 3000)
    assert measured.latency_90 == 9.0


def test_steps_are_numbered_on() -> None:
    numbers: list[int] = []
    train = Consecutive(numbers.append)
    train(2)
    train(3)
    assert numbers == [0, 1, 2, 3, 4]


def test_a_workbench_trains_and_answers_as_a_run_does() -> None:
    bench = Workbench(SMALL)
    assert bench.network.training
    x, targets = bench.stream.batch(0)
    assert x.shape == (4, 1, 8, 8)
    assert targets.tolist() == bench.targets[bench.stream.positions(0)].tolist()
    before = [p.detach().clone() for p in bench.network.parameters()]
    loss = bench.step(0)
    assert loss.shape == ()
    assert not loss.requires_grad
    moved = [not torch.equal(a, b) for a, b in zip(before, bench.network.parameters(), strict=True)]
    assert all(moved)
    twice = bench.images(np.array([5, 5, 7]))
    found = answer(bench.network, bench.loss, twice, kind="multiclass", precision=bench.precision)
    assert found.probabilities.shape == (3, 2)
    assert found.probabilities[0].tolist() == found.probabilities[1].tolist()


def test_pixels_are_normalised() -> None:
    bench = Workbench(Case(model="cxnet_m1", image_size=64, batch_size=4, device="cpu"))
    x = bench.images(np.arange(IMAGES)).to_input(torch.from_numpy(bench.pixels)[:, None])
    assert float(x.mean()) == pytest.approx(0, abs=2e-3)
    assert float(x.std()) == pytest.approx(1, abs=2e-3)
    assert NORMALISATION.mean == 0.5


def test_a_loss_that_needs_class_weights_gets_them() -> None:
    bench = Workbench(Case(**vars(SMALL) | {"loss": "weighted_ce"}))
    assert torch.isfinite(bench.step(0))


def test_a_plugins_model_and_the_threads_of_a_case(tiny_plugin: Path) -> None:
    before = torch.get_num_threads()
    try:
        case = Case(**vars(SMALL) | {"model": "tiny", "plugins": (tiny_plugin,), "threads": 1})
        assert Workbench(case).network is not None
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
        MODELS.remove("tiny")


def test_a_network_with_nothing_to_train_is_not_told_to_mind_its_memory() -> None:
    @register_model("untrained", description="one pixel in two")
    def untrained(*, in_channels: int, outputs: int, image_size: int) -> nn.Module:
        assert image_size == SMALL.image_size
        return nn.Sequential(nn.AdaptiveAvgPool2d((in_channels, outputs)), nn.Flatten())

    try:
        with pytest.raises(InputError, match="'untrained': the network has no parameter"):
            measure(Case(**vars(SMALL) | {"model": "untrained"}), repeats=1)
    finally:
        MODELS.remove("untrained")


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match="at least 8 px"):
        measure(Case(model="cxnet_m1", image_size=4, device="cpu"), repeats=1)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="cuda is not available"):
            measure(Case(model="cxnet_m1", device="cuda"), repeats=1)


@needs_cuda
def test_on_a_gpu_the_step_is_captured() -> None:
    measured = measure(
        Case(model="cxnet_m1", image_size=64, device="cuda"), repeats=2, block_seconds=0.01
    )
    assert measured.capture_seconds is not None
    assert measured.capture_seconds > 0
