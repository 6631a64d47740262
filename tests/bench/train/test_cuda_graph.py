"""A training step written out, taken by the loop, and replayed from a graph: the same numbers."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.config import AugmentConfig, TrainConfig
from bench.config.schema import MemoryFormat, Precision
from bench.data.batches import ImageSet, TrainingStream
from bench.randomness import derive_seed
from bench.registry import NetworkShape, find_model
from bench.train.cuda_graph import WARM_UP_STEPS, GraphedStep, StepRunner
from bench.train.device import lay_out
from bench.train.history import Training
from bench.train.schedule import PlateauDecay
from bench.train.score import overall_auc
from cxnet import CXNetM1
from tests.bench.train.small import (
    CPU,
    SEED,
    images,
    losses,
    make_loss,
    network,
    step_of,
    taken,
    trained,
)
from tests.cuda import needs_cuda

AUGMENT = AugmentConfig(flip=True, shift=0.1, contrast=0.2, brightness=0.1)
AS_IT_IS_AND_AUGMENTED = pytest.mark.parametrize("augment", [AugmentConfig(), AUGMENT])


def cxnet(*, dropout: float = 0.5) -> nn.Module:
    torch.manual_seed(0)
    return CXNetM1(in_channels=1, outputs=2, dropout=dropout)


def on_cuda(model: nn.Module) -> nn.Module:
    return lay_out(model, device=torch.device("cuda"), memory_format="auto")


def the_function(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Stands in for a graph where there is no CUDA: the same function again, on its tensors."""
    return function


def written_out(
    model: nn.Module, training: ImageSet, validation: ImageSet, config: TrainConfig
) -> list[tuple[float, float, float]]:
    """The training loop with nothing that makes it fast: (train loss, validation loss, AUC)."""
    loss = make_loss()
    optimizer = torch.optim.SGD(model.parameters(), lr=config.lr, momentum=config.momentum)
    stream = TrainingStream(
        training, batch_size=config.batch_size, seed=SEED, augment=config.augment
    )
    history = []
    for start in range(0, config.max_iterations, config.validate_every):
        model.train()
        losses = []
        for step in range(start, start + config.validate_every):
            batch = stream.batch(step)
            optimizer.zero_grad()
            torch.manual_seed(derive_seed(SEED, "dropout", step))
            value = loss(model(stream.to_input(batch)), batch.targets)
            value.backward()
            optimizer.step()
            losses.append(value.item())
        model.eval()
        with torch.no_grad():
            (x,) = validation.in_order(len(validation))
            targets = validation.targets_at(np.arange(len(validation)))
            logits = model(x)
            auc = overall_auc(targets, logits.double().softmax(1), kind="multiclass")
            history.append((sum(losses) / len(losses), loss(logits, targets).item(), auc))
    return history


@AS_IT_IS_AND_AUGMENTED
def test_the_loops_history_is_bit_for_bit_that_of_the_plainest_loop(
    tmp_path: Path, augment: AugmentConfig
) -> None:
    config = TrainConfig(
        lr=0.02, batch_size=16, max_iterations=12, validate_every=4, patience=9, augment=augment
    )
    expected = written_out(network(), images(), images(40), config)
    done = trained(network(), tmp_path, (images(), images(40)), config=config)
    found = [(h.train_loss, h.validation_loss, h.validation_auc) for h in done.history]
    assert found == expected
    assert done.capture_seconds == 0.0


@pytest.mark.parametrize(
    ("optimizer", "micro_batch", "augment"),
    [
        ("sgd", None, AUGMENT),
        ("sgd", 3, AugmentConfig()),
        ("adamw", 3, AUGMENT),
        ("adamw", None, AugmentConfig()),
    ],
)
def test_a_replayed_step_takes_each_steps_own_batch_and_seed(
    optimizer: str, augment: AugmentConfig, micro_batch: int | None
) -> None:
    config = TrainConfig(
        lr=0.01, batch_size=8, optimizer=optimizer, augment=augment, micro_batch=micro_batch
    )
    plain, other = step_of(network(), config), step_of(network(), config)
    assert taken(plain, range(3)) == taken(other, range(3))
    graphed = GraphedStep(other, capture=the_function)
    assert taken(plain, range(3, 12)) == taken(graphed, range(3, 12))
    weights = other.network.state_dict()
    assert all(torch.equal(weights[k], weight) for k, weight in plain.network.state_dict().items())


