"""The training loop on real (synthetic) radiographs."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import os
import signal
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench import signals
from bench.config import AugmentConfig, TrainConfig
from bench.data.batches import ImageSet
from bench.data.normalisation import measure_normalisation
from bench.data.placement import place_pixels
from bench.data.tasks import make_task
from bench.errors import InputError
from bench.registry import DATASETS, LOSSES
from bench.train.checkpoint import BEST, KEYS, LAST
from bench.train.cuda_graph import StepRunner
from bench.train.errors import TrainingFailedError, is_out_of_memory
from bench.train.history import Training, TrainingData
from bench.train.loop import train
from bench.train.prediction import mean_loss, predict
from bench.train.score import overall_auc
from bench.train.state import SaveTimer
from bench.train.step import make_step
from tests.bench.train.small import (
    CPU,
    SEED,
    Messages,
    PowerCutError,
    make_loss,
    network,
    trained,
    validation_loss,
    without_seconds,
)

SIDE = 32
QUICK = TrainConfig(
    lr=0.05,
    batch_size=8,
    max_iterations=12,
    validate_every=3,
    augment=AugmentConfig(flip=True, shift=0.1),
)
Parts = tuple[ImageSet, ImageSet]


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Sixty training and forty validation images of the phantom."""
    study = DATASETS.get("phantom").open(root=None, image_size=SIDE, options={"images": 100})
    pixels = np.stack([study.reader.read(image) for image in study.rows["image"][:100]])
    targets = make_task("m1").targets(study.rows)[:100]
    rows = np.arange(100, dtype=np.int64)
    normalisation = measure_normalisation(pixels, rows[:60])

    def part(rows: np.ndarray) -> ImageSet:
        return ImageSet(
            placement=place_pixels(pixels, device=CPU),
            pixel_rows=rows,
            targets=targets[rows],
            normalisation=normalisation,
            in_channels=1,
        )

    return part(rows[:60]), part(rows[60:])


MODERN = QUICK.model_copy(
    update={
        "optimizer": "adamw",
        "lr": 0.005,
        "weight_decay": 0.05,
        "schedule": "cosine",
        "warmup": 0.25,
        "clip": 1.0,
        "ema": 0.9,
        "augment": AugmentConfig(flip=True, rotate=7, scale=0.1, crop=0.1),
    }
)


Check = Callable[[TrainConfig, Training, nn.Module], None]


