"""A cell as an assignment for a worker, which makes the cell's runner anew."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config import Experiment
from bench.errors import InputError
from bench.execute.cell_runner import CellRunner, Job
from bench.execute.channel import EventFile
from bench.execute.matrix import Ending, Numbered, run_cell
from bench.execute.work import ExpectedData
from bench.runs.cells import Cell
from bench.runs.run import Run
from bench.runs.store import Store

if TYPE_CHECKING:
    from bench.execute.worker import Worker


@dataclass(frozen=True, kw_only=True)
class RunnerRecord:
    """A cell's runner, as another process makes it."""

    kind: type[CellRunner]
    experiment: Experiment
    data: ExpectedData
    store: Store  # of the runs; its folder is absolute
    levels: Mapping[str, object]
    prefix: str


@dataclass(frozen=True, kw_only=True)
class CellAssignment:
    """A cell for a worker."""

    runner: RunnerRecord
    cell: Cell
    fault: str | None  # why its network cannot be trained, as known before; None where it can
    events: Path
    index: int
    total: int
    patience: float
    tells_skips: bool

    def run(self, worker: Worker) -> Ending:
        """Run the cell.

        Raises:
            DeviceFault: the device failed; the cell is not ended.
            DiskFullError: there is no room for results.
        """
        fault = None if self.fault is None else InputError(self.fault)
        runner = worker.make_runner(self.runner, EventFile(self.events))
        job = Job(cell=self.cell, runner=runner, fault=fault)
        ending = run_cell(
            Numbered(
                job=job,
                index=self.index,
                total=self.total,
                patience=self.patience,
                tells_skips=self.tells_skips,
            )
        )
        if ending == "finished":
            _keep_scores(job)
        return ending


def _keep_scores(job: Job) -> None:
    """Score a finished run for later reports: many workers share what one command would do.

    No fault ends the cell, whose predictions are stored: a report scores it again, and says why it
    cannot.
    """
    from bench.evaluate.scorer import Scorer  # for workers alone: not part of running a cell

    with suppress(Exception):
        run = job.runner.store.read(job.folder)
        if isinstance(run, Run):
            Scorer.with_cache().score(run)


def assignment_of(cell: Numbered, events: Path) -> CellAssignment:
    """The assignment by which a worker runs a cell."""
    job = cell.job
    return CellAssignment(
        runner=_record(job.runner),
        cell=job.cell,
        fault=None if job.fault is None else str(job.fault),
        events=events.resolve(),
        index=cell.index,
        total=cell.total,
        patience=cell.patience,
        tells_skips=cell.tells_skips,
    )


def _record(runner: CellRunner) -> RunnerRecord:
    data = runner.facts.data
    return RunnerRecord(
        kind=type(runner),
        experiment=runner.facts.experiment,
        data=ExpectedData(level=runner.level, fingerprint=data.fingerprint, split=data.split.hash),
        store=Store(runner.store.root.resolve()),
        levels=runner.levels,
        prefix=runner.prefix,
    )
