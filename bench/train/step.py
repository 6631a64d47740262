"""One training step: batch, forward, loss, backward, update."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from bench.config.schema import Precision, TrainConfig
from bench.data.batches import Batch, ImageSet, TrainingStream
from bench.errors import InputError, first_line
from bench.randomness import derive_seed
from bench.train.device import autocast, pick_precision, seed_step, wait_for
from bench.train.errors import is_out_of_memory
from bench.train.optimizer import make_optimizer
from bench.train.schedule import Schedule, make_schedule


@dataclass(kw_only=True)
class Step:
    """A training step of a network, called with its number.

    Nothing in it makes the host wait for the device, so that the host runs ahead of it.
    """

    network: nn.Module  # in training mode, on the device of the stream
    forward: nn.Module  # the network, or what torch compiled of it
    loss: nn.Module  # from (logits, targets) to the mean loss of a batch, on the same device
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    clip: float | None  # longest gradient; None for any
    stream: TrainingStream
    precision: Precision  # ``bfloat16`` for autocast, ``float32`` for none
    seed: int
    micro_batch: int  # most images in a forward pass; gradients are summed over the passes
    compile_seconds: float = 0.0
    # Of the last step, on the device, before it was clipped; None without clipping, which computes
    # it.
    gradient_norm: Tensor | None = field(default=None, init=False)

    replayable: ClassVar[bool] = True
    """Whether it can be replayed from a CUDA graph."""

    def __call__(self, number: int) -> Tensor:
        """Take the step after ``number`` others; returns the batch's mean loss, on the device."""
        batch = self.stream.batch(number)
        self.seed_dropout(number)
        self.set_rates(number)
        loss = self.backward(batch)
        self.update()
        return loss

    def set_rates(self, number: int) -> None:
        """Set the learning rates of a step."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(group["initial_lr"], number)

    def backward(self, batch: Batch) -> Tensor:
        """Set the parameters' gradients to those of a batch's mean loss, which is returned.

        Each micro-batch's mean loss is weighted by its share of the images. So the gradients of a
        loss that weighs all images of a batch alike, as every built-in one does, are those of the
        whole batch up to rounding, but for batch norm, which sees a micro-batch, and dropout, which
        draws other masks.
        """
        images = self.stream.to_input(batch)
        # Parts of nearly the same size, since batch norm cannot learn from a single image: only
        # micro-batches of one image, or of two out of an odd number, leave one alone.
        parts = math.ceil(len(images) / self.micro_batch)
        losses = []
        self.optimizer.zero_grad(set_to_none=True)
        for x, targets in zip(
            images.tensor_split(parts), batch.targets.tensor_split(parts), strict=True
        ):
            with autocast(x.device, self.precision):
                loss: Tensor = self.loss(self.forward(x), targets)
            loss = loss * (len(x) / len(images))
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def update(self) -> None:
        """Change the parameters by their gradients."""
        if self.clip is not None:
            self.gradient_norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        self.optimizer.step()

    def seed_dropout(self, number: int) -> None:
        """Seed torch's global generators, which dropout draws from, for a step.

        The seed follows from the step, so dropout does not depend on what was drawn before, by an
        earlier run or before an interruption.
        """
        seed_step(derive_seed(self.seed, "dropout", number), self.stream.device)


@dataclass(kw_only=True)
class CompiledStep(Step):
    """The same step with a compiled network; the first call compiles, which takes long.

    Between two convolutions a network adds, normalises, activates and pools, each in a kernel that
    reads all activations and writes them again. The compiler makes one kernel of several, which
    saves a quarter to nearly a half of a step on an H200 (``results/speed``).

    The time of compiling is that of the first step less that of the second.
    """

    _call_seconds: list[float] = field(default_factory=list, init=False)

    def __call__(self, number: int) -> Tensor:
        """Take the step; see :class:`Step`."""
        from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

        timed = len(self._call_seconds) < 2
        began = self._now() if timed else 0.0
        try:
            loss = super().__call__(number)
        except (TorchDynamoException, FailOnRecompileLimitHit) as error:
            if is_out_of_memory(error):
                raise
            reason = getattr(error, "inner_exception", None) or error.__cause__ or error
            raise InputError(
                f"the network cannot be compiled here: {first_line(reason)} "
                "(train.compile=false trains it without)"
            ) from error
        if timed:
            self._call_seconds.append(self._now() - began)
            if len(self._call_seconds) == 1:
                self.compile_seconds += self._call_seconds[0]
            else:
                self.compile_seconds -= min(self._call_seconds)
        return loss

    def _now(self) -> float:
        wait_for(self.stream.device)
        return time.perf_counter()


def make_step(
    network: nn.Module, loss: nn.Module, images: ImageSet, *, config: TrainConfig, seed: int
) -> Step:
    """Assemble the training step of a run.

    Args:
        network: in training mode, on the device of the images.
        loss: from (logits, targets) to the mean loss of a batch, on the same device.
        seed: order, augmentation and dropout follow from it and the step's number.

    Raises:
        TrainingFailedError: the network has nothing to train.
        ValueError: timm knows no such optimiser.
    """
    make = CompiledStep if config.compile else Step
    return make(
        network=network,
        forward=_compiled(network) if config.compile else network,
        loss=loss,
        optimizer=make_optimizer(network, config),
        schedule=make_schedule(config),
        clip=config.clip,
        stream=TrainingStream(
            images, batch_size=config.batch_size, seed=seed, augment=config.augment
        ),
        precision=pick_precision(config.precision, images.device),
        seed=seed,
        micro_batch=config.micro_batch or config.batch_size,
    )


def _compiled(network: nn.Module) -> nn.Module:
    """The network as torch compiles it when it is first called, whole or not at all.

    Otherwise torch would leave out what it cannot compile, and give up after eight versions,
    without a word, and the run would not be what its key says.
    """
    from torch._dynamo import config  # slow to import

    if config.disable or os.environ.get("TORCHDYNAMO_DISABLE") == "1":
        raise InputError(
            "the network cannot be compiled: TORCH_COMPILE_DISABLE or TORCHDYNAMO_DISABLE is set "
            "(train.compile=false trains it without)"
        )
    # Versions are counted over all networks of a class, so a run of many seeds would fail.
    torch.compiler.reset()
    return cast(nn.Module, torch.compile(network, fullgraph=True))
