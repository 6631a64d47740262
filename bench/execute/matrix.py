"""Running the cells of a matrix one after the other, in this process."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Sequence
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
    MatrixFinished,
    MatrixStarted,
    Note,
)
from bench.execute.cell_runner import Job
from bench.execute.controls import ControlUnavailable
from bench.files import is_disk_full, write_text
from bench.progress import Progress
from bench.runs.records import Outcome
from bench.runs.store import Store
from bench.train import TrainingFailedError
from bench.train.checkpoint import ASIDE, BEST, LAST, resumable

Ending = Literal["finished", "already", "unavailable", "failed", "elsewhere"]
"""A field of :class:`bench.events.MatrixFinished`."""


def run_cells(jobs: Sequence[Job]) -> MatrixFinished:
    """Run every cell that is not finished yet.

    A finished run is left alone; an interrupted one goes on from its last checkpoint; a failed
    one is tried again. A cell that fails is kept as failed with its reason, and the others go
    on.

    Args:
        jobs: the matrix, in the order in which it is run.

    Raises:
        InputError: what an earlier attempt at a cell left is damaged; no cell was started.
        DiskFullError: there is no room for results; the cell that wanted it goes on later.
    """
    # Found now and not after hours of training: what earlier runs left cannot be read.
    for job in jobs:
        job.runner.store.check(job.folder)
    planned = _planned_steps(jobs)
    if planned:
        jobs[0].runner.progress.event(MatrixStarted(steps=planned))
    endings: Counter[Ending] = Counter()
    for index, job in enumerate(jobs, start=1):
        signals.check()
        store = job.runner.store
        with store.claim(job.folder) as claimed:
            outcome = store.outcome(job.folder) if claimed else None
            if claimed and (outcome is None or outcome.state == "failed"):
                endings[_run(job, index=index, total=len(jobs))] += 1
                continue
            if claimed:
                # Killed between its result and this, a run leaves what nobody needs any more.
                (job.folder / LAST).unlink(missing_ok=True)
        endings["already" if claimed else "elsewhere"] += 1
        if job.label in planned:
            skipped = CellSkipped(cell=job.label, index=index, total=len(jobs))
            job.runner.progress.event(skipped)
    return MatrixFinished(
        finished=endings["finished"],
        already=endings["already"],
        unavailable=endings["unavailable"],
        failed=endings["failed"],
        elsewhere=endings["elsewhere"],
        runs=tuple(job.folder.name for job in jobs),
    )


def _planned_steps(jobs: Sequence[Job]) -> dict[str, int]:
    """Training steps at most of the networks that are not finished yet, by label."""
    planned = {}
    for job in jobs:
        if job.cell.kind == "network" and job.fault is None:
            outcome = job.runner.store.outcome(job.folder)
            if outcome is None or outcome.state == "failed":
                planned[job.label] = job.runner.experiment.train.max_iterations
    return planned


def _run(job: Job, *, index: int, total: int) -> Ending:
    """Run a cell, the ``index``-th of the matrix; a failure is kept with its reason."""
    runner, folder = job.runner, job.folder
    drop_damaged_checkpoint(folder, runner.progress)
    resumes = (folder / LAST).is_file()
    earlier = runner.store.attempts(folder) if resumes else ()
    runner.store.begin(folder, job.cell, runner.facts)
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
                runner.store.begin(folder, job.cell, runner.facts)
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
    runner.progress.event(CellFinished(cell=job.label, seconds=seconds, test_auc=test_auc))
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
