"""Running the cells of a matrix: what is left to do, and one cell from its claim to its end."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import signals
from bench.environment import DECISIVE, EnvironmentRecord, changes
from bench.errors import InputError, first_line
from bench.events import (
    CellFailed,
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
from bench.runs.checksums import ERROR
from bench.runs.reading import read_former_end
from bench.runs.records import Outcome, Unusable
from bench.runs.run import Run, Unfinished
from bench.runs.store import Store
from bench.train.checkpoint import ASIDE, BEST, LAST, resumable
from bench.train.errors import TrainingFailedError

PATIENCE_SECONDS = 60.0
"""Time that a cell's former worker, which was given up, has to let go of its folder."""
Ending = Literal["finished", "already", "unavailable", "failed", "elsewhere", "unusable"]
"""A field of :class:`bench.events.MatrixFinished`."""


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """A cell of a matrix by its number, from 1."""

    job: Job
    # Its number, and that of the last one.
    index: int
    total: int
    patience: float = 1.0  # seconds to wait for a process that is at it
    tells_skips: bool = True  # whether it is told that the cell is left to another process


Execute = Callable[[Sequence[Numbered]], Iterable[Ending]]
"""Runs cells somewhere, and gives their endings as they come."""


class WorkerDiedError(Exception):
    """A worker ended without an answer; the message says how."""


class DeviceFault(Exception):  # noqa: N818
    """A device failed, and not the cell: another device may run it.

    Args:
        place: where, in the words of an executor; None where that is known anyway.
    """

    def __init__(self, text: str, place: str | None = None) -> None:
        super().__init__(text, place)
        self.place = place

    def __str__(self) -> str:
        return str(self.args[0])


def run_cells(jobs: Sequence[Job], *, execute: Execute | None = None) -> MatrixFinished:
    """Run every cell that is not finished yet.

    A finished run is left alone; an interrupted one goes on from its last checkpoint; a failed
    one is tried again. A cell that fails is kept as failed with its reason, and the others go
    on. One whose run is damaged, or was written by another version, is named and left as it is.

    Args:
        jobs: the matrix, in the order in which it is run.
        execute: where the cells are run; None is one after the other, in this process.

    Raises:
        DiskFullError: there is no room for results; the cell that wanted it goes on later.
    """
    endings: Counter[str] = Counter()
    found: dict[Path, Run | Unfinished | Unusable] = {}
    for store in dict.fromkeys(job.runner.store for job in jobs):
        found |= store.read_all(job.folder for job in jobs if job.runner.store == store)
    for job in jobs:  # named now and not after hours of training
        if isinstance(unusable := found[job.folder], Unusable):
            endings[_leave(job, unusable)] += 1
    if planned := _planned_steps([job for job in jobs if _is_to_be_run(found[job.folder])]):
        jobs[0].runner.progress.event(MatrixStarted(steps=planned))
    left = []
    for index, job in enumerate(jobs, start=1):
        if _is_to_be_run(found[job.folder]):
            left.append(Numbered(job=job, index=index, total=len(jobs)))
        elif not isinstance(found[job.folder], Unusable):
            endings["already"] += 1
            _remove_checkpoint(job)
    endings.update((execute or run_here)(left))
    # Each ending is a field.
    return MatrixFinished(**endings, no_winner=(), runs=tuple(job.folder.name for job in jobs))


def _remove_checkpoint(job: Job) -> None:
    """Remove what a run that was killed between its result and its last step left."""
    if (job.folder / LAST).is_file():
        with job.runner.store.claim(job.folder) as claimed:
            if claimed:
                (job.folder / LAST).unlink(missing_ok=True)


def run_here(cells: Iterable[Numbered]) -> Iterator[Ending]:
    """Run cells one after the other, in this process."""
    for cell in cells:
        signals.check()
        try:
            yield run_cell(cell)
        except DeviceFault as fault:  # there is no other device
            yield fail(cell, fault)


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


def run_cell(cell: Numbered) -> Ending:
    """Run a cell, unless it has ended or another process is at it.

    Raises:
        DeviceFault: the device failed; the cell is not ended.
        DiskFullError: there is no room for results.
    """
    job, store = cell.job, cell.job.runner.store
    with store.claim(job.folder, patience=cell.patience) as claimed:
        found = store.read(job.folder) if claimed else None
        if isinstance(found, Unusable):
            return _leave(job, found)
        if found is not None and _is_to_be_run(found):
            return _run(cell)
        if claimed:
            # Killed between its result and this, a run leaves what nobody needs any more.
            (job.folder / LAST).unlink(missing_ok=True)
    if cell.tells_skips and job.cell.kind == "network" and job.fault is None:
        job.runner.progress.event(CellSkipped(cell=job.label, index=cell.index, total=cell.total))
    return "already" if claimed else "elsewhere"


