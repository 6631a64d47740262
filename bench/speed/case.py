"""What is measured: one network under one setting, and the harness's own pieces made for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.finetune import set_training_mode
from bench.config.schema import AugmentConfig, MemoryFormat, Precision, TrainConfig
from bench.data.batches import ImageSet, TrainingStream
from bench.data.normalisation import Normalisation
from bench.data.placement import Placement, place_pixels
from bench.environment import pick_device
from bench.errors import InputError
from bench.randomness import derive_seed, generator
from bench.registry import LOSSES, find_model
from bench.registry.plugins import load_entry_points, load_plugin
from bench.train.autocast import pick_precision
from bench.train.compiled import compile_step
from bench.train.failure import MemoryExhaustedError, TrainingFailedError
from bench.train.graph import WARM_UP_STEPS, GraphedStep
from bench.train.heap import keep_freed_memory
from bench.train.layout import lay_out
from bench.train.memory import unless_out_of_memory
from bench.train.optimizer import make_optimizer
from bench.train.step import Step

Result = TypeVar("Result")

SEED = 0
IMAGES = 512
"""Different ones; a larger set repeats them, so that its pixels are no part of what is measured."""
OUTPUTS = 2
# Of random bytes.
NORMALISATION = Normalisation(mean=0.5, std=(256**2 - 1) ** 0.5 / 12**0.5 / 255)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network under one setting; it can be sent to another process.

    Attributes:
        model: registered name, or ``timm:NAME``; it starts from scratch and has two outputs.
        image_size: side of the square input in pixels.
        batch_size: images a training step.
        in_channels: 1 (grayscale) or 3.
        loss: registered name.
        precision, memory_format: as in the settings of a training; ``auto`` depends on the device.
        compiled: whether torch compiles the network of a training step (``train.compile``).
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: of a CPU; None leaves it to torch.
        plugins: files that register models or losses.
    """

    model: str
    image_size: int = 64
    batch_size: int = 32
    in_channels: int = 1
    loss: str = "sin"
    precision: Precision = "auto"
    memory_format: MemoryFormat = "auto"
    compiled: bool = False
    device: str = "auto"
    threads: int | None = None
    plugins: tuple[Path, ...] = ()

    def begin(self) -> tuple[torch.device, Precision]:
        """Make this process ready for it: plugins and threads.

        Returns:
            The device, and the precision on it.

        Raises:
            InputError: the device is not there, or a plugin fails.
        """
        load_entry_points()
        for path in self.plugins:
            load_plugin(path)
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        device = pick_device(self.device)
        keep_freed_memory(device)  # as a run does
        return device, pick_precision(self.precision, device)


class Workbench:
    """The harness's own pieces for a case, made as a run makes them, on random images.

    Args:
        case: what is measured.

    Attributes:
        device, precision: where and in which the network computes.
        pixels: (IMAGES, side, side) uint8.
        targets: (IMAGES,) int64, 0 or 1.
        network, loss: on the device.
        stream: the training batches.
        step: one training step, as a run does it.

    Raises:
        InputError: the network cannot take the size, or a name is unknown.
    """

    def __init__(self, case: Case) -> None:
        self.device, self.precision = case.begin()
        config = TrainConfig(batch_size=case.batch_size, precision=case.precision)
        shape = (IMAGES, case.image_size, case.image_size)
        self.pixels = generator(SEED, "speed pixels").integers(0, 256, shape, dtype=np.uint8)
        self.targets = generator(SEED, "speed targets").integers(0, OUTPUTS, IMAGES)
        self._in_channels = case.in_channels
        self._placed: Placement = place_pixels(self.pixels, device=self.device)
        torch.manual_seed(derive_seed(SEED, "initialisation"))
        built = find_model(case.model).build(
            in_channels=case.in_channels, outputs=OUTPUTS, image_size=case.image_size
        )
        self.network = lay_out(built, device=self.device, memory_format=case.memory_format)
        entry = LOSSES.get(case.loss)
        self.loss = entry.build(kind="multiclass", targets=self.targets, outputs=OUTPUTS)
        self.loss.to(self.device)
        self.stream = TrainingStream(
            self.images(np.arange(IMAGES)),
            batch_size=case.batch_size,
            seed=SEED,
            augment=AugmentConfig(),
        )
        step = Step(
            network=self.network,
            loss=self.loss,
            optimizer=make_optimizer(self.network, config),
            stream=self.stream,
            precision=self.precision,
            seed=SEED,
        )
        self.step = compile_step(step) if case.compiled else step
        set_training_mode(self.network)

    def graphed_step(self) -> GraphedStep:
        """The step as a graph, which needs CUDA; it is captured at its first call."""
        for number in range(WARM_UP_STEPS):
            self.step(number)
        return GraphedStep(self.step)

    def images(self, places: NDArray[np.int64]) -> ImageSet:
        """Some of the images, in this order, any of them as often as it is named."""
        return ImageSet(
            pixels=self._placed,
            pixel_rows=places,
            targets=self.targets[places],
            normalisation=NORMALISATION,
            in_channels=self._in_channels,
        )


def in_memory(case: Case, function: Callable[[], Result]) -> Result:
    """What a function that trains and answers under a case returns.

    Raises:
        InputError: memory does not suffice for it, or the network cannot be trained.
    """
    try:
        found = unless_out_of_memory(function)
    except MemoryExhaustedError:  # not even for one image while answering
        found = None
    except TrainingFailedError as error:
        raise InputError(f"model {case.model!r}: {error}") from None
    if found is None:
        raise InputError(
            f"memory does not suffice for batches of {case.batch_size} images of "
            f"{case.image_size} px: try a smaller --batch-size or --image-size"
        )
    return found
