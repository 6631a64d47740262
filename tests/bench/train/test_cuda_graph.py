"""A training step written out, taken by the loop, and replayed from a graph: the same numbers."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from bench.config import AugmentConfig, TrainConfig
from bench.config.schema import MemoryFormat, Precision
from bench.data.batches import ImageSet, TrainingStream
from bench.randomness import derive_seed
from bench.registry import find_model
from bench.train import Validation, lay_out, overall_auc
from bench.train.cuda_graph import TIMED_STEPS, WARM_UP_STEPS, GraphedStep, StepRunner
from bench.train.schedule import PlateauDecay
from bench.train.step import Step
from cxnet import CXNetM1
from tests.bench.train.small import CPU, SEED, images, losses, make_loss, step_of, taken, trained
from tests.cuda import needs_cuda

AUGMENT = AugmentConfig(flip=True, shift=0.1, contrast=0.2, brightness=0.1)
AS_IT_IS_AND_AUGMENTED = pytest.mark.parametrize("augment", [AugmentConfig(), AUGMENT])


def network(*, dropout: float = 0.5) -> nn.Module:
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
            ((x, targets),) = validation.in_order(len(validation))
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


@pytest.mark.parametrize("micro_batch", [None, 3])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@AS_IT_IS_AND_AUGMENTED
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


class Clock:
    """Seconds that pass as each way of taking a step says, and in validations."""

    def __init__(self, *, plain: float, replayed: float) -> None:
        self.now = 0.0
        self.plain, self.replayed = plain, replayed
        self.ways: list[str] = []

    def __call__(self) -> float:
        return self.now

    def pass_(self, way: str, seconds: float) -> Tensor:
        self.now += seconds
        self.ways.append(way)
        return torch.zeros(())


def paced(
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    *,
    steps: int,
    validate_every: int = 1000,
    start: int = 0,
    refusals: Iterator[str] | None = None,
) -> tuple[str, list[str]]:
    """Take steps whose seconds are invented; which way each went, and what was noted."""

    class Invented(GraphedStep):
        def prepare(self, _: int) -> None:
            clock.now += 1.5
            refusal = next(refusals, "") if refusals else ""
            if refusal:
                raise RuntimeError(refusal)
            self._replay = lambda: torch.zeros(())
            self._captured_rates = self._rates()

        def __call__(self, _: int) -> Tensor:
            return clock.pass_("g", clock.replayed)

    monkeypatch.setattr("bench.train.cuda_graph.GraphedStep", Invented)
    monkeypatch.setattr(Step, "__call__", lambda *_: clock.pass_("p", clock.plain))
    notes: list[str] = []
    take = StepRunner(
        step_of(network(), TrainConfig(batch_size=8)),
        end=start + steps,
        on_note=notes.append,
        capture=the_function,
        clock=clock,
    )
    number = start
    while number < start + steps:
        stop = min(number - number % validate_every + validate_every, start + steps)
        number += len(list(take(range(number, stop))))
        clock.now += 1000.0  # a validation, which must be taken for no step's
    assert number == start + steps
    assert take.capture_seconds in ((1.5, 3.0) if "g" in clock.ways or refusals else (0.0,))
    return "".join(clock.ways), notes


def test_a_faster_graph_is_kept_and_its_break_even_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ways, notes = paced(monkeypatch, Clock(plain=0.05, replayed=0.02), steps=900)
    before = WARM_UP_STEPS + TIMED_STEPS
    assert ways == "p" * before + "g" * (900 - before)
    assert notes == [
        "steps are replayed from a CUDA graph: 20.00 ms each instead of 50.00 ms; the 1.50 s of "
        "capturing are made up after 50 steps"
    ]


def test_a_slower_graph_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    ways, notes = paced(monkeypatch, Clock(plain=0.05, replayed=0.06), steps=900)
    before = WARM_UP_STEPS + TIMED_STEPS
    tried = 1 + TIMED_STEPS
    assert ways == "p" * before + "g" * tried + "p" * (900 - before - tried)
    assert notes == ["steps are not replayed from a CUDA graph: 60.00 ms each instead of 50.00 ms"]


def test_a_step_that_cannot_be_captured_is_taken_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(plain=0.05, replayed=0.02)
    ways, notes = paced(monkeypatch, clock, steps=900, refusals=iter(["it waits\nfor the host"]))
    assert ways == "p" * 900
    assert notes == ["steps are not replayed from a CUDA graph: RuntimeError: it waits"]


def test_nothing_is_captured_for_a_short_rest_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(plain=0.003, replayed=0.001)
    assert paced(monkeypatch, clock, steps=300, start=600) == ("p" * 300, [])


@settings(deadline=None)
@given(validate_every=st.integers(1, 60), start=st.integers(0, 70))
def test_no_validation_is_taken_for_a_step(validate_every: int, start: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(plain=0.5, replayed=0.25)
        ways, notes = paced(
            monkeypatch, clock, steps=300, start=start, validate_every=validate_every
        )
    if validate_every < 14:  # no room for timing
        assert (ways, notes) == ("p" * 300, [])
    else:
        assert ways.lstrip("p") == "g" * ways.count("g") != ""
        assert "250.00 ms each instead of 500.00 ms" in notes[0]


def test_a_graph_that_cannot_be_captured_again_after_a_decay_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(plain=0.05, replayed=0.02)
    outdated = iter([False, True])
    monkeypatch.setattr(GraphedStep, "is_outdated", property(lambda _: next(outdated)))
    refusals = iter(["", "out of memory"])
    ways, notes = paced(monkeypatch, clock, steps=900, validate_every=300, refusals=refusals)
    before = WARM_UP_STEPS + TIMED_STEPS
    replayed = 600 - before  # asked before each further stretch: the second decay is the last one's
    assert ways == "p" * before + "g" * replayed + "p" * (900 - before - replayed)
    assert notes[1:] == ["steps are not replayed from a CUDA graph: RuntimeError: out of memory"]


def test_a_finished_training_leaves_nothing_behind(tmp_path: Path) -> None:
    """Without a look for garbage: the next cell needs the memory at once."""
    training, model = images(), network()
    left = [weakref.ref(training.pixels), weakref.ref(model)]
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
        model = lay_out(network(dropout=0.0), device=device, memory_format=memory_format)
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
        built = find_model(model).build(in_channels=1, outputs=2, image_size=32)
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
    def history(folder: Path) -> tuple[Validation, ...]:
        parts = tuple(images(count, device=torch.device("cuda")) for count in (60, 40))
        config = TrainConfig(
            lr=0.01, batch_size=16, max_iterations=120, validate_every=60, patience=9
        )
        return trained(on_cuda(network()), folder, parts, config=config).history

    monkeypatch.setattr("bench.train.cuda_graph.WORTH_SECONDS", float("inf"))
    without = history(tmp_path / "without")
    monkeypatch.setattr("bench.train.cuda_graph.WORTH_SECONDS", 0.0)
    captured: list[int] = []
    prepare = GraphedStep.prepare

    def watched(step: GraphedStep, number: int) -> None:
        prepare(step, number)
        captured.append(number)

    monkeypatch.setattr(GraphedStep, "prepare", watched)
    with_graphs = history(tmp_path / "with")
    assert captured
    assert losses(with_graphs) == pytest.approx(losses(without), rel=0.05)


class Waits(nn.Module):
    """Looks at a number on the host in the middle of its forward pass, and drops out after it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()
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
