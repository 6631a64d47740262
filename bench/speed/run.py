"""Many networks, each in a process of its own, and the machine that they ran on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from bench.config.schema import MemoryFormat, Precision
from bench.environment import describe_environment, pick_device
from bench.errors import InputError
from bench.events import CellFailed, Note
from bench.progress import Progress
from bench.registry import find_model
from bench.speed.against import Comparison, Rival, comparable, compare
from bench.speed.case import Case
from bench.speed.child import ChildFailedError, in_child
from bench.speed.machine import measure_ceilings
from bench.speed.measure import Measured, measure
from bench.speed.work import Ceilings, Work, count_work
from bench.train import pick_memory_format
from bench.train.memory import unless_out_of_memory

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the figures were measured on.

    Attributes:
        environment: as :func:`bench.environment.describe_environment` gives it.
        precision, memory_format: what the asked-for ones are on this device.
        ceilings: of the device in it; None where nobody wanted them.
        given: the ceilings were given, not measured here.
    """

    environment: dict[str, Any]
    precision: Precision
    memory_format: MemoryFormat
    ceilings: Ceilings | None
    given: bool


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What an image costs a network.

    Attributes:
        model: its name.
        work: what was counted.
    """

    model: str
    work: Work


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A network without figures.

    Attributes:
        model: its name.
        reason: one line.
    """

    model: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Figures(Generic[Found]):
    """What was found of each network, in the order asked for.

    Attributes:
        machine: what it was found on.
        setting: shared by all; its model is the first one's.
        rows: found, or failed.
    """

    machine: Machine
    setting: Case
    rows: tuple[Found | Failed, ...]

    @property
    def failed(self) -> tuple[Failed, ...]:
        """Those without figures."""
        return tuple(row for row in self.rows if isinstance(row, Failed))


def measure_all(
    cases: Sequence[Case],
    *,
    repeats: int,
    block_seconds: float,
    ceilings: Ceilings | None,
    progress: Progress,
) -> Figures[Measured]:
    """Measure networks (:func:`bench.speed.measure.measure`).

    Args:
        cases: one at least, of the same setting.
        repeats: measurements of each rate.
        block_seconds: each takes this long at least.
        ceilings: of the device; None to measure them here.
        progress: is told of each network.

    Raises:
        InputError: the device cannot be measured.
    """
    machine = _machine(cases[0], repeats=repeats, ceilings=ceilings, progress=progress)

    def find(case: Case) -> Measured:
        return in_child(measure, case, repeats=repeats, block_seconds=block_seconds)

    rows = _each(cases, find, progress)
    return Figures(machine=machine, setting=cases[0], rows=rows)


def compare_all(
    cases: Sequence[Case], *, rival: Rival, rounds: int, block_seconds: float, progress: Progress
) -> Figures[Comparison]:
    """Hold networks' training against a rival's (:func:`bench.speed.against.compare`).

    Args:
        cases: one at least, of the same setting.
        rival: the other way.
        rounds: pairs of blocks.
        block_seconds: the rival's blocks take about this long at least.
        progress: is told of each network.

    Raises:
        InputError: the rival needs a GPU and there is none.
    """
    if rival == "eager" and pick_device(cases[0].device).type != "cuda":
        raise InputError(
            "--against eager compares captured steps, which need a GPU: use --against bare, or a "
            "machine with CUDA"
        )
    cases = [comparable(case, rival) for case in cases]
    machine = _look_at_machine(cases[0], describe, cases[0])

    def find(case: Case) -> Comparison:
        return in_child(compare, case, rival=rival, rounds=rounds, block_seconds=block_seconds)

    rows = _each(cases, find, progress)
    return Figures(machine=machine, setting=cases[0], rows=rows)


def count_all(
    cases: Sequence[Case], *, repeats: int, ceilings: Ceilings | None, progress: Progress
) -> Figures[Counted]:
    """Count what an image costs networks; nothing is trained.

    Args:
        cases: one at least, of the same setting.
        repeats: measurements of the device's ceilings.
        ceilings: of a device; None to measure those of this one.
        progress: is told of the ceilings.

    Raises:
        InputError: the device cannot be measured.
    """
    machine = _machine(cases[0], repeats=repeats, ceilings=ceilings, progress=progress)

    def count(case: Case) -> Counted:
        work = count_work(
            find_model(case.model), in_channels=case.in_channels, image_size=case.image_size
        )
        return Counted(model=case.model, work=work)

    rows = _each(cases, count, progress)
    return Figures(machine=machine, setting=cases[0], rows=rows)


def _each(
    cases: Sequence[Case], find: Callable[[Case], Found], progress: Progress
) -> tuple[Found | Failed, ...]:
    rows: list[Found | Failed] = []
    for number, case in enumerate(cases, start=1):
        progress.event(Note(f"[{number}/{len(cases)}] {case.model}"))
        try:
            rows.append(find(case))
        except (ChildFailedError, InputError) as error:
            rows.append(Failed(model=case.model, reason=str(error)))
            progress.event(CellFailed(cell=case.model, reason=str(error)))
    return tuple(rows)


def _machine(case: Case, *, repeats: int, ceilings: Ceilings | None, progress: Progress) -> Machine:
    if ceilings is not None:
        return replace(_look_at_machine(case, describe, case), ceilings=ceilings, given=True)
    progress.event(Note("measuring what the device can do at best"))
    return _look_at_machine(case, describe_and_measure, case, repeats)


def _look_at_machine(case: Case, function: Callable[..., Machine], *args: object) -> Machine:
    """Call one of the two functions below in a child, so that no memory is taken here."""
    pick_device(case.device)  # the user's mistake, where it is not there
    try:
        return in_child(function, *args)
    except ChildFailedError as error:
        raise InputError(f"device {case.device}: {error}") from None


def describe(case: Case) -> Machine:
    """Describe this machine, without its ceilings, for a case's device, precision and threads.

    Raises:
        InputError: the device is not there, or a plugin fails.
    """
    device, precision = case.begin()
    return Machine(
        environment=describe_environment(device).model_dump(),
        precision=precision,
        memory_format=pick_memory_format(case.memory_format, device),
        ceilings=None,
        given=False,
    )


def describe_and_measure(case: Case, repeats: int) -> Machine:
    """As :func:`describe`, and measure its ceilings.

    Raises:
        InputError: as :func:`describe`, or memory does not suffice.
    """
    device, precision = case.begin()
    ceilings = unless_out_of_memory(
        lambda: measure_ceilings(device, precision=precision, repeats=repeats)
    )
    if ceilings is None:
        raise InputError(
            "memory does not suffice to measure what the device can do at best: end what else runs "
            "there, or give --rate and --bandwidth"
        )
    return replace(describe(case), ceilings=ceilings)
