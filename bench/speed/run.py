"""Measurements of several networks, each in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from bench.environment import pick_device
from bench.errors import InputError, first_line
from bench.events import CellFailed, Note
from bench.progress import Progress
from bench.speed.against import Rival, SpeedComparison, compare
from bench.speed.case import Case
from bench.speed.machine import Machine, describe_machine
from bench.speed.measure import Measured, measure

Found = TypeVar("Found")
Row = TypeVar("Row", Measured, SpeedComparison)


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
class Figures(Generic[Row]):
    """Figures of each network, in the order of the request.

    Attributes:
        machine: what it was measured on.
        setting: shared by all; its model is the first one's.
        rows: measured, or failed.
    """

    machine: Machine
    setting: Case
    rows: tuple[Row | Failed, ...]

    @property
    def failed(self) -> tuple[Failed, ...]:
        """Those without figures."""
        return tuple(row for row in self.rows if isinstance(row, Failed))


def measure_all(
    cases: Sequence[Case], *, repeats: int, block_seconds: float, progress: Progress
) -> Figures[Measured]:
    """Measure networks (:func:`bench.speed.measure.measure`).

    Args:
        cases: one at least, of the same setting.
        repeats: measurements of each rate.
        block_seconds: each takes this long at least.
        progress: receives a line for each network.

    Raises:
        InputError: the device cannot be measured.
    """
    progress.event(Note("measuring the rate of the device"))
    machine = _describe(cases[0], repeats=repeats)
    run = partial(measure, repeats=repeats, block_seconds=block_seconds)
    return Figures(machine=machine, setting=cases[0], rows=_each(cases, run, progress))


def compare_all(
    cases: Sequence[Case], *, rival: Rival, rounds: int, block_seconds: float, progress: Progress
) -> Figures[SpeedComparison]:
    """Compare networks' training with a rival's (:func:`bench.speed.against.compare`).

    Args:
        cases: one at least, of the same setting.
        rival: the other way.
        rounds: pairs of blocks.
        block_seconds: the rival's blocks take about this long at least.
        progress: receives a line for each network.

    Raises:
        InputError: the device is not there.
    """
    machine = _describe(cases[0], repeats=0)
    run = partial(compare, rival=rival, rounds=rounds, block_seconds=block_seconds)
    return Figures(machine=machine, setting=cases[0], rows=_each(cases, run, progress))


def in_child(function: Callable[..., Found], *args: Any, **kwargs: Any) -> Found:
    """Call a function in a fresh process, without the memory and the warm-up of others.

    Raises:
        InputError: the process ended without a result.
        Exception: whatever the function raises.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        try:
            return pool.submit(function, *args, **kwargs).result()
        except BrokenProcessPool:
            raise InputError(
                "its process ended without a result, perhaps for want of memory"
            ) from None
        except KeyboardInterrupt:
            # Where this process alone was interrupted, the pool would wait for the child.
            for child in multiprocessing.active_children():
                child.kill()
            raise


def _describe(case: Case, *, repeats: int) -> Machine:
    """Describe the machine in a child, so that no memory is taken here."""
    pick_device(case.device)  # the user's mistake, where it is not there
    try:
        return in_child(describe_machine, case, repeats=repeats)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"device {case.device}: {first_line(error)}") from None


def _each(
    cases: Sequence[Case], run: Callable[[Case], Row], progress: Progress
) -> tuple[Row | Failed, ...]:
    rows: list[Row | Failed] = []
    for number, case in enumerate(cases, start=1):
        progress.event(Note(f"[{number}/{len(cases)}] {case.model}"))
        try:
            rows.append(in_child(run, case))
        except Exception as error:
            reason = str(error) if isinstance(error, InputError) else first_line(error)
            rows.append(Failed(model=case.model, reason=reason))
            progress.event(CellFailed(cell=case.model, reason=reason))
    return tuple(rows)


def to_json(figures: Figures[Any]) -> str:
    """All figures as JSON: the machine, the setting, and an object for each network.

    Rates are images a second, times seconds, memory bytes. What was measured several times is an
    object of ``median``, ``min``, ``max`` and ``repeats``. A network without figures has
    ``failed``, the reason.
    """
    machine, case = figures.machine, figures.setting
    setting = {
        "image_size": case.image_size,
        "batch_size": case.batch_size,
        "precision": machine.precision,
        "memory_format": machine.memory_format,
        "compiled": case.compiled,
    }
    models = [_facts(row, machine) for row in figures.rows]
    found = {
        "machine": machine.environment.model_dump(mode="json"),
        "setting": setting,
        "device_flops": machine.flops,
        "models": models,
    }
    return json.dumps(found, indent=2, allow_nan=False)


def _facts(row: Measured | SpeedComparison | Failed, machine: Machine) -> dict[str, object]:
    if isinstance(row, Failed):
        return {"model": row.model, "failed": row.reason}
    if isinstance(row, SpeedComparison):
        return row.describe()
    assert machine.flops is not None, "measured with the networks"
    return row.describe(machine.flops)
