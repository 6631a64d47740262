"""The training step compared with another way of training the same network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Literal

from bench.environment import pick_device
from bench.errors import InputError
from bench.speed.bare import BareLoop
from bench.speed.case import Case, Workbench
from bench.speed.timing import BLOCK_SECONDS, Repeats, Stopwatch
from bench.train.device import random_state_kept
from bench.train.errors import memory_errors_explained

Rival = Literal["bare", "eager"]


@dataclass(frozen=True, kw_only=True)
class SpeedComparison:
    """Two ways of training the same network, in rounds.

    Attributes:
        rival: ``bare``, a hand-written loop (:mod:`bench.speed.bare`), against the step without a
            graph; or ``eager``, that step, against the same one replayed from a CUDA graph.
        harness, other: training images a second in each round; ``other`` is the rival's.
    """

    model: str
    rival: Rival
    steps: int
    harness: Repeats
    other: Repeats

    @property
    def ratios(self) -> Repeats:
        """The harness's rate over the rival's in each round; above 1 the harness is faster."""
        pairs = zip(self.harness.values, self.other.values, strict=True)
        return Repeats(tuple(ours / theirs for ours, theirs in pairs))

    def describe(self, _: object = None) -> dict[str, object]:
        """All figures as JSON values."""
        return {
            "model": self.model,
            "against": self.rival,
            "steps_in_a_block": self.steps,
            "harness": self.harness.describe(),
            self.rival: self.other.describe(),
            "ratio": self.ratios.describe(),
        }


def compare(
    case: Case, *, rival: Rival, rounds: int, block_seconds: float = BLOCK_SECONDS
) -> SpeedComparison:
    """Train a network in two ways, in rounds of as many steps of each; the order alternates.

    Neighbouring blocks share what else happens on the machine, so their ratio means more than
    either rate.

    Args:
        rival: see :class:`SpeedComparison`; ``eager`` needs CUDA.
        block_seconds: the rival's blocks take about this long at least.
    """
    device = pick_device(case.device)
    if rival == "eager" and device.type != "cuda":
        raise InputError(
            "--against eager compares captured steps, which need CUDA: use --against bare"
        )
    with random_state_kept(device), memory_errors_explained(case.too_large):
        bench = Workbench(case)
        theirs: Callable[[], object]
        if rival == "bare":
            ours, theirs = _numbered(bench.step), bare_loop(case, bench)
        else:
            ours, theirs = _numbered(bench.graphed_step()), _numbered(Workbench(case).step)
        ways = [Stopwatch(way, block_seconds=block_seconds) for way in (ours, theirs)]
        steps = ways[1].calls
        rates: list[list[float]] = [[], []]
        for number in range(rounds):
            for way in (0, 1) if number % 2 == 0 else (1, 0):
                rates[way].append(case.batch_size / ways[way].seconds(steps))
    harness, other = (Repeats(tuple(values)) for values in rates)
    return SpeedComparison(model=case.model, rival=rival, steps=steps, harness=harness, other=other)


def bare_loop(case: Case, bench: Workbench) -> BareLoop:
    """A hand-written loop on a workbench's images, with a network of its own."""
    return BareLoop(
        case.build(), bench.images, batch_size=case.batch_size, precision=bench.step.precision
    )


def _numbered(step: Callable[[int], object]) -> Callable[[], object]:
    """The next step at each call."""
    return partial(next, map(step, count()))
