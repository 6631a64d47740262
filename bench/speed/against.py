"""The harness's step against another way of doing it, turn by turn in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from bench.environment import pick_device
from bench.registry import find_model
from bench.speed.bare import BareLoop
from bench.speed.case import (
    NORMALISATION,
    OUTPUTS,
    Case,
    Workbench,
    in_memory,
)
from bench.speed.measure import Consecutive
from bench.speed.repeats import BLOCK_SECONDS, Repeats, long_enough, seconds_of
from bench.train.random_state import random_state_kept

Rival = Literal["bare", "eager"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two ways of training the same network, in rounds.

    Attributes:
        model: its name.
        rival: ``bare``, a hand-written loop (:mod:`bench.speed.bare`), against the harness's step
            without a graph; or ``eager``, that step, against the same one captured as a graph.
        precision: in which both computed.
        steps: of each way in a round.
        harness, other: training images a second in each round; ``other`` is the rival's.
    """

    model: str
    rival: Rival
    precision: str
    steps: int
    harness: Repeats
    other: Repeats

    @property
    def ratios(self) -> Repeats:
        """The harness's rate over the rival's, in each round: above 1 the harness is faster."""
        pairs = zip(self.harness.values, self.other.values, strict=True)
        return Repeats(tuple(ours / theirs for ours, theirs in pairs))


def compare(
    case: Case, *, rival: Rival, rounds: int, block_seconds: float = BLOCK_SECONDS
) -> Comparison:
    """Train a network in two ways, in rounds of as many steps of each; the order alternates.

    Neighbouring blocks share what else happens on the machine, so that their ratio means more
    than either rate.

    Args:
        case: the network and its setting; it is made :func:`comparable`.
        rival: see :class:`Comparison`; ``eager`` needs CUDA.
        rounds: pairs of blocks.
        block_seconds: the rival's blocks take about this long at least.

    Raises:
        InputError: the network cannot take the size, a name is unknown, the device is not there,
            or memory does not suffice.
    """
    case = comparable(case, rival)
    with random_state_kept(pick_device(case.device)):
        return in_memory(
            case, lambda: _compare(case, rival=rival, rounds=rounds, block_seconds=block_seconds)
        )


def _compare(case: Case, *, rival: Rival, rounds: int, block_seconds: float) -> Comparison:
    bench = Workbench(case)
    ours: Callable[[int], None]
    theirs: Callable[[int], None]
    if rival == "bare":
        ours, theirs = Consecutive(bench.step), bare_loop(case, bench)
    else:
        ours = Consecutive(bench.graphed_step())
        theirs = Consecutive(Workbench(case).step)
    steps = long_enough(theirs, device=bench.device, seconds=block_seconds)
    long_enough(ours, device=bench.device, seconds=block_seconds)  # its warm-up
    seconds: tuple[list[float], list[float]] = ([], [])
    turns = [(ours, seconds[0]), (theirs, seconds[1])]
    for _ in range(rounds):
        for run, taken in turns:
            taken.append(seconds_of(partial(run, steps), device=bench.device))
        turns.reverse()
    images = steps * case.batch_size
    harness, other = (Repeats(tuple(images / one for one in taken)) for taken in seconds)
    return Comparison(
        model=case.model,
        rival=rival,
        precision=bench.precision,
        steps=steps,
        harness=harness,
        other=other,
    )


def comparable(case: Case, rival: Rival) -> Case:
    """The case with a loss that the rival has too: ``bare`` computes cross entropy only."""
    return replace(case, loss="ce") if rival == "bare" else case


def bare_loop(case: Case, bench: Workbench) -> BareLoop:
    """A hand-written loop on a workbench's images, with a network of its own."""
    network = find_model(case.model).build(
        in_channels=case.in_channels, outputs=OUTPUTS, image_size=case.image_size
    )
    return BareLoop(
        network,
        pixels=bench.pixels,
        targets=bench.targets,
        normalisation=NORMALISATION,
        in_channels=case.in_channels,
        batch_size=case.batch_size,
        precision=bench.precision,
        device=bench.device,
    )
