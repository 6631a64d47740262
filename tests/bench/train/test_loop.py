"""The training loop on real (synthetic) radiographs."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.config import AugmentConfig, TrainConfig
from bench.data.batches import ImageSet
from bench.data.normalisation import measure_normalisation
from bench.data.placement import place_pixels
from bench.data.tasks import make_task
from bench.errors import InputError
from bench.registry import DATASETS, LOSSES
from bench.train import (
    Listener,
    Predicted,
    Training,
    TrainingData,
    TrainingFailedError,
    Validation,
    make_optimizer,
    make_step,
    overall_auc,
    predict,
    train,
)
from bench.train.checkpoint import BEST, LAST
from bench.train.errors import is_out_of_memory

SIDE = 32
QUICK = TrainConfig(
    lr=0.05,
    batch_size=8,
    max_iterations=12,
    validate_every=3,
    augment=AugmentConfig(flip=True, shift=0.1),
)


@pytest.fixture(scope="module")
def sets() -> tuple[ImageSet, ImageSet]:
    """Sixty training and forty validation images of the phantom."""
    study = DATASETS.get("phantom").open(root=None, image_size=SIDE, options={"images": 100})
    images = study.rows["image"][:100]
    pixels = np.stack([study.reader.read(image) for image in images])
    targets = make_task("m1").targets(study.rows)[:100]
    rows = np.arange(100, dtype=np.int64)
    normalisation = measure_normalisation(pixels, rows[:60])

    def part(places: slice) -> ImageSet:
        return ImageSet(
            pixels=place_pixels(pixels, device=torch.device("cpu")),
            pixel_rows=rows[places],
            targets=targets[places],
            normalisation=normalisation,
            in_channels=1,
        )

    return part(slice(0, 60)), part(slice(60, 100))


def network(seed: int = 0) -> nn.Module:
    """A small network with everything that makes resuming hard: dropout and batch norm."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 2),
    )


def loss(name: str = "sin") -> nn.Module:
    made: nn.Module = LOSSES.get(name).factory(kind="multiclass", class_weights=None)
    return made


class PowerCutError(Exception):
    """Ends a training from outside."""


def run(
    sets: tuple[ImageSet, ImageSet],
    folder: Path,
    *,
    config: TrainConfig = QUICK,
    model: nn.Module | None = None,
    criterion: nn.Module | None = None,
    cut_after: int | None = None,
) -> tuple[tuple[Validation, ...], dict[str, torch.Tensor]]:
    model = model or network()

    def on_step(step: int) -> None:
        if step == cut_after:
            raise PowerCutError

    training = train(
        model,
        criterion or loss(),
        TrainingData(training=sets[0], validation=sets[1], kind="multiclass"),
        config=config,
        seed=5,
        folder=folder,
        listener=Listener(on_step=on_step),
    )
    return training.history, {k: v.clone() for k, v in model.state_dict().items()}


def without_seconds(history: Sequence[Validation]) -> list[dict[str, object]]:
    return [{k: v for k, v in vars(h).items() if k != "train_seconds"} for h in history]


