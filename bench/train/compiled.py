"""A training step whose network torch compiles (``torch.compile``).

Between two convolutions a network adds, normalises, cuts off and pools, each in a kernel that
reads all activations and writes them again. The compiler makes one kernel of several. On an H200
that saves a quarter to nearly a half of a step, after a first step of many seconds
(``results/speed``).

A compiled network rounds otherwise, since what stays inside a kernel is not rounded to bfloat16,
and its dropout draws other masks from the same seed. So it is a setting (``train.compile``) and
part of a run's key, never switched on by timing. Answers come from the network as it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bench.errors import InputError, first_line
from bench.train.memory import is_out_of_memory
from bench.train.step import Step


@dataclass(frozen=True, kw_only=True)
class CompiledStep(Step):
    """The same step with a compiled network; the first call compiles, which takes long."""

    def __call__(self, number: int) -> Tensor:
        """Do the step; see :class:`bench.train.step.Step`.

        Raises:
            InputError: torch cannot compile the whole network, or not here. It says nothing about
                the training so far, which can go on from its checkpoint.
        """
        from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

        try:
            return super().__call__(number)
        except (TorchDynamoException, FailOnRecompileLimitHit) as error:
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            why = getattr(error, "inner_exception", None) or error.__cause__ or error
            raise InputError(
                f"the network cannot be compiled here: {first_line(why)} "
                "(train.compile=false trains it without)"
            ) from error


def compile_step(step: Step) -> CompiledStep:
    """The same step, to be compiled when it is first called.

    The network is compiled whole or not at all: torch would leave out what it cannot compile, and
    give up after eight versions, without a word, and the run would not be what its key says.

    Args:
        step: of a network that keeps its shapes: every batch is full.

    Raises:
        InputError: the environment has switched compiling off.
    """
    from torch._dynamo import config  # slow to import

    if config.disable or os.environ.get("TORCHDYNAMO_DISABLE") == "1":
        raise InputError(
            "the network cannot be compiled: TORCH_COMPILE_DISABLE or TORCHDYNAMO_DISABLE is set "
            "(train.compile=false trains it without)"
        )
    # Versions are counted over all networks of a class, so that a run of many seeds would fail.
    torch.compiler.reset()
    network = cast(nn.Module, torch.compile(step.network, fullgraph=True))
    return CompiledStep(**(vars(step) | {"network": network}))
