"""A training step whose images are divided among several processes."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bench.config.schema import TrainConfig
from bench.data.batches import Batch, ImageSet, TrainingStream
from bench.randomness import derive_seed
from bench.train.device import autocast, seed_step
from bench.train.distributed.group import Group
from bench.train.step import Step, make_step


@dataclass(kw_only=True)
class SharedStep(Step):
    """The step of a whole batch, of which this process has its share of the images.

    Every process computes the loss of the whole batch, from the logits of all, and differentiates
    it by its own. So the step is that of one process for any loss, also for one that does not weigh
    all images alike, and for shares of different sizes.
    """

    # The network in torch's ``DistributedDataParallel``, which averages gradients.
    forward: DistributedDataParallel
    group: Group
    sizes: list[int]  # images of this process in each micro-batch

    # A graph would have to hold the exchange between devices too.
    replayable: ClassVar[bool] = False

    def backward(self, batch: Batch) -> Tensor:
        """Set the gradients to those of a batch's mean loss, which is returned.

        Args:
            batch: images of this process, and targets of all.
        """
        images, parts = self.stream.to_input(batch), len(self.sizes)
        losses: list[Tensor] = []
        self.optimizer.zero_grad(set_to_none=True)
        for x, targets in zip(
            torch.split(images, self.sizes), batch.targets.tensor_split(parts), strict=True
        ):
            # Gradients are exchanged once a step, with those of its last micro-batch.
            is_last = len(losses) == parts - 1
            with nullcontext() if is_last else self.forward.no_sync():
                with autocast(x.device, self.precision):
                    logits = self.group.whole(self.forward(x), len(targets))
                    loss: Tensor = self.loss(logits, targets)
                loss = loss * (len(targets) / len(batch.targets))
                # The average over the processes divides by their number what is to be a sum.
                (loss * self.group.count).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def seed_dropout(self, number: int) -> None:
        """Seed torch's global generators for a step; every process draws masks of its own."""
        purpose = f"dropout of process {self.group.rank}"
        seed_step(derive_seed(self.seed, purpose, number), self.stream.device)


def make_shared_step(
    network: nn.Module,
    loss: nn.Module,
    images: ImageSet,
    *,
    config: TrainConfig,
    seed: int,
    group: Group,
) -> SharedStep:
    """The training step of one of several processes.

    Arguments and errors are those of :func:`bench.train.step.make_step`.
    """
    plain = make_step(network, loss, images, config=config, seed=seed)
    parts = math.ceil(config.batch_size / plain.micro_batch)
    own = group.positions(config.batch_size, parts=parts)
    ids = [images.device] if images.device.type == "cuda" else None
    given = {field.name: getattr(plain, field.name) for field in fields(plain) if field.init}
    given["forward"] = DistributedDataParallel(network, device_ids=ids)
    given["stream"] = TrainingStream(
        images,
        batch_size=config.batch_size,
        seed=seed,
        augment=config.augment,
        own=np.concatenate(own),
    )
    return SharedStep(**given, group=group, sizes=[len(part) for part in own])
