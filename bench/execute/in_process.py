"""Running the cells of a matrix one after the other, in this process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.controls import ControlUnavailable
from bench.errors import InputError, first_line
from bench.events import (
    CellFailed,
    CellFinished,
    CellSkipped,
    CellStarted,
    CellUnavailable,
    MatrixFinished,
    MatrixStarted,
    Note,
)
from bench.execute.one_cell import Job
from bench.progress import Progress
from bench.runs.records import Outcome
from bench.runs.store import Store
from bench.train import TrainingFailedError
from bench.train.checkpoint import BEST, LAST, resumable

Ending = Literal["finished", "already", "unavailable", "failed", "elsewhere"]


@dataclass(kw_only=True)
class Summary:
    """How many cells ended how.

    Attributes:
        finished: now.
        already: before.
        unavailable: controls that this data cannot have.
        failed: kept with their reason, and tried again by the next run.
        elsewhere: another process is at them.
        runs: names of all their folders.
    """

    finished: int = 0
    already: int = 0
    unavailable: int = 0
    failed: int = 0
    elsewhere: int = 0
    runs: frozenset[str] = field(default=frozenset(), compare=False)

    def counts(self) -> dict[str, int]:
        """The numbers alone."""
        return {name: value for name, value in vars(self).items() if name != "runs"}

    def event(self, *, no_winner: Iterable[str] = ()) -> MatrixFinished:
        """The numbers, as what is shown at the end of a matrix."""
        return MatrixFinished(
            finished=self.finished,
            already=self.already,
            unavailable=self.unavailable,
            failed=self.failed,
            elsewhere=self.elsewhere,
            no_winner=tuple(no_winner),
        )

    def count(self, ending: Ending) -> None:
        """One more cell that ended so."""
        setattr(self, ending, getattr(self, ending) + 1)


def run_cells(jobs: Sequence[Job]) -> Summary:
    """Run every cell that is not finished yet.

    A finished run is left alone; an interrupted one goes on from its last validation; a failed
    one is tried again. A cell that fails is kept as failed with its reason, and the others go
    on.

    Args:
        jobs: the matrix, in the order in which it is run.

    Raises:
        InputError: what an earlier attempt at a cell left is damaged; no cell was started.
    """
    # Found now and not after hours of training: what earlier runs left cannot be read.
    for job in jobs:
        job.runner.store.check(job.folder)
    summary = Summary(runs=frozenset(job.folder.name for job in jobs))
    planned = _planned_steps(jobs)
    if planned:
        jobs[0].runner.progress.event(MatrixStarted(steps=planned))
    for index, job in enumerate(jobs, start=1):
        store, progress, folder = job.runner.store, job.runner.progress, job.folder
        with store.claim(folder) as claimed:
            outcome = store.outcome(folder) if claimed else None
            if claimed and (outcome is None or outcome.state == "failed"):
                drop_damaged_checkpoint(folder, progress)
                store.begin(folder, job.cell, job.runner.facts)
                resumes = (folder / LAST).is_file()
                progress.event(
                    CellStarted(
                        cell=job.label,
                        index=index,
                        total=len(jobs),
                        folder=folder.name,
                        resumes=resumes,
                    )
                )
                summary.count(_run(job))
                continue
        summary.count("already" if claimed else "elsewhere")
        if job.label in planned:
            progress.event(CellSkipped(cell=job.label, index=index, total=len(jobs)))
    return summary


def _planned_steps(jobs: Sequence[Job]) -> dict[str, int]:
    """Training steps at most of the networks that are not finished yet, by label."""
    planned = {}
    for job in jobs:
        if job.cell.kind == "network":
            outcome = job.runner.store.outcome(job.folder)
            if outcome is None or outcome.state == "failed":
                planned[job.label] = job.runner.experiment.train.max_iterations
    return planned


def _run(job: Job) -> Ending:
    """Run a cell; a failure is kept with its reason."""
    runner, folder = job.runner, job.folder
    try:
        return _run_or_raise(job)
    except BrokenPipeError:
        # Who read our output (`| head`) has gone; the cell is not at fault.
        raise
    except Exception as error:
        reason = reason_of(error)
        # The disk may be full or the folder gone: the failure is counted and told anyway.
        with suppress(OSError):
            if not folder.is_dir():
                runner.store.begin(folder, job.cell, runner.facts)
            keep_failure(error, reason, folder, runner.store)
        runner.progress.event(CellFailed(cell=job.label, reason=reason, folder=folder.name))
        return "failed"


def _run_or_raise(job: Job) -> Ending:
    runner, folder = job.runner, job.folder
    began = time.perf_counter()
    try:
        test_auc, costs = runner.run(job.cell, folder)
    except ControlUnavailable as error:
        runner.store.end(folder, Outcome(state="unavailable", reason=str(error)))
        runner.progress.event(CellUnavailable(cell=job.label, reason=str(error)))
        return "unavailable"
    runner.store.end(folder, Outcome(state="finished", costs=costs))
    (folder / LAST).unlink(missing_ok=True)
    seconds = round(time.perf_counter() - began, 1)
    runner.progress.event(CellFinished(cell=job.label, seconds=seconds, test_auc=test_auc))
    return "finished"


def drop_damaged_checkpoint(folder: Path, progress: Progress) -> None:
    """Begin anew where a training cannot be resumed; the result is the same, only later."""
    if (folder / LAST).exists() and not resumable(folder):
        progress.event(Note(f"{folder.name}: its checkpoint is damaged; it begins anew"))
        for name in (LAST, BEST):
            (folder / name).unlink(missing_ok=True)


def keep_failure(error: Exception, reason: str, folder: Path, store: Store) -> None:
    """End a run as failed, while its error is being handled: outcome and traceback.

    Args:
        error: what was raised.
        reason: :func:`reason_of` it.
        folder: the run's.
        store: where it is kept.
    """
    (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
    store.end(folder, Outcome(state="failed", reason=reason))
    if isinstance(error, TrainingFailedError):
        # It would fail again from there. After any other failure (memory, disk) the next try
        # goes on from the last validation.
        (folder / LAST).unlink(missing_ok=True)


def reason_of(error: Exception) -> str:
    """Why a run failed, in a line: other errors than our own with the name of their type."""
    own = isinstance(error, TrainingFailedError | InputError)
    return str(error) if own else first_line(error)
