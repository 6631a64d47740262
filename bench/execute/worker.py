"""A worker: it runs the cells that it is given, and keeps what it prepared for the next ones."""

from __future__ import annotations

from collections import OrderedDict

import torch
from threadpoolctl import threadpool_limits

from bench import signals
from bench.config import levels_of
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData
from bench.environment import describe_environment
from bench.errors import InputError
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.channel import EventFile
from bench.execute.matrix import Ending, Numbered, run_cell
from bench.execute.prepare import prepare
from bench.execute.work import Assignment, Level, Work
from bench.progress import Progress
from bench.runs.store import Facts, Store

MOST_DATA = 4
"""Data sets, each with a task, that a worker keeps prepared."""


class Worker:
    """A process's share of a work: plugins, device, placed pixels, the last prepared data.

    Args:
        work: whose cells it runs.

    Raises:
        InputError: a plugin fails here.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        work.begin()
        if work.threads is not None:
            torch.set_num_threads(work.threads)
            threadpool_limits(limits=work.threads)  # of the controls' libraries
        device = torch.device(work.device)
        self._placements = PlacementCache(device)
        self._environment = describe_environment(device)
        self._prepared: OrderedDict[str, PreparedData] = OrderedDict()

    def run(self, assignment: Assignment) -> Ending:
        """Run a cell.

        Raises:
            InputError: the data are not those of the parent, or cannot be prepared here.
            DeviceFault: the device failed; the cell is not ended.
            DiskFullError: there is no room for results.
        """
        progress = EventFile(assignment.events)
        fault = None if assignment.fault is None else InputError(assignment.fault)
        runner = self._runner(self.work.levels[assignment.level], progress)
        return run_cell(
            Numbered(
                job=Job(cell=assignment.cell, runner=runner, fault=fault),
                index=assignment.index,
                total=assignment.total,
                patience=assignment.patience,
                tells_skips=assignment.tells_skips,
            )
        )

    def _runner(self, level: Level, progress: Progress) -> CellRunner:
        prepared = self._prepare(level, progress)
        return CellRunner(
            experiment=level.plain,
            prepared=prepared,
            store=Store(self.work.out),
            placements=self._placements,
            progress=progress,
            levels=levels_of(level.experiment, level.plain),
            prefix=level.prefix,
            facts=Facts(
                experiment=level.experiment, data=prepared.record, environment=self._environment
            ),
        )

    def _prepare(self, level: Level, progress: Progress) -> PreparedData:
        """The data of a level; levels that differ in their training alone share them."""
        key = repr((level.plain.data, level.plain.task))
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = prepare(level.plain, open_study(level.plain.data), progress)
        found = (prepared.record.fingerprint, prepared.record.split.hash)
        if found != (level.data, level.split):
            raise InputError(
                f"the data or their split are others here than for the process that plans (data "
                f"{found[0]} and {level.data}): workers need the same files and, for DICOM, the "
                "same salt"
            )
        self._prepared[key] = prepared
        self._prepared.move_to_end(key)
        while len(self._prepared) > MOST_DATA:
            self._prepared.popitem(last=False)
        return prepared


_worker: Worker | None = None


def run_assignment(work: Work, assignment: Assignment) -> Ending:
    """Run a cell in this process, which keeps what it prepared while the work is the same.

    Raises:
        Stopped: a signal asked the process to stop; a training has kept a checkpoint.
        Exception: as :meth:`Worker.run`.
    """
    global _worker
    with signals.handled():
        if _worker is None or _worker.work != work:
            _worker = None  # the old one's data make room
            _worker = Worker(work)
        return _worker.run(assignment)
