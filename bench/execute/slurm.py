"""Workers that are jobs of a Slurm array, by submitit.

Each job goes through all cells and takes those that nobody has claimed, as several ``bench run`` on
one folder do. What is no cell, such as a part in the search of a tuning, has a job of its own. When
Slurm preempts a job, or its time is over, the training keeps a checkpoint and the job is queued
again.
"""

from __future__ import annotations

import errno
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bench import signals
from bench.config.schema import ExecutionConfig
from bench.errors import InputError, first_line
from bench.events import CellSkipped, Note
from bench.execute.assignment import CellAssignment, assignment_of
from bench.execute.channel import Channel
from bench.execute.dispatch import NoRoom, checkpoint_of
from bench.execute.matrix import (
    DeviceFault,
    Ending,
    Numbered,
    WorkerDiedError,
    fail,
    reason_of,
)
from bench.execute.work import Assignment, Work
from bench.files import DiskFullError, is_disk_full
from bench.progress import Progress
from bench.runs.run import Run

T = TypeVar("T")
LOCAL_ADDRESS = "local"
"""Address that runs the array on this machine, to try it."""
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_STOP = 60.0
MOST_TIMEOUTS = 1_000
"""Times that a job may come to its limit and go on; each time it got further."""
SETTLED = ("finished", "unavailable", "failed", "unusable")


@dataclass(kw_only=True)
class JobReport:
    """The account that a job of the array gives of its cells, by their numbers."""

    endings: dict[int, Ending] = field(default_factory=dict)
    # Why it could not run one, such as data that it does not have.
    errors: dict[int, str] = field(default_factory=dict)
    fault: str = ""  # why the job ended before its last cell: its device failed
    disk_full: str = ""  # the line that says so; "" where there was room


@dataclass
class ArrayWorker:
    """A job of the array, as submitit keeps it."""

    work: Work
    assignments: tuple[CellAssignment, ...]  # all of them; other jobs have the same
    report: JobReport = field(default_factory=JobReport)

    def __call__(self) -> JobReport:
        """Run cells until each has ended or another job is at it."""
        with _preemptible():
            self._run()
        return self.report

    def _run(self) -> None:
        # At first those that are free; then whatever others have let go of meanwhile.
        for patience in (0.0, 1.0):
            for each in self.assignments:
                done = self.report.endings.get(each.index) in (*SETTLED, "already")
                if not done and each.index not in self.report.errors:
                    self._run_cell(replace(each, patience=patience))
                if self.report.fault or self.report.disk_full:
                    return

    def _run_cell(self, assignment: CellAssignment) -> None:
        from bench.execute.worker import run_assignment

        report, index = self.report, assignment.index
        try:
            report.endings[index] = run_assignment(self.work, assignment)
        except DeviceFault as fault:  # this process can do no more with the device
            report.fault = str(fault)
        except Exception as error:
            if is_disk_full(error):
                report.disk_full = first_line(error)
            else:
                report.errors[index] = reason_of(error)

    def checkpoint(self) -> Any:
        """This job with its report so far, which submitit queues again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@contextmanager
def _preemptible() -> Iterator[None]:
    """End a job that is asked to stop, and let it be queued again where it is preempted."""
    preempted = signal.getsignal(signal.SIGUSR2)
    try:
        with signals.handled(signal.SIGUSR2):
            yield
    except signals.Stopped as stopped:
        # SIGTERM is of `scancel` too; after a preemption Slurm itself queues the job again.
        if stopped.number == signal.SIGUSR2 and callable(preempted):
            preempted(stopped.number, None)  # submitit queues the job again
        raise SystemExit(stopped.exit_code) from None


@dataclass(frozen=True)
class SingleWorker:
    """A job of one assignment, as submitit keeps it."""

    work: Work
    assignment: Assignment[Any] = field(repr=False)

    def __call__(self) -> Any:
        """Do it; returns the answer, or the error that it raised."""
        from bench.execute.worker import run_assignment

        with _preemptible():
            try:
                return run_assignment(self.work, self.assignment)
            except Exception as error:  # submitit would pass on its text alone
                return error

    def checkpoint(self) -> Any:
        """This job, which submitit queues again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(kw_only=True)