@pytest.mark.parametrize(("optimizer", "captures"), [("sgd", 3), ("adamw", 1)])
def test_a_step_is_captured_again_when_a_learning_rate_inside_the_graph_changes(
    optimizer: str, captures: int
) -> None:
    captured = []

    def capture(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        captured.append(function)
        return function

    step = step_of(network(), TrainConfig(lr=0.01, batch_size=8, optimizer=optimizer))
    graphed = GraphedStep(step, capture=capture)
    for number in range(6):
        if number in (2, 4):
            assert isinstance(step.schedule, PlateauDecay)
            step.schedule.decays += 1
        graphed(number)
    assert len(captured) == captures


def test_a_rate_that_changes_at_every_step_stays_outside_the_graph() -> None:
    """It is that of the step, and nothing is captured again."""
    config = TrainConfig(
        lr=0.01, batch_size=8, schedule="cosine", warmup=0.5, max_iterations=6, clip=0.1
    )
    captured = []

    def capture(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        captured.append(function)
        return function

    plain, step = step_of(network(), config), step_of(network(), config)
    graphed = GraphedStep(step, capture=capture)
    for number in range(6):
        assert torch.equal(graphed(number), plain(number))
    assert len(captured) == 1
    for ours, expected in zip(step.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.equal(ours, expected)


def test_a_loss_that_was_returned_is_not_written_over_by_the_next_step() -> None:
    graph_own = torch.zeros(())

    def capture(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        return lambda: graph_own.copy_(function())

    graphed = GraphedStep(step_of(network(), TrainConfig(lr=0.01, batch_size=8)), capture=capture)
    first = graphed(0)
    before = first.item()
    assert graphed(1).item() != before
    assert first.item() == before


class Ways:
    """Takes steps with a runner, and keeps which were captured and replayed, and the notes."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, end: int, refused: tuple[int, ...] = ()
    ) -> None:
        self.captured: list[int] = []
        self.replayed: list[int] = []
        self.notes: list[str] = []
        prepare, replay = GraphedStep.prepare, GraphedStep.__call__

        def watched_prepare(step: GraphedStep, number: int) -> None:
            if number in refused:
                raise RuntimeError("it waits\nfor the host")
            prepare(step, number)
            self.captured.append(number)

        def watched_replay(step: GraphedStep, number: int) -> Tensor:
            self.replayed.append(number)
            return replay(step, number)

        monkeypatch.setattr(GraphedStep, "prepare", watched_prepare)
        monkeypatch.setattr(GraphedStep, "__call__", watched_replay)
        self.step = step_of(nn.Sequential(nn.Flatten(), nn.Linear(256, 2)), TrainConfig(lr=0.01))
        self.runner = StepRunner(
            self.step, end=end, on_note=self.notes.append, capture=the_function
        )

    def take(self, numbers: range) -> None:
        for number in numbers:
            self.runner(number)

    def decay(self) -> None:
        assert isinstance(self.step.schedule, PlateauDecay)
        self.step.schedule.decays += 1


@pytest.mark.parametrize("start", [0, 500])
def test_a_step_is_captured_after_three_where_a_hundred_are_left(
    monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    ways = Ways(monkeypatch, end=start + 103)
    ways.take(range(start, start + 103))
    assert ways.captured == [start + 3]
    assert ways.replayed == list(range(start + 3, start + 103))
    assert ways.notes == []
    assert ways.runner.capture_seconds > 0


def test_nothing_is_captured_for_a_short_rest_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = Ways(monkeypatch, end=602)
    ways.take(range(500, 602))
    assert (ways.captured, ways.replayed, ways.runner.capture_seconds) == ([], [], 0.0)


def test_a_decay_is_captured_however_few_steps_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = Ways(monkeypatch, end=110)
    ways.take(range(108))
    ways.decay()
    ways.take(range(108, 110))
    assert ways.captured == [3, 108]
    assert ways.replayed == list(range(3, 110))


def test_a_step_that_cannot_be_captured_is_taken_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = Ways(monkeypatch, end=110, refused=(3,))
    ways.take(range(110))
    assert (ways.captured, ways.replayed) == ([], [])
    assert ways.notes == ["steps are not replayed from a CUDA graph: RuntimeError: it waits"]


def test_a_graph_that_cannot_be_captured_again_after_a_decay_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways = Ways(monkeypatch, end=120, refused=(110,))
    ways.take(range(110))
    ways.decay()
    ways.take(range(110, 120))
    assert (ways.captured, ways.replayed) == ([3], list(range(3, 110)))
    assert len(ways.notes) == 1


def test_a_finished_training_leaves_nothing_behind(tmp_path: Path) -> None:
    """Without a look for garbage: the next cell needs the memory at once."""
    training, model = images(), network()
    left = [weakref.ref(training.placement), weakref.ref(model)]
    config = TrainConfig(lr=0.01, batch_size=16, max_iterations=2, validate_every=1)
    gc.collect()
    gc.disable()
    try:
        trained(model, tmp_path, (training, images(40)), config=config)
        del training, model
        assert [ref() for ref in left] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("device", [CPU, pytest.param(torch.device("cuda"), marks=needs_cuda)])
def test_channels_last_is_the_same_step_up_to_rounding(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without dropout, whose masks are drawn in the order of memory, and without TF32 on CUDA."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    config = TrainConfig(lr=0.001, batch_size=8, augment=AUGMENT)

    def steps(memory_format: MemoryFormat) -> list[float]:
        model = lay_out(cxnet(dropout=0.0), device=device, memory_format=memory_format)
        conv4 = model.get_submodule("classifier.conv4").get_parameter("weight")
        last = conv4.is_contiguous(memory_format=torch.channels_last)
        assert last == (memory_format == "channels_last")
        return taken(step_of(model, config), range(4))

    assert steps("contiguous") == pytest.approx(steps("channels_last"), rel=1e-3)


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("model", ["cxnet_m1", "resnet18"])
def test_a_cuda_graph_gives_the_numbers_of_the_plain_step(
    precision: Precision, optimizer: str, model: str
) -> None:
    config = TrainConfig(
        lr=0.01, batch_size=8, optimizer=optimizer, augment=AUGMENT, precision=precision
    )

    def first_losses(*, replayed: bool) -> list[float]:
        torch.manual_seed(0)
        built = find_model(model).build(NetworkShape(in_channels=1, outputs=2, image_size=32))
        step = step_of(on_cuda(built), config, side=32)
        warm_up = taken(step, range(WARM_UP_STEPS))
        way = GraphedStep(step) if replayed else step
        before = taken(way, range(WARM_UP_STEPS, 6))
        for group in step.optimizer.param_groups:
            group["lr"] /= 10
        return warm_up + before + taken(way, range(6, 9))

    # Gradients are summed by atomic additions in some kernels, in no fixed order.
    assert first_losses(replayed=True) == pytest.approx(first_losses(replayed=False), rel=1e-2)


@needs_cuda
def test_a_whole_cuda_run_with_graphs_has_the_history_of_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained_for_120_steps(folder: Path) -> Training:
        parts = tuple(images(count, device=torch.device("cuda")) for count in (60, 40))
        config = TrainConfig(
            lr=0.01, batch_size=16, max_iterations=120, validate_every=60, patience=9
        )
        return trained(on_cuda(cxnet()), folder, parts, config=config)

    with monkeypatch.context() as patch:
        patch.setattr("bench.train.cuda_graph.WORTH_STEPS", 1000)
        without = trained_for_120_steps(tmp_path / "without")
    with_graphs = trained_for_120_steps(tmp_path / "with")
    assert (without.capture_seconds, with_graphs.capture_seconds > 0) == (0.0, True)
    assert losses(with_graphs.history) == pytest.approx(losses(without.history), rel=0.05)


class Waits(nn.Module):
    """Looks at a number on the host in the middle of its forward pass, and drops out after it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = cxnet()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return self.dropout(logits) if logits.sum().item() < 1e9 else logits


@needs_cuda
def test_after_a_capture_that_broke_off_plain_steps_go_on() -> None:
    waiting = Waits().to("cuda")
    config = TrainConfig(lr=0.01, batch_size=8)
    plain, broken = step_of(copy.deepcopy(waiting), config), step_of(waiting, config)
    with pytest.raises(RuntimeError):
        GraphedStep(broken).prepare(0)
    broken.optimizer.zero_grad(set_to_none=True)
    assert taken(broken, range(5)) == pytest.approx(taken(plain, range(5)), rel=1e-2)
