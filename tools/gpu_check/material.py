"""What the checks train: small networks on the synthetic cohort, a step at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.config.schema import AugmentConfig, Precision, TrainConfig
from bench.data.batches import ImageSet, TrainingStream
from bench.data.normalisation import measure_normalisation
from bench.data.placement import OnDevice, Placement
from bench.data.tasks import make_task
from bench.registry import DATASETS, LOSSES, find_model
from bench.train import lay_out, make_optimizer, pace
from bench.train.step import Step

SIDE, BATCH, SEED = 32, 32, 0
AUGMENT = AugmentConfig(flip=True, shift=0.1, contrast=0.2, brightness=0.1)
CPU = torch.device("cpu")
# Of the steps that are held against each other. Larger ones make chaos of a network: with weights
# changed by 1e-7, the loss of resnet18 is 3e-3 off after six such steps in bfloat16 (1e-7 in
# float32); that of mobilenetv3_small_100, left out for that, 0.3 after two.
LEARNING_RATE = 0.001
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


class Phantom:
    """The synthetic cohort at :data:`SIDE` px: pixels and targets (normal or abnormal).

    Args:
        images: how many.
    """

    def __init__(self, images: int) -> None:
        study = DATASETS.get("phantom").open(root=None, image_size=SIDE, options={"images": images})
        names, reader = study.rows["image"], study.reader
        assert reader is not None
        self.pixels: NDArray[np.uint8] = np.stack([reader.read(name) for name in names])
        self.targets = make_task("m1").targets(study.rows)
        self.normalisation = measure_normalisation(self.pixels, np.arange(len(names)))

    def part(self, placed: Placement, places: NDArray[np.int64]) -> ImageSet:
        """Some of the images."""
        return ImageSet(
            pixels=placed,
            pixel_rows=places,
            targets=self.targets[places],
            normalisation=self.normalisation,
            in_channels=1,
        )


def make_network(model: str, device: torch.device, *, seed: int = SEED) -> nn.Module:
    """A registered network with two outputs, its weights drawn on the CPU."""
    torch.manual_seed(seed)
    network = find_model(model).build(in_channels=1, outputs=2, image_size=SIDE)
    return lay_out(network, device=device, memory_format="auto")


def make_loss(device: torch.device) -> nn.Module:
    """The paper's loss."""
    loss: nn.Module = LOSSES.get("sin").factory(kind="multiclass", class_weights=None)
    return loss.to(device)


def make_step(data: Phantom, network: nn.Module, *, precision: Precision) -> Step:
    """A plain step of a network on all images, augmented."""
    device = next(network.parameters()).device
    everything = data.part(
        OnDevice(data.pixels, device=device), np.arange(len(data.pixels), dtype=np.int64)
    )
    return Step(
        network=network.train(),
        loss=make_loss(device),
        optimizer=make_optimizer(network, TrainConfig(lr=LEARNING_RATE, batch_size=BATCH)),
        stream=TrainingStream(everything, batch_size=BATCH, seed=SEED, augment=AUGMENT),
        precision=precision,
        seed=SEED,
    )


def losses_of(way: Callable[[int], Tensor], numbers: Iterable[int]) -> list[float]:
    """Take steps; their losses."""
    return [way(number).item() for number in numbers]


def largest_relative(reference: Sequence[float], other: Sequence[float]) -> float:
    """The largest relative difference of as many numbers; NaN where one of them is."""
    a, b = (torch.tensor(each, dtype=torch.float64) for each in (reference, other))
    return float(((a - b).abs() / a.abs()).max())


def refusals(notes: Iterable[str]) -> list[str]:
    """What a training said of steps that could not be recorded."""
    return [note for note in notes if "are not replayed" in note and "ms each" not in note]


@contextmanager
def recorded_however_short() -> Iterator[None]:
    """Trainings record their steps whatever their length, not only where that may pay."""
    before = pace.WORTH_SECONDS
    pace.WORTH_SECONDS = 0.0
    try:
        yield
    finally:
        pace.WORTH_SECONDS = before
