"""Small images and losses, and short trainings whose every message is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.config.schema import TrainConfig
from bench.data.batches import ImageSet
from bench.data.normalisation import Normalisation
from bench.data.placement import place_pixels
from bench.registry import LOSSES
from bench.train.history import Listener, Training, TrainingData, Validation
from bench.train.loop import train
from bench.train.prediction import mean_loss, predict
from bench.train.step import Step, make_step

CPU = torch.device("cpu")
SEED = 5


def images(count: int = 60, *, side: int = 16, device: torch.device = CPU) -> ImageSet:
    """Random images with targets 0 and 1 in turn."""
    random = np.random.default_rng(count)
    return ImageSet(
        placement=place_pixels(
            random.integers(0, 256, size=(count, side, side), dtype=np.uint8), device=device
        ),
        pixel_rows=np.arange(count, dtype=np.int64),
        targets=np.arange(count, dtype=np.int64) % 2,
        normalisation=Normalisation(mean=0.5, std=0.3),
        in_channels=1,
    )


def network(seed: int = 0) -> nn.Module:
    """A small network with everything that makes resuming hard: dropout and batch norm."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 2),
    )  # fmt: skip


def make_loss(name: str = "sin") -> nn.Module:
    made: nn.Module = LOSSES.get(name).factory(kind="multiclass", class_weights=None)
    return made


def validation_loss(network: nn.Module, images: ImageSet) -> float:
    """The loss of some images as the loop computes it, in float32."""
    logits = predict(network, images, kind="multiclass", precision="float32").logits
    targets = images.targets_at(np.arange(len(images)))
    return mean_loss(make_loss(), logits, targets, side=images.placement.side)


def step_of(network: nn.Module, config: TrainConfig, *, side: int = 16) -> Step:
    """The training step of a network on its own device."""
    device = next(network.parameters()).device
    return make_step(
        network.train(),
        make_loss().to(device),
        images(side=side, device=device),
        config=config,
        seed=SEED,
    )


class PowerCutError(Exception):
    """Ends a training from outside."""


@dataclass(kw_only=True)
class Messages:
    """Everything that a training tells its listener; it is cut off after a step."""

    cut_after: int | None = None
    steps: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def on_step(self, step: int) -> None:
        self.steps.append(step)
        if step == self.cut_after:
            raise PowerCutError


def trained(
    network: nn.Module,
    folder: Path,
    parts: tuple[ImageSet, ImageSet],
    *,
    config: TrainConfig,
    loss: nn.Module | None = None,
    messages: Messages | None = None,
    on_validation: Callable[[object], None] = lambda _: None,
) -> Training:
    """Train on two classes, in a folder that is made."""
    folder.mkdir(exist_ok=True)
    messages = messages or Messages()
    return train(
        network,
        loss or make_loss(),
        TrainingData(training=parts[0], validation=parts[1], kind="multiclass"),
        config=config,
        seed=SEED,
        folder=folder,
        listener=Listener(
            on_step=messages.on_step, on_note=messages.notes.append, on_validation=on_validation
        ),
    )


def without_seconds(training: Training) -> list[dict[str, object]]:
    return [{k: v for k, v in vars(h).items() if k != "train_seconds"} for h in training.history]


def losses(history: tuple[Validation, ...]) -> list[float]:
    """Training and validation losses."""
    return [value for h in history for value in (h.train_loss, h.validation_loss)]


def taken(take: Callable[[int], Tensor], steps: range) -> list[float]:
    """Losses of some steps."""
    return [take(number).item() for number in steps]