@pytest.fixture(scope="module")
def check_whole(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Compares a resumed training and its network with an uninterrupted one, bit for bit."""

    @cache
    def whole(config: TrainConfig) -> tuple[Training, nn.Module]:
        uninterrupted = network()
        folder = tmp_path_factory.mktemp("whole")
        return trained(uninterrupted, folder, parts, config=config), uninterrupted

    def check(config: TrainConfig, again: Training, resumed: nn.Module) -> None:
        training, uninterrupted = whole(config)
        assert without_seconds(again) == without_seconds(training)
        weights = uninterrupted.state_dict()
        assert all(torch.equal(weights[k], weight) for k, weight in resumed.state_dict().items())

    return check


@pytest.mark.parametrize("config", [QUICK, MODERN], ids=["paper", "modern"])
@pytest.mark.parametrize("cut_after", [3, 8])
def test_a_resumed_training_is_bit_for_bit_an_uninterrupted_one(
    parts: Parts, check_whole: Check, tmp_path: Path, cut_after: int, config: TrainConfig
) -> None:
    cut = Messages(cut_after=cut_after)
    with pytest.raises(PowerCutError):
        trained(network(), tmp_path, parts, config=config, messages=cut)
    # Another initialisation: all that matters must come from the checkpoint, unless the
    # interruption came before the first one.
    resumed = network(seed=9) if cut_after > 3 else network()
    torch.manual_seed(cut_after)
    check_whole(config, trained(resumed, tmp_path, parts, config=config), resumed)


@pytest.fixture
def saved_after_every_step(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The change of a training's settings with which a checkpoint is due after each step."""
    monkeypatch.setattr("bench.train.state.LEAST_RATIO", 0)
    return {"checkpoint_seconds": 1e-9}


def resume(
    parts: Parts, folder: Path, *, config: TrainConfig, frequent: TrainConfig, cut_after: int
) -> tuple[Training, nn.Module]:
    """A training that was cut in what follows a step and its checkpoint, and its network.

    The last step of an interval has none before it is validated.
    """
    cut = Messages(cut_after=cut_after)
    with pytest.raises(PowerCutError):
        trained(network(), folder, parts, config=frequent, messages=cut)
    resumed, messages = network(seed=9), Messages()
    again = trained(resumed, folder, parts, config=config, messages=messages)
    kept = cut_after - (cut_after % 3 == 0)
    assert messages.steps == list(range(kept, 13))
    seconds = [0.0, *(entry.train_seconds for entry in again.history)]
    assert all(later > earlier for earlier, later in itertools.pairwise(seconds))
    return again, resumed


@pytest.mark.parametrize(
    ("config", "cut_after"),
    [
        (QUICK, 5),
        (QUICK, 12),
        *((MODERN, cut_after) for cut_after in (2, 3, 5, 12)),
        (MODERN.model_copy(update={"micro_batch": 3}), 5),
    ],
)
def test_a_training_goes_on_in_the_middle_of_an_interval_bit_for_bit(
    parts: Parts,
    check_whole: Check,
    tmp_path: Path,
    saved_after_every_step: dict[str, object],
    config: TrainConfig,
    cut_after: int,
) -> None:
    frequent = config.model_copy(update=saved_after_every_step)
    again = resume(parts, tmp_path, config=config, frequent=frequent, cut_after=cut_after)
    check_whole(config, *again)


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "compiled"])
def test_replayed_and_compiled_steps_go_on_bit_for_bit_too(
    parts: Parts,
    check_whole: Check,
    tmp_path: Path,
    saved_after_every_step: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    compiled: bool,
) -> None:
    """Without CUDA: the graph is the function itself, and the compiler traces alone."""
    if compiled:
        made = partial(torch.compile, backend="eager")
        monkeypatch.setattr(torch, "compile", made)
    else:
        monkeypatch.setattr("bench.train.cuda_graph.WORTH_STEPS", 1)
        made = partial(StepRunner, capture=lambda function: function)
        monkeypatch.setattr("bench.train.loop.StepRunner", made)
    config = MODERN.model_copy(update={"compile": compiled})
    frequent = config.model_copy(update=saved_after_every_step)
    again = resume(parts, tmp_path, config=config, frequent=frequent, cut_after=8)
    if not compiled:
        monkeypatch.undo()  # the graph's steps have the bits of plain ones
    check_whole(config, *again)


@pytest.mark.parametrize(
    ("config", "step", "in_validation"),
    [
        (QUICK, 5, False),
        (MODERN, 2, False),
        (MODERN, 3, False),
        (MODERN, 5, False),
        (MODERN, 6, True),
    ],
)
def test_a_training_that_is_asked_to_stop_goes_on_from_that_step_bit_for_bit(
    parts: Parts,
    check_whole: Check,
    tmp_path: Path,
    config: TrainConfig,
    step: int,
    in_validation: bool,
) -> None:
    """The signal comes in the forward pass of a step, or of the validation after it."""
    stopped, resumed = network(), network(seed=9)
    passes: list[bool] = []

    def strike(*_: object) -> None:
        passes.append(torch.is_inference_mode_enabled())
        if passes.count(False) == step and passes[-1] == in_validation:
            os.kill(os.getpid(), signal.SIGTERM)

    stopped.register_forward_hook(strike)
    with pytest.raises(signals.Stopped), signals.handled():
        trained(stopped, tmp_path, parts, config=config)
    messages = Messages()
    again = trained(resumed, tmp_path, parts, config=config, messages=messages)
    assert messages.steps == list(range(step, 13))
    check_whole(config, again, resumed)


