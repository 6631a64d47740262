"""A worker: it runs the cells that it is given, and keeps what it prepared for the next ones."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import torch
from threadpoolctl import threadpool_limits

from bench import signals
from bench.config import levels_of
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.environment import describe_environment
from bench.errors import InputError
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.channel import EventFile
from bench.execute.matrix import Ending, Numbered, run_cell
from bench.execute.prepare import prepare
from bench.execute.work import Assignment, Work
from bench.progress import Progress
from bench.runs.store import Facts, Store

MOST_LEVELS = 4
"""Levels whose data a worker keeps."""


class Worker:
    """What a process keeps of a work: plugins, device, placed pixels, data of the last levels.

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
        self._runners: OrderedDict[int, CellRunner] = OrderedDict()

    def run(self, assignment: Assignment) -> Ending:
        """Run a cell.

        Raises:
            InputError: the data are not those of the parent, or cannot be prepared here.
            DeviceFault: the device failed, and it is not the last try.
            DiskFullError: there is no room for results.
        """
        progress = EventFile(assignment.events)
        runner = self._runners.get(assignment.level) or self._prepare(assignment.level, progress)
        self._runners[assignment.level] = runner
        self._runners.move_to_end(assignment.level)
        while len(self._runners) > MOST_LEVELS:
            self._runners.popitem(last=False)
        fault = None if assignment.fault is None else InputError(assignment.fault)
        return run_cell(
            Numbered(
                job=Job(
                    cell=assignment.cell, runner=replace(runner, progress=progress), fault=fault
                ),
                index=assignment.index,
                total=assignment.total,
                patience=assignment.patience,
                is_last_try=assignment.is_last_try,
                tells_skips=assignment.tells_skips,
            )
        )

    def _prepare(self, number: int, progress: Progress) -> CellRunner:
        level = self.work.levels[number]
        prepared = prepare(level.plain, open_study(level.plain.data), progress)
        record = prepared.record
        if (record.fingerprint, record.split.hash) != (level.data, level.split):
            raise InputError(
                f"the data or their split are others here than for the process that plans (data "
                f"{record.fingerprint} and {level.data}): workers need the same files and, for "
                "DICOM, the same salt"
            )
        return CellRunner(
            experiment=level.plain,
            prepared=prepared,
            store=Store(self.work.out),
            placements=self._placements,
            progress=progress,
            levels=levels_of(level.experiment, level.plain),
            facts=Facts(experiment=level.experiment, data=record, environment=self._environment),
        )


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
