"""Training steps replayed from a CUDA graph: one launch instead of thousands.

At a batch of 32 a deep network's kernels are shorter than the time in which the host launches
them, and the device waits. A graph launches them all at once. It holds the addresses of its
tensors, so each step's batch is copied to where the first one lay. Its kernels are those of the
plain step, and so are its numbers, but for sums that a GPU adds up in no fixed order.

The graph holds normalisation and augmentation, forward, loss, backward, and torch's SGD, whose
learning rate becomes part of it: after a decay the step is captured again. Where the rate changes
at every step, the optimiser takes its step after the graph. So do other optimisers, which count
their steps on the host, where a graph cannot see it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from bench.data.batches import Batch
from bench.errors import first_line
from bench.train.device import wait_for
from bench.train.step import Step

Capture = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""From a function to one that replays on the device what the function would launch."""

# Plain steps before the first capture: torch wants the libraries' workspaces and the optimiser's
# momenta to exist.
WARM_UP_STEPS = 3
# A step is captured where at least so many are left: on an H200 capture took 0.01 to 0.10 s and was
# made up after 2 to 74 steps (`results/speed`).
WORTH_STEPS = 100


def capture_graph(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Capture what a function launches on the current CUDA device as a graph.

    Nothing is computed during capture.

    Raises:
        RuntimeError: the function waits for the device, or memory ran out.
    """
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.current_stream()
    try:
        with torch.cuda.graph(graph):
            result = function()
    except BaseException:
        # A capture that breaks off may leave its stream as the current one, and the generator
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
        step: at least :data:`WARM_UP_STEPS` were taken with it.
        capture: how it is captured.
    """

    def __init__(self, step: Step, *, capture: Capture = capture_graph) -> None:
        self._step = step
        self._capture = capture
        self._updates_inside = (
            type(step.optimizer) is torch.optim.SGD and not step.schedule.changes_every_step
        )
        self._batch: Batch | None = None
        self._replay: Callable[[], Tensor] | None = None
        self._captured_rates: list[float] = []

    @property
    def is_outdated(self) -> bool:
        """Whether the graph holds another learning rate than the optimiser, or there is none."""
        changed = self._updates_inside and self._captured_rates != self._rates()
        return self._replay is None or changed

    def prepare(self, number: int) -> None:
        """Capture the step without taking it.

        Args:
            number: of a step, whose batch shows what batches are like.

        Raises:
            RuntimeError: the step cannot be captured, or memory ran out.
        """
        self._replay = None  # the old graph's memory is free for the new one
        if self._batch is None:
            self._batch = self._step.stream.batch(number)
        batch = self._batch

        def once() -> Tensor:
            loss = self._step.backward(batch)
            if self._updates_inside:
                self._step.update()
            return loss

        self._replay = self._capture(once)
        self._captured_rates = self._rates()

    def __call__(self, number: int) -> Tensor:
        """Take the step; returns the batch's mean loss, on the device.

        The loss is a copy, as the next step writes over the graph's own.
        """
        self._step.set_rates(number)
        if self.is_outdated:
            self.prepare(number)
        assert self._batch is not None
        assert self._replay is not None
        for own, new in zip(self._batch, self._step.stream.batch(number), strict=True):
            if own is not None and new is not None:
                own.copy_(new)
        # The graph reads seed and offset from the generator when it is replayed.
        self._step.seed_dropout(number)
        loss = self._replay().clone()
        if not self._updates_inside:
            self._step.update()
        return loss

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self._step.optimizer.param_groups]


class StepRunner:
    """Takes a training's steps: three plainly, and on CUDA the others from a graph.

    Args:
        end: number of steps of the whole run.
        on_note: called with a line for the user where the step cannot be captured.
        capture: how the step is captured; by default as a graph on CUDA, and never elsewhere.
    """

    def __init__(
        self,
        step: Step,
        *,
        end: int,
        on_note: Callable[[str], None],
        capture: Capture | None = None,
    ) -> None:
        self.capture_seconds = 0.0
        self._step = step
        self._end = end
        self._on_note = on_note
        if capture is None and step.replayable and step.stream.device.type == "cuda":
            capture = capture_graph
        self._graph = GraphedStep(step, capture=capture) if capture else None
        self._warm_up = WARM_UP_STEPS

    def __call__(self, number: int) -> Tensor:
        """Take the step after ``number`` others; returns its mean loss, on the device."""
        if self._warm_up:
            self._warm_up -= 1
            if self._end - number - 1 < WORTH_STEPS:
                self._graph = None
            return self._step(number)
        if self._graph is not None:
            self._step.set_rates(number)
            if self._graph.is_outdated:
                self._prepare(self._graph, number)
        return (self._graph or self._step)(number)

    def _prepare(self, graph: GraphedStep, number: int) -> None:
        """Capture the step; where that fails, all further steps are plain ones."""
        wait_for(self._step.stream.device)
        began = time.perf_counter()
        try:
            graph.prepare(number)
        except RuntimeError as error:
            self._on_note(f"steps are not replayed from a CUDA graph: {first_line(error)}")
            self._graph = None
            self._step.optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
        self.capture_seconds += time.perf_counter() - began
