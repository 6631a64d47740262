"""Running the cells of a matrix one after the other, in this process."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from bench import signals
from bench.environment import DECISIVE, changes
from bench.errors import InputError, first_line
from bench.events import (
    CellFailed,
    CellFinished,
    CellSkipped,
    CellStarted,
    CellUnavailable,
    CellUnusable,
    MatrixFinished,
    MatrixStarted,
    Note,
)
from bench.execute.cell_runner import Job
from bench.execute.controls import ControlUnavailable
from bench.files import is_disk_full, write_text
from bench.progress import Progress
from bench.runs.reading import read_former_end
from bench.runs.records import Outcome, Unusable
from bench.runs.run import Run, Unfinished
from bench.runs.store import Store
from bench.train import TrainingFailedError
from bench.train.checkpoint import ASIDE, BEST, LAST, resumable

Ending = Literal["finished", "already", "unavailable", "failed", "elsewhere", "unusable"]
"""A field of :class:`bench.events.MatrixFinished`."""


def run_cells(jobs: Sequence[Job]) -> MatrixFinished:
    """Run every cell that is not finished yet.

    A finished run is left alone; an interrupted one goes on from its last checkpoint; a failed
    one is tried again. A cell that fails is kept as failed with its reason, and the others go
    on. One whose run is damaged, or was written by another version, is named and left as it is.

    Args:
        jobs: the matrix, in the order in which it is run.

    Raises:
        DiskFullError: there is no room for results; the cell that wanted it goes on later.
    """
    endings: Counter[Ending] = Counter()
    found = jobs[0].runner.store.read_all(job.folder for job in jobs) if jobs else {}
    for job in jobs:  # named now and not after hours of training
        if isinstance(unusable := found[job.folder], Unusable):
            endings[_leave(job, unusable)] += 1
    planned = _planned_steps([job for job in jobs if _is_to_be_run(found[job.folder])])
    if planned:
        jobs[0].runner.progress.event(MatrixStarted(steps=planned))
    for index, job in enumerate(jobs, start=1):
        signals.check()
        if not isinstance(found[job.folder], Unusable):
            endings[_run_or_skip(job, index=index, total=len(jobs), planned=planned)] += 1
    return MatrixFinished(
        finished=endings["finished"],
        already=endings["already"],
        unavailable=endings["unavailable"],
        failed=endings["failed"],
        elsewhere=endings["elsewhere"],
        unusable=endings["unusable"],
        runs=tuple(job.folder.name for job in jobs),
    )


def _leave(job: Job, unusable: Unusable) -> Ending:
    """Name the run of a cell that cannot be used, and leave it as it is."""
    job.runner.progress.event(
        CellUnusable(
            cell=job.label,
            folder=job.folder.name,
            state=unusable.state,
            reason=unusable.reason,
        )
    )
    return "unusable"


def _run_or_skip(job: Job, *, index: int, total: int, planned: Collection[str]) -> Ending:
    """Run a cell, unless it has ended or another process is at it."""
    store = job.runner.store
    with store.claim(job.folder) as claimed:
        found = store.read(job.folder) if claimed else None
        if isinstance(found, Unusable):
            return _leave(job, found)
        if found is not None and _is_to_be_run(found):
            return _run(job, index=index, total=total)
        if claimed:
            # Killed between its result and this, a run leaves what nobody needs any more.
            (job.folder / LAST).unlink(missing_ok=True)
    if job.label in planned:
        job.runner.progress.event(CellSkipped(cell=job.label, index=index, total=total))
    return "already" if claimed else "elsewhere"


def _is_to_be_run(found: Run | Unfinished | Unusable) -> bool:
    """Whether a run has not ended, or failed, so that it is tried again."""
    return isinstance(found, Unfinished) or (
        isinstance(found, Run) and found.outcome.state == "failed"
    )


def _planned_steps(jobs: Sequence[Job]) -> dict[str, int]:
    """Training steps at most of the networks among some cells, by label."""
    return {
        job.label: job.runner.experiment.train.max_iterations
        for job in jobs
        if job.cell.kind == "network" and job.fault is None
    }


def _run(job: Job, *, index: int, total: int) -> Ending:
    """Run a cell, the ``index``-th of the matrix; a failure is kept with its reason."""
    runner, folder = job.runner, job.folder
    drop_damaged_checkpoint(folder, runner.progress)
    resumes = (folder / LAST).is_file()
    trained = resumes or read_former_end(folder) is not None
    earlier = runner.store.attempts(folder) if trained else ()
    runner.store.begin(folder, job.cell, runner.facts, earlier=earlier)
    runner.progress.event(
        CellStarted(cell=job.label, index=index, total=total, folder=folder.name, resumes=resumes)
    )
    if other := changes(earlier, runner.facts.environment, names=DECISIVE):
        runner.progress.event(
            Note(
                f"    {job.label}: goes on with {', '.join(other)}: its result will differ from "
                "that of a training in one environment"
            )
        )
    try:
        return _run_or_raise(job)
    except BrokenPipeError:
        # Who read our output (`| head`) has gone; the cell is not at fault.
        raise
    except (Exception, SystemExit) as error:
        if is_disk_full(error):
            raise  # neither is it here, and every other cell would end alike
        signals.check()  # a terminal that was closed takes no more lines; the cell is not at fault
        reason = reason_of(error)
        # The disk may be full or the folder gone: the failure is counted and told anyway.
        with suppress(OSError):
            if not folder.is_dir():
                runner.store.begin(folder, job.cell, runner.facts, earlier=earlier)
            keep_failure(error, reason, folder, runner.store)
        runner.progress.event(CellFailed(cell=job.label, reason=reason, folder=folder.name))
        return "failed"


def _run_or_raise(job: Job) -> Ending:
    runner, folder = job.runner, job.folder
    if job.fault is not None:
        raise job.fault.with_traceback(None)  # other seeds raise the same one
    began = time.perf_counter()
    try:
        test_auc, outcome = runner.run(job.cell, folder)
    except ControlUnavailable as error:
        runner.store.end(folder, Outcome(state="unavailable", reason=str(error)))
        runner.progress.event(CellUnavailable(cell=job.label, reason=str(error)))
        return "unavailable"
    runner.store.end(folder, outcome)
    (folder / LAST).unlink(missing_ok=True)
    seconds = round(time.perf_counter() - began, 1)
    runner.progress.event(
        CellFinished(
            cell=job.label, seconds=seconds, test_auc=test_auc, logit_fault=outcome.logit_fault
        )
    )
    return "finished"


def drop_damaged_checkpoint(folder: Path, progress: Progress) -> None:
    """Begin anew where a training cannot be resumed; the result is the same, only later."""
    if (folder / LAST).exists() and not resumable(folder):
        (folder / LAST).replace(folder / ASIDE)
        (folder / BEST).unlink(missing_ok=True)
        text = f"{folder.name}: its checkpoint is damaged; it begins anew ({ASIDE} is the old one)"
        progress.event(Note(text))


def keep_failure(error: Exception | SystemExit, reason: str, folder: Path, store: Store) -> None:
    """End a run as failed, while its error is being handled: outcome and traceback.

    Args:
        error: what was raised.
        reason: :func:`reason_of` it.
        folder: the run's.
        store: where it is kept.
    """
    write_text(folder / "error.txt", traceback.format_exc())
    store.end(folder, Outcome(state="failed", reason=reason))
    if isinstance(error, TrainingFailedError):
        # It would fail again from there. After any other failure (memory, disk) the next try
        # goes on from the last checkpoint.
        (folder / LAST).unlink(missing_ok=True)


def reason_of(error: Exception | SystemExit) -> str:
    """Why a run failed, in a line: other errors than our own with the name of their type."""
    own = isinstance(error, TrainingFailedError | InputError)
    return str(error) if own else first_line(error)