class SingleJobs:
    """An :class:`bench.execute.dispatch.Engine` of jobs, each of one assignment."""

    array: SlurmArray
    running: dict[Future[Any], Any] = field(default_factory=dict)
    # Set when nobody waits for answers any more.
    ended: threading.Event = field(default_factory=threading.Event)

    def submit(self, assignment: Assignment[T], *, avoid: object) -> tuple[Future[T], object]:
        """See :class:`bench.execute.dispatch.Engine`; Slurm chooses the place."""
        del avoid
        if len(self.running) >= self.array.jobs:
            raise NoRoom
        worker = SingleWorker(self.array.work, assignment)
        (job,) = self.array.submit(assignment.events.parent / "jobs", [worker])
        answer = Future[T]()
        self.running[answer] = job
        return answer, None

    def watch(self) -> None:
        """Answer for each job that ends; in a thread of its own."""
        while not self.ended.wait(SECONDS_BETWEEN_LOOKS):
            for answer, job in list(self.running.items()):
                try:
                    if not job.done(force_check=self.array.address == LOCAL_ADDRESS):
                        continue
                    found = job.result()
                except Exception as error:  # of submitit: no result
                    found = WorkerDiedError(f"its job died ({first_line(error)})")
                del self.running[answer]
                if isinstance(found, Exception):
                    answer.set_exception(found)
                else:
                    answer.set_result(found)


