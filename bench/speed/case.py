"""One network under one setting, with the pieces that a run trains it with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from baselines.finetune import set_training_mode
from bench.config.schema import TrainConfig
from bench.environment import pick_device
from bench.randomness import derive_seed
from bench.registry import LOSSES, NetworkShape, find_model
from bench.registry.plugins import load_plugins
from bench.train.allocator import keep_freed_memory
from bench.train.cuda_graph import WARM_UP_STEPS, GraphedStep
from bench.train.device import lay_out
from bench.train.random_images import random_images
from bench.train.step import make_step

IMAGES = 512
OUTPUTS = 2


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network under one setting; it can be sent to another process.

    Attributes:
        model: registered name, or ``timm:NAME``; it starts from scratch, with one input channel
            and two outputs.
        image_size: side of the square input in pixels.
        compiled: whether torch compiles the network of a training step (``train.compile``).
        device: ``cpu``, ``cuda`` or ``auto``.
    """

    model: str
    image_size: int = 64
    batch_size: int = 32
    compiled: bool = False
    device: str = "auto"
    threads: int | None = None
    plugins: tuple[Path, ...] = ()

    def begin(self) -> torch.device:
        """Load the plugins and set the threads of this process; returns the device."""
        load_plugins(self.plugins)
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        device = pick_device(self.device)
        keep_freed_memory(device)  # as a run does
        return device

    def build(self) -> nn.Module:
        """The network, on the CPU."""
        shape = NetworkShape(in_channels=1, outputs=OUTPUTS, image_size=self.image_size)
        return find_model(self.model).build(shape)

    @property
    def too_large(self) -> str:
        """The end of the line that tells of too little memory, with what to try."""
        return (
            f"batches of {self.batch_size} images of {self.image_size} px: try a smaller "
            "--batch-size or --image-size"
        )


class Workbench:
    """A case's training step, made as a run makes it, on random images.

    Attributes:
        network: in training mode.
        images: :data:`IMAGES` random ones.
    """

    def __init__(self, case: Case) -> None:
        self.device = case.begin()
        config = TrainConfig(batch_size=case.batch_size, compile=case.compiled)
        torch.manual_seed(derive_seed(0, "initialisation"))
        self.network = lay_out(case.build(), device=self.device, memory_format="auto")
        self.images = random_images(IMAGES, side=case.image_size, device=self.device)
        loss = LOSSES.get("ce").factory(kind="multiclass", class_weights=None).to(self.device)
        self.step = make_step(self.network, loss, self.images, config=config, seed=0)
        set_training_mode(self.network)

    def graphed_step(self) -> GraphedStep:
        """The step as a CUDA graph; it is captured at its first call."""
        for number in range(WARM_UP_STEPS):
            self.step(number)
        return GraphedStep(self.step)
