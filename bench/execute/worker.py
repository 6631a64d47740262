"""A worker: it does what it is given, and keeps what it prepared for the next time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from bench import signals
from bench.data.load import open_study
from bench.data.placement import PlacementCache
from bench.data.prepare import PreparedData, prepare_data
from bench.environment import describe_environment
from bench.errors import InputError
from bench.execute.assignment import RunnerRecord
from bench.execute.cell_runner import CellRunner
from bench.execute.work import Assignment, ExpectedData, Work
from bench.progress import Progress
from bench.runs.store import Facts

T = TypeVar("T")
MOST_DATA = 4
"""Data sets, each with a task, that a worker keeps prepared."""


class Worker:
    """A process's share of a work: plugins, device, placed pixels, the last prepared data."""

    def __init__(self, work: Work) -> None:
        self.work = work
        work.begin()
        if work.threads is not None:
            torch.set_num_threads(work.threads)
            threadpool_limits(limits=work.threads)  # of the controls' libraries
        device = torch.device(work.device)
        self.placements = PlacementCache(device)
        self.environment = describe_environment(device)
        self._prepared: OrderedDict[str, PreparedData] = OrderedDict()

    def make_runner(self, record: RunnerRecord, progress: Progress) -> CellRunner:
        """The runner of a record, with the data of this machine."""
        prepared = self.prepare(record.data, progress)
        return record.kind(
            level=record.data.level,
            prepared=prepared,
            store=record.store,
            placements=self.placements,
            progress=progress,
            levels=record.levels,
            prefix=record.prefix,
            facts=Facts(
                experiment=record.experiment, data=prepared.record, environment=self.environment
            ),
        )

    def prepare(self, expected: ExpectedData, progress: Progress) -> PreparedData:
        """The data of an experiment; several that differ in their training alone share them."""
        level = expected.level
        key = repr((level.data, level.task))
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = prepare_data(level, open_study(level.data), progress)
        found = (prepared.record.fingerprint, prepared.record.split.hash)
        if found != (expected.fingerprint, expected.split):
            raise InputError(
                f"the data or their split are others here than for the process that plans (data "
                f"{found[0]} and {expected.fingerprint}): workers need the same files and, for "
                "DICOM, the same salt"
            )
        self._prepared[key] = prepared
        self._prepared.move_to_end(key)
        while len(self._prepared) > MOST_DATA:
            self._prepared.popitem(last=False)
        return prepared


_worker: Worker | None = None


def run_assignment(work: Work, assignment: Assignment[T]) -> T:
    """Do an assignment in this process, which keeps what it prepared while the work is the same.

    Raises:
        Stopped: a signal asked the process to stop; a training has kept a checkpoint.
    """
    global _worker
    with signals.handled():
        if _worker is None or _worker.work != work:
            _worker = None  # the old one's data make room
            _worker = Worker(work)
        return assignment.run(_worker)