def test_a_checkpoint_waits_fifty_times_as_long_as_the_last_one_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def due_at(now: float) -> bool:
        monkeypatch.setattr("time.monotonic", lambda: now)
        return timer.is_due

    timer = SaveTimer(seconds=10, ended=100.0)
    assert [due_at(now) for now in (109.9, 110.0, 111.0)] == [False, True, True]
    timer.saved(110.0)  # it took a second
    assert [due_at(now) for now in (121.0, 160.9, 161.0)] == [False, False, True]


def test_history_has_one_line_a_validation_and_a_short_last_stretch(
    parts: Parts, tmp_path: Path
) -> None:
    config = QUICK.model_copy(update={"max_iterations": 7})
    history = trained(network(), tmp_path, parts, config=config).history
    assert [h.iteration for h in history] == [3, 6, 7]
    assert all(0 <= h.validation_auc <= 1 for h in history)
    seconds = [h.train_seconds for h in history]
    assert seconds == sorted(seconds)


class Ruinous(nn.Module):
    """Cross entropy for some steps; then its negative, which undoes what was learned."""

    def __init__(self, *, good_steps: int) -> None:
        super().__init__()
        self.inner = make_loss("ce")
        self.left = good_steps

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        value: Tensor = self.inner(logits, targets)
        if not torch.is_grad_enabled():
            return value
        self.left -= 1
        return value if self.left >= 0 else -10 * value


def test_the_kept_weights_are_a_real_copy_of_the_best_ones(parts: Parts, tmp_path: Path) -> None:
    """The network gets the weights back that gave the best AUC, not those it ended with."""
    kept = network()
    training = trained(kept, tmp_path, parts, config=QUICK, loss=Ruinous(good_steps=6))
    best = max(training.history, key=lambda h: h.validation_auc)
    assert best == training.best
    assert best.iteration < training.iterations
    predicted = predict(kept, parts[1], kind="multiclass", precision="float32")
    targets = parts[1].targets_at(np.arange(len(parts[1])))
    loss = mean_loss(make_loss("ce"), predicted.logits, targets, side=SIDE)
    assert loss == pytest.approx(best.validation_loss, rel=1e-12)
    weights = kept.state_dict()
    last = torch.load(tmp_path / LAST, weights_only=True)["network"]
    stored = torch.load(tmp_path / BEST, weights_only=True)["network"]
    assert all(torch.equal(stored[k], weights[k]) for k in weights)
    assert not all(torch.equal(last[k], weights[k]) for k in weights)


def test_averaged_weights_are_validated_and_kept(parts: Parts, tmp_path: Path) -> None:
    def weights_after(steps: int) -> Tensor:
        plain = QUICK.model_copy(update={"max_iterations": steps, "validate_every": steps})
        model = network()
        trained(model, tmp_path / str(steps), parts, config=plain)
        return model.state_dict()["6.weight"]

    kept = network()
    config = QUICK.model_copy(update={"ema": 0.5, "max_iterations": 4, "validate_every": 4})
    training = trained(kept, tmp_path / "averaged", parts, config=config)
    # The decay rises: 0 at the first step, then 1 - 2^(-2/3), then 1/2.
    average = weights_after(1)
    for steps, decay in ((2, 1 - 2 ** (-2 / 3)), (3, 0.5), (4, 0.5)):
        average = decay * average + (1 - decay) * weights_after(steps)
    torch.testing.assert_close(kept.state_dict()["6.weight"], average)
    assert validation_loss(kept, parts[1]) == training.history[-1].validation_loss


