"""A training step recorded once as a CUDA graph and replayed: one launch instead of thousands.

At a batch of 32 a deep network's kernels are shorter than the time in which the host names them,
and the device waits. A graph names them all at once. It holds the addresses of its tensors, so
that each step's batch is copied to where the first one lay; its kernels are those of the plain
step, so that the numbers are too, but for sums that a GPU adds up in no fixed order.

What is in the graph: normalisation and random changes, forward, loss, backward, and torch's SGD.
Other optimisers count their steps on the host, where a graph cannot see it, and take their step
after it. The learning rate is part of the graph; after a decay the step is recorded again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from bench.data.batches import Batch
from bench.train.random_state import seed_step
from bench.train.step import Step

Record = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""From a function to what does on the device what the function would, without having done it."""

# Steps done call by call before the step is recorded: torch wants the libraries' workspaces and
# the optimiser's momenta made before.
WARM_UP_STEPS = 3


def record_graph(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Record what a function launches on the current CUDA device as a graph.

    Nothing is computed while it is recorded.

    Raises:
        RuntimeError: the function waits for the device, or memory ran out.
    """
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.current_stream()
    try:
        with torch.cuda.graph(graph):
            result = function()
    except BaseException:
        # A recording that breaks off may leave its stream as the current one, and the generator
        # waiting for the offset of a graph: the next dropout would fail. A copy of the
        # generator's state has its seed and offset and waits for nothing.
        torch.cuda.set_stream(stream)
        generator = torch.cuda.default_generators[stream.device.index]
        generator.graphsafe_set_state(generator.clone_state())
        raise

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay


class GraphedStep:
    """The same step as a :class:`bench.train.step.Step`, replayed; called with its number.

    The network's training mode must stay as it is.

    Args:
        step: the step; at least :data:`WARM_UP_STEPS` were done with it.
        record: how it is recorded.

    Attributes:
        capture_seconds: spent in recording so far.
    """

    def __init__(self, step: Step, *, record: Record = record_graph) -> None:
        self.capture_seconds = 0.0
        self._step = step
        self._record = record
        self._inside = type(step.optimizer) is torch.optim.SGD
        self._batch: Batch | None = None
        self._replay: Callable[[], Tensor] | None = None
        self._recorded_with: list[float] = []

    @property
    def is_outdated(self) -> bool:
        """Whether the graph holds another learning rate than the optimiser."""
        return self._inside and self._recorded_with != self._rates()

    def prepare(self, number: int) -> None:
        """Record the step without doing it.

        Args:
            number: of a step, whose batch shows what batches are like.

        Raises:
            RuntimeError: the step cannot be recorded, or memory ran out.
        """
        self._replay = None  # the old graph's memory is free for the new one
        if self._batch is None:
            self._batch = self._step.stream.raw(number)
        batch = self._batch
        began = time.perf_counter()

        def once() -> Tensor:
            loss = self._step.backward(batch)
            if self._inside:
                self._step.optimizer.step()
            return loss

        try:
            self._replay = self._record(once)
        finally:
            self.capture_seconds += time.perf_counter() - began
        self._recorded_with = self._rates()

    def __call__(self, number: int) -> Tensor:
        """Do the step.

        Args:
            number: of steps done before it.

        Returns:
            The batch's mean loss, a scalar on the device; it is a copy, as the next step writes
            over the graph's own.
        """
        if self._replay is None or self.is_outdated:
            self.prepare(number)
        assert self._batch is not None
        assert self._replay is not None
        for own, new in zip(self._batch, self._step.stream.raw(number), strict=True):
            if own is not None and new is not None:
                own.copy_(new)
        # The graph reads seed and offset from the generator when it is replayed.
        seed_step(self._step.dropout_seed(number), self._step.stream.device)
        loss = self._replay().clone()
        if not self._inside:
            self._step.optimizer.step()
        return loss

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self._step.optimizer.param_groups]
