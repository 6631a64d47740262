"""The fastest way to take the steps that are left of a run, found by timing them.

A CUDA graph (:mod:`bench.train.graph`) costs some hundredths of a second to record and saves a
part of every step. What it saves depends on the network, the batch and the machine, so it is
measured in the run itself: some real steps call by call, then the recording, then some real steps
replayed. The graph stays where it is faster. Both ways run the same kernels, so that the choice
changes no result beyond what two runs on a GPU differ by anyway.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from itertools import repeat

import torch
from torch import Tensor

from bench.errors import first_line
from bench.train.compiled import CompiledStep
from bench.train.graph import WARM_UP_STEPS, GraphedStep, Record, record_graph
from bench.train.memory import release
from bench.train.step import MicroBatchedStep, Step

Way = Callable[[int], Tensor]

# Steps that each way is timed over.
TIMED_STEPS = 20
# Recording is tried where at least so many seconds of training are left: it took 0.01 to 0.12 s for
# four networks on an H200 (`results/speed`).
WORTH_SECONDS = 1.0


def how_to_record(step: Step) -> Record | None:
    """How a step is recorded; None where it cannot be: on a CPU, and in micro-batches."""
    recordable = step.stream.device.type == "cuda" and not isinstance(step, MicroBatchedStep)
    return record_graph if recordable else None


class FastestStep:
    """Takes a training's steps one after the other; called with each one's number.

    Args:
        step: the step.
        end: number of steps of the whole run.
        validate_every: steps between two validations, during which nothing is timed.
        on_note: called with a line for the user about which way was chosen, and why.
        record: how the step is recorded; None where it cannot be.
        clock: seconds, for timing.

    Attributes:
        compile_seconds: by which the first step took longer than the second, where it compiled
            the network; after a single step all of it.
    """

    def __init__(
        self,
        step: Step,
        *,
        end: int,
        validate_every: int,
        on_note: Callable[[str], None],
        record: Record | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._step = step
        self._end = end
        self._validate_every = validate_every
        self._on_note = on_note
        self._record = record
        self._clock = clock
        self._graphed: GraphedStep | None = None
        self._spent = 0.0
        self._to_be_timed = 2 if isinstance(step, CompiledStep) else 0
        self.compile_seconds = 0.0
        self._number = 0
        self._ways = self._choose()

    @property
    def capture_seconds(self) -> float:
        """Seconds spent in recording so far."""
        return self._spent + (self._graphed.capture_seconds if self._graphed else 0.0)

    def close(self) -> None:
        """Let go of the graph and of all that the steps hold: network, momenta, pixels.

        Otherwise they would stay until Python looks for garbage: the generator that chooses the
        ways and this object hold one another.
        """
        self._ways.close()
        self._drop()

    def __call__(self, number: int) -> Tensor:
        """Do the step; see :class:`bench.train.step.Step`."""
        self._number = number
        way = next(self._ways)
        if not self._to_be_timed:
            return way(number)
        return self._timed_for_compiling(way, number)

    def _timed_for_compiling(self, way: Way, number: int) -> Tensor:
        """One of the first two steps: the first compiles, the second tells what a step takes."""
        if self._to_be_timed == 2:
            self._on_note("the network is compiled in the first step, which may take minutes")
        began = self._now()
        try:
            return way(number)
        finally:
            seconds = self._now() - began
            if self._to_be_timed == 2:
                self.compile_seconds = seconds
            else:
                self.compile_seconds = max(0.0, self.compile_seconds - seconds)
            self._to_be_timed -= 1

    def _choose(self) -> Generator[Way, None, None]:
        """The way of each step, without end."""
        if self._record is None or self._validate_every == 1:
            yield from repeat(self._step)
        yield from repeat(self._step, WARM_UP_STEPS)
        plain = yield from self._timed(self._step)
        if plain * (self._end - self._number) < WORTH_SECONDS or not self._recorded():
            yield from repeat(self._step)
        assert self._graphed is not None
        yield self._graphed  # the first replay uploads the graph
        replayed = yield from self._timed(self._graphed)
        if replayed < plain:
            makes_up = math.ceil(self.capture_seconds / (plain - replayed))
            self._on_note(
                f"steps are replayed from a CUDA graph: {replayed * 1e3:.2f} ms each instead of "
                f"{plain * 1e3:.2f} ms; the {self.capture_seconds:.2f} s of recording are made up "
                f"after {makes_up:,} steps"
            )
            yield from self._replays()
        else:
            self._on_note(
                f"steps are not replayed from a CUDA graph: {replayed * 1e3:.2f} ms each instead "
                f"of {plain * 1e3:.2f} ms"
            )
            self._drop()
        yield from repeat(self._step)

    def _replays(self) -> Iterator[Way]:
        """The graph, as long as it can be had: after a decay it is recorded again."""
        while True:
            assert self._graphed is not None
            if self._graphed.is_outdated:
                self._drop()
                if not self._recorded():
                    return
            yield self._graphed

    def _timed(self, way: Way) -> Generator[Way, None, float]:
        """Some steps of one way; returns the seconds of one."""
        steps = min(TIMED_STEPS, self._validate_every - 1)
        while self._number % self._validate_every + steps >= self._validate_every:
            yield way
        began = self._now()
        yield from repeat(way, steps)
        return (self._now() - began) / steps

    def _recorded(self) -> bool:
        """Record the step; whether that went well."""
        assert self._record is not None
        self._graphed = GraphedStep(self._step, record=self._record)
        try:
            self._graphed.prepare(self._number)
        except RuntimeError as error:
            self._on_note(f"steps are not replayed from a CUDA graph: {first_line(error)}")
        else:
            return True
        self._step.optimizer.zero_grad(set_to_none=True)
        self._drop()
        return False

    def _drop(self) -> None:
        """Give the graph's memory back."""
        self._spent = self.capture_seconds
        self._graphed = None
        release()

    def _now(self) -> float:
        if self._step.stream.device.type == "cuda":
            torch.cuda.synchronize(self._step.stream.device)
        return self._clock()