class Misleading(nn.Module):
    """A loss whose value in evaluation never falls, so that the schedule sees a plateau."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        value: Tensor = make_loss("ce")(logits, targets)
        return value if torch.is_grad_enabled() else torch.ones(())


def test_learning_rate_decays_at_plateaus_and_training_stops_early(
    parts: Parts, tmp_path: Path
) -> None:
    config = QUICK.model_copy(
        update={"lr": 0.08, "max_iterations": 60, "patience": 2, "max_decays": 2, "decay_factor": 2}
    )
    history = trained(network(), tmp_path, parts, config=config, loss=Misleading()).history
    assert [h.decision for h in history] == [
        "improved", "waiting", "decay", "waiting", "decay", "waiting", "stop",
    ]  # fmt: skip
    assert [h.lr for h in history] == [0.08] * 3 + [0.04] * 2 + [0.02] * 2
    assert history[-1].iteration == 21


class Explodes(nn.Module):
    """Cross entropy, but infinite from some training step on."""

    def __init__(self, *, at: int) -> None:
        super().__init__()
        self.inner = make_loss("ce")
        self.left = at

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        value: Tensor = self.inner(logits, targets)
        self.left -= torch.is_grad_enabled()
        return value if self.left > 0 else value * math.inf


@pytest.mark.parametrize(
    ("changes", "gradient", "rate", "smaller"),
    [
        ({}, "", r"0\.05", r"0\.005"),
        ({"lr": 0.5}, "", r"0\.5", r"0\.01"),
        (
            {**vars(MODERN), "recipe": "modern"},
            r" \(norm of the gradient [\d.e+-]+\)",
            ".*",
            "0.0003",
        ),
    ],
    ids=["tenth", "recipe's rate", "clipped"],
)
def test_a_loss_that_is_not_finite_is_named_by_its_step_with_advice_that_helps(
    parts: Parts,
    tmp_path: Path,
    changes: dict[str, object],
    gradient: str,
    rate: str,
    smaller: str,
) -> None:
    config = QUICK.model_copy(update=changes)
    with pytest.raises(
        TrainingFailedError,
        match=rf"^the training loss is inf at step 5, after [\d.e+]+ at the step before{gradient}, "
        rf"at learning rate {rate}: .*\(train\.lr={smaller}\)$",
    ):
        trained(network(), tmp_path, parts, config=config, loss=Explodes(at=5))


def test_a_loss_that_is_not_finite_at_once_is_not_blamed_on_the_learning_rate(
    parts: Parts, tmp_path: Path
) -> None:
    with pytest.raises(TrainingFailedError, match="inf at step 1, before any weight was") as failed:
        trained(network(), tmp_path, parts, config=QUICK, loss=Explodes(at=1))
    assert "train.lr" not in str(failed.value)


def test_no_checkpoint_is_written_of_a_loss_that_is_not_finite(
    parts: Parts, tmp_path: Path, saved_after_every_step: dict[str, object]
) -> None:
    config = QUICK.model_copy(update=saved_after_every_step)
    messages = Messages()
    with pytest.raises(TrainingFailedError, match="inf at step 5"):
        trained(network(), tmp_path, parts, config=config, loss=Explodes(at=5), messages=messages)
    assert messages.steps == [1, 2, 3, 4]
    state = torch.load(tmp_path / LAST, weights_only=True)
    assert len(state["losses"]) == 1
    assert state.keys() == KEYS


def test_frozen_parameters_and_their_batch_norms_stay_as_they_are(
    parts: Parts, tmp_path: Path
) -> None:
    model = network()
    for module in list(model)[:2]:
        module.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    trained(model, tmp_path, parts, config=QUICK)
    after = model.state_dict()
    assert {k for k in before if not torch.equal(before[k], after[k])} == {"6.weight", "6.bias"}


def test_a_validation_loss_is_computed_in_float32(parts: Parts) -> None:
    model, images = network(), parts[1]
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
    found = predict(model, images, kind="multiclass", precision="bfloat16").logits
    (x,), targets = images.in_order(len(images)), images.targets_at(np.arange(len(images)))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(x)
    assert logits.dtype == torch.bfloat16
    loss = mean_loss(weighted, found, targets, side=SIDE)
    assert loss == weighted(logits.float(), targets).item()


def test_no_gradient_takes_memory_during_prediction(parts: Parts, tmp_path: Path) -> None:
    model = network()
    held: list[bool] = []

    def look(*_: object) -> None:
        if torch.is_inference_mode_enabled():
            held.append(any(p.grad is not None for p in model.parameters()))

    model.register_forward_pre_hook(look)
    history = trained(model, tmp_path, parts, config=QUICK).history
    assert held == [False] * len(history)


class Cramped(nn.Module):
    """Has memory for so many images at once, after some steps with more; counts them."""

    def __init__(self, inner: nn.Module, *, room: int, roomy_steps: int = 0) -> None:
        super().__init__()
        self.inner, self.room, self.roomy_steps = inner, room, roomy_steps
        self.seen: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        if len(images) > self.room and len(self.seen) > self.roomy_steps:
            raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.")
        logits: Tensor = self.inner(images)
        return logits


def test_too_little_memory_names_the_setting_and_keeps_the_checkpoint(
    parts: Parts, tmp_path: Path
) -> None:
    whole = trained(network(), tmp_path / "whole", parts, config=QUICK)
    cramped = Cramped(network(), room=4, roomy_steps=8)
    with pytest.raises(
        InputError,
        match=r"^memory does not suffice for 8 images of 32 px at once: set train\.micro_batch=4 ",
    ):
        trained(cramped, tmp_path / "cut", parts, config=QUICK)
    # With more memory it goes on from the last validation.
    messages, roomy = Messages(), Cramped(network(seed=9), room=60)
    resumed = trained(roomy, tmp_path / "cut", parts, config=QUICK, messages=messages)
    assert messages.steps == list(range(6, 13))
    assert without_seconds(resumed) == without_seconds(whole)


def test_too_little_memory_for_one_image_asks_for_smaller_ones(
    parts: Parts, tmp_path: Path
) -> None:
    config = QUICK.model_copy(update={"micro_batch": 1})
    model = Cramped(nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 2)), room=0)
    with pytest.raises(InputError, match="1 images of 32 px at once: try a smaller data"):
        trained(model, tmp_path, parts, config=config)


@pytest.mark.parametrize("name", ["sin", "weighted_ce"])
@pytest.mark.parametrize(("micro_batch", "most"), [(3, 3), (4, 4), (7, 4), (64, 8)])
def test_accumulated_gradients_are_those_of_the_whole_batch(
    parts: Parts, name: str, micro_batch: int, most: int
) -> None:
    """Without batch norm and dropout; of eight images three at a time leave two."""

    def gradients(config: TrainConfig) -> tuple[float, list[Tensor], int]:
        torch.manual_seed(0)
        layers = nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 2)
        model = Cramped(nn.Sequential(*layers), room=8)
        criterion = LOSSES.get(name).build(
            kind="multiclass", targets=parts[0].targets, outputs=2, weighted=True
        )
        step = make_step(model, criterion, parts[0], config=config, seed=SEED)
        value = step.backward(step.stream.batch(0)).item()
        return value, [p.grad for p in model.parameters() if p.grad is not None], max(model.seen)

    value, whole, at_once = gradients(QUICK)
    assert (len(whole), at_once) == (4, 8)
    accumulated, summed, at_once = gradients(QUICK.model_copy(update={"micro_batch": micro_batch}))
    assert at_once == most
    assert accumulated == pytest.approx(value, rel=1e-6)
    for expected, gradient in zip(whole, summed, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


def test_memory_errors_of_the_host_and_of_cuda_are_recognised() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**48)
    assert type(refused.value) is RuntimeError
    assert is_out_of_memory(refused.value)
    for text in (
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ):
        assert is_out_of_memory(RuntimeError(text))


def test_another_error_is_not_taken_for_want_of_memory(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        trained(nn.Sequential(nn.Flatten(), nn.Linear(7, 2)), tmp_path, parts, config=QUICK)


def test_fourteen_labels_train_too(parts: Parts, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    learned, validated = (
        dataclasses.replace(
            part, targets=random.integers(2, size=(len(part), 14)).astype(np.float32)
        )
        for part in parts
    )
    validated.targets[:, 0] = 0  # no AUC, and no obstacle
    model = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 14))
    loss = LOSSES.get("sin").factory(kind="multilabel", class_weights=None)
    data = TrainingData(training=learned, validation=validated, kind="multilabel")
    training = train(model, loss, data, config=QUICK, seed=SEED, folder=tmp_path)
    predicted = predict(model, validated, kind="multilabel", precision="float32")
    score = overall_auc(
        torch.from_numpy(validated.targets), predicted.probabilities, kind="multilabel"
    )
    assert training.best.validation_auc == pytest.approx(score, rel=1e-12)


def test_where_auc_is_undefined_the_first_validation_is_kept(parts: Parts, tmp_path: Path) -> None:
    alike = dataclasses.replace(parts[1], targets=np.zeros(len(parts[1]), dtype=np.int64))
    messages = Messages()
    training = trained(network(), tmp_path, (parts[0], alike), config=QUICK, messages=messages)
    assert [entry.best for entry in training.history] == [True, False, False, False]
    assert np.isnan(training.best.validation_auc)
    (note,) = messages.notes
    assert "AUC is undefined" in note


def test_predictions_do_not_depend_on_the_batch(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are bounded by images, by pixels and by memory."""
    whole = predict(network(), parts[1], kind="multiclass", precision="float32")
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1.0)

    def batches(room: int) -> list[int]:
        model = Cramped(network(), room=room)
        found = predict(model, parts[1], kind="multiclass", precision="float32")
        np.testing.assert_allclose(found.probabilities, whole.probabilities, rtol=1e-5)
        return model.seen

    loss = validation_loss(network(), parts[1])
    assert batches(room=40) == [40]
    assert batches(room=12) == [40, 20, 10, 10, 10, 10]
    monkeypatch.setattr("bench.train.prediction.LOSS_BATCH", 9)
    assert validation_loss(network(), parts[1]) == pytest.approx(loss, rel=1e-6)
    monkeypatch.setattr("bench.train.prediction.CPU_BATCH", 16)
    assert batches(room=40) == [16, 16, 8]
    monkeypatch.setattr("bench.train.prediction.CPU_PIXELS", SIDE * SIDE * 15)
    assert batches(room=40) == [15, 15, 10]
    monkeypatch.setattr("bench.train.prediction.CPU_PIXELS", 7)
    assert batches(room=40) == [1] * 40
    with pytest.raises(torch.OutOfMemoryError):
        batches(room=0)


def test_a_network_learns_to_tell_two_obvious_classes_apart(tmp_path: Path) -> None:
    """Left half bright or right half bright: a loop that works gets an AUC of 1."""
    random = np.random.default_rng(0)
    targets = np.arange(200, dtype=np.int64) % 2
    pixels = random.integers(0, 120, size=(200, 16, 16), dtype=np.uint8)
    for image, target in zip(pixels, targets, strict=True):
        image[:, 8 * target : 8 * target + 8] += 60
    learned, validated = (
        ImageSet(
            placement=place_pixels(pixels, device=CPU),
            pixel_rows=rows,
            targets=targets[rows],
            normalisation=measure_normalisation(pixels, rows),
            in_channels=1,
        )
        for rows in (np.arange(0, 120), np.arange(120, 200))
    )
    config = TrainConfig(lr=0.1, batch_size=16, max_iterations=60, validate_every=20)
    history = trained(network(), tmp_path, (learned, validated), config=config).history
    assert history[-1].validation_auc == 1.0
    assert history[-1].validation_loss < history[0].validation_loss