@pytest.mark.parametrize("cut_after", [3, 4, 6, 8, 11])
def test_a_resumed_training_is_bit_for_bit_an_uninterrupted_one(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path, cut_after: int
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    history, weights = run(sets, tmp_path / "whole")
    with pytest.raises(PowerCutError):
        run(sets, tmp_path / "cut", cut_after=cut_after)
    # Another initialisation: all that matters must come from the checkpoint, unless the
    # interruption came before the first one.
    begin = network(seed=9) if cut_after > 3 else network()
    torch.manual_seed(cut_after)
    resumed_history, resumed_weights = run(sets, tmp_path / "cut", model=begin)
    assert without_seconds(resumed_history) == without_seconds(history)
    assert weights.keys() == resumed_weights.keys()
    assert all(torch.equal(weights[k], resumed_weights[k]) for k in weights)


def test_history_has_one_line_a_validation_and_a_short_last_stretch(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    config = QUICK.model_copy(update={"max_iterations": 7})
    history, _ = run(sets, tmp_path, config=config)
    assert [h.iteration for h in history] == [3, 6, 7]
    assert all(0 <= h.validation_auc <= 1 for h in history)
    seconds = [h.train_seconds for h in history]
    assert seconds == sorted(seconds)


class Ruinous(nn.Module):
    """Cross entropy for some steps; then its negative, which undoes what was learned."""

    def __init__(self, *, good_steps: int) -> None:
        super().__init__()
        self.inner = loss("ce")
        self.left = good_steps

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = self.inner(logits, targets)
        if not torch.is_grad_enabled():
            return value
        self.left -= 1
        return value if self.left >= 0 else -10 * value


def test_the_kept_weights_are_a_real_copy_of_the_best_ones(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    """The network gets the weights back that gave the best AUC, not those it ended with."""
    history, weights = run(sets, tmp_path, criterion=Ruinous(good_steps=6))
    best = max(history, key=lambda h: h.validation_auc)
    assert best.best
    assert best.iteration < history[-1].iteration
    kept = network()
    kept.load_state_dict(weights)
    predicted = predict(kept, loss("ce"), sets[1], kind="multiclass", precision="float32")
    assert predicted.loss == pytest.approx(best.validation_loss, rel=1e-12)
    last = torch.load(tmp_path / LAST, weights_only=True)["network"]
    stored = torch.load(tmp_path / BEST, weights_only=True)["network"]
    assert all(torch.equal(stored[k], weights[k]) for k in weights)
    assert not all(torch.equal(last[k], weights[k]) for k in weights)


class Misleading(nn.Module):
    """A loss whose value in evaluation never falls, so that the schedule sees a plateau."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = loss("ce")

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = self.inner(logits, targets)
        return value if torch.is_grad_enabled() else torch.ones(())


def test_learning_rate_decays_at_plateaus_and_training_stops_early(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    config = QUICK.model_copy(
        update={"lr": 0.08, "max_iterations": 60, "patience": 2, "max_decays": 2, "decay_factor": 2}
    )
    history, _ = run(sets, tmp_path, config=config, criterion=Misleading())
    assert [h.decision for h in history] == [
        "improved",
        "waiting",
        "decay",
        "waiting",
        "decay",
        "waiting",
        "stop",
    ]
    assert [h.lr for h in history] == [0.08] * 3 + [0.04] * 2 + [0.02] * 2
    assert history[-1].iteration == 21


def test_a_loss_that_is_not_finite_ends_the_training_with_advice(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    class NotANumber(nn.Module):
        def forward(self, logits: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
            return logits.sum() * float("nan")

    with pytest.raises(
        TrainingFailedError,
        match=r"^the training loss is nan by iteration 3 at learning rate 0.05: "
        r"try a smaller one \(train.lr=0.005\)$",
    ):
        run(sets, tmp_path, criterion=NotANumber())


def test_frozen_parameters_and_their_batch_norms_stay_as_they_are(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    model = network()
    for module in list(model)[:2]:
        module.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    _, after = run(sets, tmp_path, model=model)
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed == {"6.weight", "6.bias"}


def test_sgd_is_torchs_own_and_means_what_it_says() -> None:
    config = TrainConfig(momentum=0.7, nesterov=True, weight_decay=0.01, lr=0.3)
    optimizer = make_optimizer(network(), config)
    assert type(optimizer) is torch.optim.SGD
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["nesterov"], group["weight_decay"]) == (
        0.3,
        0.7,
        True,
        0.01,
    )


def test_a_network_with_nothing_to_train_is_told_so() -> None:
    with pytest.raises(TrainingFailedError, match="no parameter that is trained"):
        make_optimizer(nn.Flatten(), TrainConfig())
    frozen = network().requires_grad_(False)
    with pytest.raises(TrainingFailedError, match="no parameter that is trained"):
        make_optimizer(frozen, TrainConfig(optimizer="adamw"))


def test_other_optimizers_come_from_timm() -> None:
    optimizer = make_optimizer(network(), TrainConfig(optimizer="adamw", lr=0.001))
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.param_groups[0]["lr"] == 0.001


def test_predictions_do_not_depend_on_the_batch(
    sets: tuple[ImageSet, ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network()
    whole = predict(model, loss(), sets[1], kind="multiclass", precision="float32")
    monkeypatch.setattr("bench.train.prediction.CPU_BATCH", 7)
    pieces = predict(model, loss(), sets[1], kind="multiclass", precision="float32")
    np.testing.assert_allclose(whole.probabilities, pieces.probabilities, rtol=1e-5)
    assert whole.loss == pytest.approx(pieces.loss, rel=1e-6)
    monkeypatch.setattr("bench.train.prediction.LOSS_BATCH", 9)
    in_groups = predict(model, loss(), sets[1], kind="multiclass", precision="float32")
    assert whole.loss == pytest.approx(in_groups.loss, rel=1e-6)
    np.testing.assert_allclose(whole.probabilities.sum(axis=1), 1.0)


def test_a_validation_loss_is_computed_in_float32(sets: tuple[ImageSet, ImageSet]) -> None:
    model, images = network(), sets[1]
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
    found = predict(model, weighted, images, kind="multiclass", precision="bfloat16")
    ((x, targets),) = images.in_order(len(images))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(x)
    assert logits.dtype == torch.bfloat16
    assert found.loss == weighted(logits.float(), targets).item()


def test_no_gradient_takes_memory_during_prediction(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    model = network()
    held: list[bool] = []

    def look(*_: object) -> None:
        if torch.is_inference_mode_enabled():
            held.append(any(p.grad is not None for p in model.parameters()))

    model.register_forward_pre_hook(look)
    history, _ = run(sets, tmp_path, model=model)
    assert held == [False] * len(history)


class Cramped(nn.Module):
    """Has memory for so many images at once in training, after some steps with more; counts."""

    def __init__(self, inner: nn.Module, *, room: int, roomy_steps: int = 0) -> None:
        super().__init__()
        self.inner = inner
        self.room = room
        self.roomy_steps = roomy_steps
        self.most = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if torch.is_inference_mode_enabled():
            return self.inner(images)  # type: ignore[no-any-return]
        self.roomy_steps -= 1
        if self.roomy_steps < 0 and len(images) > self.room:
            raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.")
        self.most = max(self.most, len(images))
        logits: torch.Tensor = self.inner(images)
        return logits


def train_noted(
    sets: tuple[ImageSet, ImageSet],
    folder: Path,
    model: nn.Module,
    *,
    config: TrainConfig = QUICK,
    cut_after: int | None = None,
) -> tuple[Training, list[str], list[int]]:
    """The training, its notes and the steps it told of."""
    notes: list[str] = []
    steps: list[int] = []

    def on_step(step: int) -> None:
        steps.append(step)
        if step == cut_after:
            raise PowerCutError

    training = train(
        model,
        loss(),
        TrainingData(training=sets[0], validation=sets[1], kind="multiclass"),
        config=config,
        seed=5,
        folder=folder,
        listener=Listener(on_step=on_step, on_note=notes.append),
    )
    return training, notes, steps


def test_too_little_memory_names_the_setting_and_keeps_the_checkpoint(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole, _, _ = train_noted(sets, tmp_path / "whole", Cramped(network(), room=8))
    with pytest.raises(
        InputError,
        match=r"^memory does not suffice for 8 images of 32 px at once: set train\.micro_batch=4",
    ):
        train_noted(sets, tmp_path / "cut", Cramped(network(), room=4, roomy_steps=8))
    # With more memory it goes on from the last validation.
    resumed, _, steps = train_noted(sets, tmp_path / "cut", Cramped(network(seed=9), room=8))
    assert steps == list(range(6, 13))
    assert without_seconds(resumed.history) == without_seconds(whole.history)


def test_too_little_memory_for_one_image_asks_for_smaller_ones(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    config = QUICK.model_copy(update={"micro_batch": 1})
    model = Cramped(nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 2)), room=0)
    with pytest.raises(
        InputError, match=r"^memory does not suffice for one image of 32 px at once: try a smaller"
    ):
        train_noted(sets, tmp_path, model, config=config)


@pytest.mark.parametrize("name", ["sin", "weighted_ce"])
@pytest.mark.parametrize(("micro_batch", "most"), [(3, 3), (4, 4), (7, 4), (64, 8)])
def test_accumulated_gradients_are_those_of_the_whole_batch(
    sets: tuple[ImageSet, ImageSet], name: str, micro_batch: int, most: int
) -> None:
    """Without batch norm and dropout; of eight images three at a time leave two."""

    def gradients(config: TrainConfig) -> tuple[float, list[torch.Tensor], int]:
        torch.manual_seed(0)
        model = Cramped(
            nn.Sequential(
                nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 2)
            ),
            room=8,
        )
        criterion = LOSSES.get(name).build(
            kind="multiclass", targets=sets[0].targets, outputs=2, weighted=True
        )
        step = make_step(model, criterion, sets[0], config=config, seed=5)
        value = step.backward(step.stream.raw(0)).item()
        return value, [p.grad for p in model.parameters() if p.grad is not None], model.most

    value, whole, at_once = gradients(QUICK)
    assert (len(whole), at_once) == (4, 8)
    accumulated, parts, at_once = gradients(QUICK.model_copy(update={"micro_batch": micro_batch}))
    assert at_once == most
    assert accumulated == pytest.approx(value, rel=1e-6)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)


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
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_another_error_is_not_taken_for_want_of_memory(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        train_noted(sets, tmp_path, nn.Sequential(nn.Flatten(), nn.Linear(7, 2)))


def test_fourteen_labels_train_too(sets: tuple[ImageSet, ImageSet], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    learned, validated = (
        dataclasses.replace(
            part, targets=random.integers(2, size=(len(part), 14)).astype(np.float32)
        )
        for part in sets
    )
    validated.targets[:, 0] = 0  # no AUC, and no obstacle
    model = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 14))
    training = train(
        model,
        LOSSES.get("sin").factory(kind="multilabel", class_weights=None),
        TrainingData(training=learned, validation=validated, kind="multilabel"),
        config=QUICK,
        seed=5,
        folder=tmp_path,
    )
    predicted = predict(
        model,
        LOSSES.get("sin").factory(kind="multilabel", class_weights=None),
        validated,
        kind="multilabel",
        precision="float32",
    )
    score = overall_auc(
        torch.from_numpy(validated.targets), predicted.probabilities, kind="multilabel"
    )
    assert training.best.validation_auc == pytest.approx(score, rel=1e-12)


def test_where_auc_is_undefined_the_first_validation_is_kept(
    sets: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    alike = dataclasses.replace(sets[1], targets=np.zeros(len(sets[1]), dtype=np.int64))
    training, notes, _ = train_noted((sets[0], alike), tmp_path, network())
    assert [entry.best for entry in training.history] == [True, False, False, False]
    assert training.best.iteration == 3
    assert np.isnan(training.best.validation_auc)
    assert notes == [
        "validation AUC is undefined, since no output has images with and without it: "
        "the weights of iteration 3 are kept"
    ]


def test_prediction_batches_are_bounded_by_pixels_and_by_memory(
    sets: tuple[ImageSet, ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    class Watched(nn.Module):
        def __init__(self, room: int) -> None:
            super().__init__()
            self.room = room
            self.inner = network()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(len(images))
            if len(images) > self.room:
                raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.")
            return self.inner(images)  # type: ignore[no-any-return]

    def ask(room: int, images: ImageSet) -> Predicted:
        seen.clear()
        return predict(Watched(room), loss(), images, kind="multiclass", precision="float32")

    many = dataclasses.replace(
        sets[1],
        pixel_rows=np.resize(sets[1].pixel_rows, 600),
        targets=np.resize(sets[1].targets, 600),
    )
    ask(600, many)
    assert seen == [256, 256, 88]
    whole = ask(40, sets[1])
    assert seen == [40]
    pieces = ask(12, sets[1])
    assert seen == [40, 20, 10, 10, 10, 10]
    np.testing.assert_allclose(whole.probabilities, pieces.probabilities, rtol=1e-5)
    monkeypatch.setattr("bench.train.prediction.CPU_PIXELS", 32 * 32 * 15)
    ask(40, sets[1])
    assert seen == [15, 15, 10]
    monkeypatch.setattr("bench.train.prediction.CPU_PIXELS", 7)
    ask(40, sets[1])
    assert seen == [1] * 40
    with pytest.raises(torch.OutOfMemoryError):
        ask(0, sets[1])


def test_a_network_learns_to_tell_two_obvious_classes_apart(tmp_path: Path) -> None:
    """Left half bright or right half bright: a loop that works gets an AUC of 1."""
    random = np.random.default_rng(0)
    targets = np.arange(200, dtype=np.int64) % 2
    pixels = random.integers(0, 120, size=(200, 16, 16), dtype=np.uint8)
    for image, target in zip(pixels, targets, strict=True):
        image[:, 8 * target : 8 * target + 8] += 60
    parts = [
        ImageSet(
            pixels=place_pixels(pixels, device=torch.device("cpu")),
            pixel_rows=rows,
            targets=targets[rows],
            normalisation=measure_normalisation(pixels, rows),
            in_channels=1,
        )
        for rows in (np.arange(0, 120), np.arange(120, 200))
    ]
    config = TrainConfig(lr=0.1, batch_size=16, max_iterations=60, validate_every=20)
    history, _ = run((parts[0], parts[1]), tmp_path, config=config)
    assert history[-1].validation_auc == 1.0
    assert history[-1].validation_loss < history[0].validation_loss
