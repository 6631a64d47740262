"""One training step, as torch runs it: call by call; whole, or in micro-batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.config.schema import Precision
from bench.data.batches import Batch, TrainingStream
from bench.randomness import derive_seed
from bench.train import micro_batches
from bench.train.autocast import autocast
from bench.train.random_state import seed_step


@dataclass(frozen=True, kw_only=True)
class Step:
    """A training step of a network, called with its number.

    Nothing in it makes the host wait for the device, so that the host runs ahead of it.

    Attributes:
        network: in training mode, on the device of the stream.
        loss: from (logits, targets) to a scalar, on the same device.
        optimizer: of the network's parameters.
        stream: the batches.
        precision: ``bfloat16`` for autocast, ``float32`` for none.
        seed: the run's.
    """

    network: nn.Module
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    stream: TrainingStream
    precision: Precision
    seed: int

    def __call__(self, number: int) -> Tensor:
        """Do the step.

        Args:
            number: of steps done before it.

        Returns:
            The batch's mean loss, a scalar without gradient, on the device.
        """
        batch = self.stream.raw(number)
        seed_step(self.dropout_seed(number), self.stream.device)
        loss = self.backward(batch)
        self.optimizer.step()
        return loss

    def backward(self, batch: Batch) -> Tensor:
        """Forward and backward: the parameters' gradients are this batch's.

        Returns:
            The batch's mean loss, a scalar without gradient, on the device.
        """
        x = self.stream.to_input(batch)
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(x.device, self.precision):
            value: Tensor = self.loss(self.network(x), batch.targets)
        torch.autograd.backward(value)
        return value.detach()

    def dropout_seed(self, number: int) -> int:
        """What torch's global generator is seeded with in a step, as dropout draws from it.

        Seeded by the step, dropout cannot depend on what was drawn before, by an earlier run or
        before an interruption.
        """
        return derive_seed(self.seed, "dropout", number)


@dataclass(frozen=True, kw_only=True)
class MicroBatchedStep(Step):
    """The same step with a few images at a time; see :mod:`bench.train.micro_batches`.

    Attributes:
        micro_batch: most images at once.
    """

    micro_batch: int

    def __call__(self, number: int) -> Tensor:
        """Do the step; see :class:`Step`.

        Raises:
            TrainingFailedError: the network does something that only a whole batch can do.
        """
        batch = self.stream.raw(number)
        self.optimizer.zero_grad(set_to_none=True)
        loss = micro_batches.backward(
            self.network,
            self.loss,
            self.stream.to_input(batch),
            batch.targets,
            micro_batch=self.micro_batch,
            precision=self.precision,
            seed=self.dropout_seed(number),
        )
        self.optimizer.step()
        return loss
