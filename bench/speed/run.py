"""Measurements of several networks, each in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bench import signals
from bench.environment import pick_device
from bench.errors import InputError, first_line
from bench.events import CellFailed, Note
from bench.progress import Progress
from bench.speed.against import SpeedComparison
from bench.speed.case import Case
from bench.speed.machine import Machine, describe_machine
from bench.speed.measure import Measured

Found = TypeVar("Found")
Row = TypeVar("Row", Measured, SpeedComparison)


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A network without figures."""

    model: str
    reason: str

    def describe(self, _: Machine) -> dict[str, object]:
        """The row as JSON values."""
        return {"model": self.model, "failed": self.reason}


@dataclass(frozen=True, kw_only=True)
class Figures(Generic[Row]):
    """Figures of each network, in the order of the request.

    Attributes:
        setting: shared by all; its model is the first one's.
    """

    machine: Machine
    setting: Case
    rows: tuple[Row | Failed, ...]

    @property
    def failed(self) -> tuple[Failed, ...]:
        """Those without figures."""
        return tuple(row for row in self.rows if isinstance(row, Failed))


def measure_all(
    cases: Sequence[Case],
    measure: Callable[[Case], Row],
    *,
    flops_repeats: int,
    progress: Progress,
) -> Figures[Row]:
    """Measure or compare each network in a process of its own.

    Args:
        cases: one at least, of the same setting.
        flops_repeats: measurements of the device's rate; 0 leaves it out.

    Raises:
        InputError: the device is not there or cannot be measured, or a plugin fails.
    """
    pick_device(cases[0].device)  # the user's mistake, where it is not there
    if flops_repeats:
        progress.event(Note("measuring the rate of the device"))
    try:
        machine = in_child(describe_machine, cases[0], repeats=flops_repeats)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"device {cases[0].device}: {first_line(error)}") from None
    rows: list[Row | Failed] = []
    for number, case in enumerate(cases, start=1):
        progress.event(Note(f"[{number}/{len(cases)}] {case.model}"))
        try:
            rows.append(in_child(measure, case))
        except Exception as error:
            reason = str(error) if isinstance(error, InputError) else first_line(error)
            rows.append(Failed(model=case.model, reason=reason))
            progress.event(CellFailed(cell=case.model, reason=reason))
    return Figures(machine=machine, setting=cases[0], rows=tuple(rows))


def in_child(function: Callable[..., Found], *args: Any, **kwargs: Any) -> Found:
    """Call a function in a fresh process, without the memory and the warm-up of others.

    Raises:
        InputError: the process ended without a result.
    """
    context = multiprocessing.get_context("spawn")
    with signals.blocked():
        executor = ProcessPoolExecutor(max_workers=1, mp_context=context)
    with executor as pool:
        try:
            # Blocked anew: the executor's first process has let signals through again.
            with signals.blocked():
                future = pool.submit(function, *args, **kwargs)
            return future.result()
        except BrokenProcessPool:
            raise InputError(
                "its process ended without a result, perhaps for want of memory"
            ) from None
        except KeyboardInterrupt:
            # Where this process alone was interrupted, the pool would wait for the child.
            for child in multiprocessing.active_children():
                child.kill()
            raise


def to_json(figures: Figures[Any]) -> str:
    """All figures as JSON: the machine, the setting, and an object for each network.

    Rates are images a second, times seconds, memory bytes. What was measured several times is an
    object of ``median``, ``min``, ``max`` and ``repeats``. A network without figures has
    ``failed``, the reason.
    """
    machine, case = figures.machine, figures.setting
    found = {
        "machine": machine.environment.model_dump(mode="json"),
        "setting": {
            "image_size": case.image_size,
            "batch_size": case.batch_size,
            "precision": machine.precision,
            "memory_format": machine.memory_format,
            "compiled": case.compiled,
        },
        "device_flops": machine.flops,
        "models": [row.describe(machine) for row in figures.rows],
    }
    return json.dumps(found, indent=2, allow_nan=False)
