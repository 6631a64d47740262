"""A training step whose network torch compiles (``torch.compile``).

Between two convolutions a network adds, normalises, cuts off and pools, each in a kernel that
reads all activations and writes them again. The compiler makes one kernel of several. On an H200
that saves a third of a step or more, after a first step of many seconds (``results/speed``).

A compiled network rounds otherwise, since what stays inside a kernel is not rounded to bfloat16,
and its dropout draws other masks from the same seed. So it is a setting (``train.compile``) and
part of a run's key, never switched on by timing. Answers come from the network as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bench.errors import first_line
from bench.train.failure import TrainingFailedError
from bench.train.memory import is_out_of_memory
from bench.train.step import Step


@dataclass(frozen=True, kw_only=True)
class CompiledStep(Step):
    """The same step with a compiled network; the first call compiles, which takes long."""

    def __call__(self, number: int) -> Tensor:
        """Do the step; see :class:`bench.train.step.Step`.

        Raises:
            TrainingFailedError: torch cannot compile the network here.
        """
        from torch._dynamo.exc import TorchDynamoException  # slow to import

        try:
            return super().__call__(number)
        except TorchDynamoException as error:
            if is_out_of_memory(error):
                raise
            why = getattr(error, "inner_exception", error)  # of the compiler itself
            raise TrainingFailedError(
                f"the network cannot be compiled here: {first_line(why)}: with "
                "train.compile=false it is trained as it is"
            ) from error


def compile_step(step: Step) -> CompiledStep:
    """The same step, to be compiled when it is first called.

    Args:
        step: of a network that keeps its shapes: every batch is full.
    """
    # torch counts how often it compiles a class's code, and gives up silently after eight times:
    # a run of many seeds would go on uncompiled.
    torch.compiler.reset()
    network = cast(nn.Module, torch.compile(step.network, dynamic=False))
    return CompiledStep(**(vars(step) | {"network": network}))