@dataclass(frozen=True, kw_only=True)
class SlurmArray:
    """An array of jobs, in rounds: cells whose job died are in the next one."""

    work: Work
    jobs: int
    address: str | None  # ``local``, or None for Slurm
    resources: ExecutionConfig

    def run(self, cells: Sequence[Numbered], *, channel: Channel) -> Iterator[Ending]:
        """Run the cells of a matrix; gives their endings, at the end of each round.

        Raises:
            DiskFullError: there is no room for results.
            Stopped: a signal asked for it; the jobs were ended, each with a checkpoint.
        """
        left = [*cells]
        # The last checkpoint, when its job died, of each cell that one died at.
        struck: dict[int, object] = {}
        while left:
            reports, reason = self._round(left, channel)
            again = []
            for cell in left:
                ending = _settled(cell, reports) or self._look(cell, struck, reason)
                if ending is None:
                    again.append(cell)
                else:
                    yield ending
            if len(again) == len(left) and not any(cell.index in struck for cell in again):
                # No job came to any cell.
                for cell in again:
                    yield fail(cell, WorkerDiedError(reason))
                return
            left = again

    @staticmethod
    def _look(cell: Numbered, struck: dict[int, object], reason: str) -> Ending | None:
        """Find out what became of a cell that no job tells of; None where it is to be run again.

        Args:
            struck: gets the checkpoint of a cell that a job has died at; a second death at the
                same one fails it.
        """
        job = cell.job
        store, folder = job.runner.store, job.folder
        found = store.read(folder)
        if isinstance(found, Run):
            return found.outcome.state
        if store.is_held(folder):
            job.runner.progress.event(
                CellSkipped(cell=job.label, index=cell.index, total=cell.total)
            )
            return "elsewhere"
        if folder.is_dir():
            checkpoint = checkpoint_of(folder)
            if cell.index in struck and struck[cell.index] == checkpoint:
                return fail(cell, WorkerDiedError(reason))
            struck[cell.index] = checkpoint
        return None

    def _round(self, cells: Sequence[Numbered], channel: Channel) -> tuple[list[JobReport], str]:
        """Run an array to its end; the jobs' reports, and why one of them died."""
        folder = channel.folder.resolve()
        workers, files = [], []
        for _ in range(min(self.jobs, len(cells))):
            files.append(channel.new_file())
            assignments = tuple(
                assignment_of(replace(cell, tells_skips=False), files[-1]) for cell in cells
            )
            workers.append(ArrayWorker(self.work, assignments))
            channel.read(files[-1])
        jobs: Sequence[Any] = ()
        try:
            with signals.deferred():  # or nobody would know of the jobs
                jobs = self.submit(folder / "jobs", workers)
            while not all(job.done(force_check=self.address == LOCAL_ADDRESS) for job in jobs):
                channel.follow()
                signals.check()
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except BaseException:
            _stop(jobs)
            raise
        for file in files:
            channel.close(file)
        return _reports(jobs, cells[0].job.runner.progress)

    @contextmanager
    def single_jobs(self) -> Iterator[SingleJobs]:
        """Jobs of one assignment each, as many at once as the array has."""
        engine = SingleJobs(array=self)
        watching = threading.Thread(target=engine.watch, daemon=True)
        watching.start()
        try:
            yield engine
        except BaseException:
            _stop(list(engine.running.values()))
            raise
        finally:
            engine.ended.set()
            watching.join()

    def submit(self, folder: Path, workers: Sequence[ArrayWorker | SingleWorker]) -> Sequence[Any]:
        """Submit an array of jobs."""
        try:
            return list(self._executor(folder).submit_array(workers))
        except Exception as error:  # of submitit, or of Slurm's commands
            raise InputError(
                f"Slurm takes no job ({first_line(error)}): look at execution.partition and "
                "account, or try the array on this machine with --address local"
            ) from error

    def _executor(self, folder: Path) -> Any:
        """Submitit's executor, its files in a folder that nobody else may read or write."""
        from submitit import AutoExecutor

        folder.mkdir(mode=0o700, exist_ok=True)
        resources = self.resources
        executor = AutoExecutor(
            folder, cluster=self.address or "slurm", slurm_max_num_timeout=MOST_TIMEOUTS,
            local_max_num_timeout=MOST_TIMEOUTS,
        )  # fmt: skip
        parameters = {
            "name": "bench",
            "timeout_min": resources.minutes,
            "cpus_per_task": self.work.threads,
            "gpus_per_node": self._gpus(),
            "mem_gb": resources.memory_gb,
            "slurm_partition": resources.partition,
            "slurm_account": resources.account,
            "slurm_array_parallelism": self.jobs,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        executor.update_parameters(**given)
        return executor

    def _gpus(self) -> int:
        gpus = self.resources.gpus
        return int(self.work.device == "cuda") if gpus is None else math.ceil(gpus)


def _stop(jobs: Sequence[Any]) -> None:
    """Let every job keep a checkpoint and end, and wait for that."""
    for job in jobs:
        job.cancel(check=False)
    deadline = time.monotonic() + SECONDS_TO_STOP
    while time.monotonic() < deadline and not all(job.done(force_check=True) for job in jobs):
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _reports(jobs: Sequence[Any], progress: Progress) -> tuple[list[JobReport], str]:
    """The jobs' reports, and why one died; a job that died has none.

    Raises:
        DiskFullError: a job had no room for results.
    """
    reports, reason = [], "its job died"
    for job in jobs:
        try:
            report = job.result()
        except Exception as error:  # of submitit: no result, or what the job raised
            reason = f"its job died ({first_line(error)})"
            progress.event(Note(f"a job of the array died ({first_line(error)})"))
            continue
        if report.disk_full:
            raise DiskFullError(errno.ENOSPC, report.disk_full)
        if report.fault:
            reason = report.fault
            progress.event(Note(f"a job of the array ended: {report.fault}"))
        reports.append(report)
    return reports, reason


def _settled(cell: Numbered, reports: Sequence[JobReport]) -> Ending | None:
    """The ending of a cell that a job tells of; None where none does."""
    for report in reports:
        if report.endings.get(cell.index) in SETTLED:
            return report.endings[cell.index]
    errors = [report.errors[cell.index] for report in reports if cell.index in report.errors]
    return fail(cell, WorkerDiedError(errors[0])) if errors else None