def _is_to_be_run(found: Run | Unfinished | Unusable) -> bool:
    """Whether a run has not ended, or failed, so that it is tried again."""
    return isinstance(found, Unfinished) or (
        isinstance(found, Run) and found.outcome.state == "failed"
    )


def _planned_steps(jobs: Sequence[Job]) -> dict[str, int]:
    """Training steps at most of the networks among some cells, by label."""
    return {
        job.label: job.cell.network.train.max_iterations
        for job in jobs
        if job.cell.kind == "network" and job.fault is None
    }


def _run(cell: Numbered) -> Ending:
    """Run a claimed cell; a failure is kept with its reason."""
    job = cell.job
    runner, folder = job.runner, job.folder
    drop_damaged_checkpoint(folder, runner.progress)
    resumes = (folder / LAST).is_file()
    trained = resumes or read_former_end(folder) is not None
    earlier = runner.store.attempts(folder) if trained else ()
    runner.store.begin(folder, job.cell, runner.facts, earlier=earlier)
    runner.progress.event(
        CellStarted(
            cell=job.label,
            index=cell.index,
            total=cell.total,
            folder=folder.name,
            resumes=resumes,
        )
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
        if is_device_fault(error):
            raise DeviceFault(first_line(error)) from error
        return _end_as_failed(job, error, earlier=earlier)


def fail(cell: Numbered, error: Exception) -> Ending:
    """Keep a cell as failed that was run elsewhere, or whose device failed.

    Returns:
        How its run ended, where it had ended all the same.
    """
    job = cell.job
    store, folder = job.runner.store, job.folder
    with store.claim(folder, patience=PATIENCE_SECONDS) as claimed:
        found = store.read(folder) if claimed else None
        if isinstance(found, Run) and found.outcome.state != "failed":
            return found.outcome.state
        if not claimed or isinstance(found, Unusable):
            return "elsewhere"
        return _end_as_failed(job, error)


def _end_as_failed(
    job: Job, error: Exception | SystemExit, *, earlier: Sequence[EnvironmentRecord] = ()
) -> Ending:
    """Keep the failure of a claimed cell, and tell it."""
    store, folder = job.runner.store, job.folder
    reason = reason_of(error)
    # The disk may be full or the folder gone: the failure is counted and told anyway.
    with suppress(OSError):
        if not folder.is_dir():
            store.begin(folder, job.cell, job.runner.facts, earlier=earlier)
        keep_failure(error, reason, folder, store)
    job.runner.progress.event(CellFailed(cell=job.label, reason=reason, folder=folder.name))
    return "failed"


def _run_or_raise(job: Job) -> Ending:
    runner, folder = job.runner, job.folder
    if job.fault is not None:
        raise job.fault.with_traceback(None)  # other seeds raise the same one
    began = time.perf_counter()
    try:
        auc, outcome = runner.run(job.cell, folder)
    except ControlUnavailable as error:
        runner.store.end(folder, Outcome(state="unavailable", reason=str(error)))
        runner.progress.event(CellUnavailable(cell=job.label, reason=str(error)))
        return "unavailable"
    runner.store.end(folder, outcome)
    (folder / LAST).unlink(missing_ok=True)
    seconds = time.perf_counter() - began
    runner.progress.event(runner.describe_end(job.cell, outcome, auc=auc, seconds=seconds))
    return "finished"


def drop_damaged_checkpoint(folder: Path, progress: Progress) -> None:
    """Begin anew where a training cannot be resumed; the result is the same, only later."""
    if (folder / LAST).exists() and not resumable(folder):
        (folder / LAST).replace(folder / ASIDE)
        (folder / BEST).unlink(missing_ok=True)
        text = f"{folder.name}: its checkpoint is damaged; it begins anew ({ASIDE} is the old one)"
        progress.event(Note(text))


def keep_failure(error: Exception | SystemExit, reason: str, folder: Path, store: Store) -> None:
    """End a run as failed: outcome and traceback."""
    write_text(folder / ERROR, "".join(traceback.format_exception(error)))
    store.end(folder, Outcome(state="failed", reason=reason))
    if isinstance(error, TrainingFailedError):
        # It would fail again from there. After any other failure (memory, disk) the next try
        # goes on from the last checkpoint.
        (folder / LAST).unlink(missing_ok=True)


def reason_of(error: Exception | SystemExit) -> str:
    """Why a run failed, in a line: other errors than our own with the name of their type."""
    own = isinstance(error, TrainingFailedError | InputError | WorkerDiedError | DeviceFault)
    return str(error) if own else first_line(error)


def is_device_fault(error: BaseException) -> bool:
    """Whether an error says that a device or its driver failed, which no setting can mend.

    Too little memory is none: :mod:`bench.train.errors` makes an InputError of it.
    """
    return isinstance(error, RuntimeError) and any(
        name in str(error)
        for name in ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "CUDA driver")
    )
