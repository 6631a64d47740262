"""Workers that are jobs of a Slurm array, by submitit.

Each job goes through all cells and takes those that nobody has claimed, as several ``bench run`` on
one folder do. When Slurm preempts it, or its time is over, the training keeps a checkpoint and the
job is queued again.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import signals
from bench.config.schema import ExecutionConfig
from bench.errors import first_line
from bench.events import CellSkipped, Note
from bench.execute.channel import Channel, opened_channel
from bench.execute.dispatch import (
    WorkerDiedError,
    assignment_of,
    checkpoint_of,
    fail,
)
from bench.execute.matrix import Ending, Numbered
from bench.execute.work import Assignment, Work
from bench.progress import Progress
from bench.runs.run import Run

LOCAL = "local"
"""Address that runs the array on this machine, to try it."""
STOP = "stop"
"""File beside the events by which the parent ends jobs that are not to be queued again."""
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_STOP = 60.0
MOST_TIMEOUTS = 1_000
"""How often a job may come to its time limit and go on; each time it got further."""
SETTLED = ("finished", "unavailable", "failed", "unusable")


@dataclass
class ArrayWorker:
    """A job of the array, as submitit keeps it.

    Attributes:
        work: whose cells it runs.
        assignments: all of them; other jobs have the same.
        endings: of the cells so far, by their number.
    """

    work: Work
    assignments: tuple[Assignment, ...]
    endings: dict[int, Ending] = field(default_factory=dict)

    def __call__(self) -> dict[int, Ending]:
        """Run cells until each has ended or another job is at it; returns their endings."""
        preempted = signal.getsignal(signal.SIGUSR2)
        try:
            with signals.handled(signal.SIGUSR2):
                self._run()
        except signals.Stopped as stopped:
            events = self.assignments[0].events
            if callable(preempted) and not events.with_name(STOP).exists():
                preempted(stopped.number, None)  # submitit queues the job again
            raise SystemExit(stopped.exit_code) from None
        return self.endings

    def _run(self) -> None:
        from bench.execute.worker import run_assignment

        # At first those that are free; then whatever others have let go of meanwhile.
        for patience in (0.0, 1.0):
            for each in self.assignments:
                if self.endings.get(each.index) not in (*SETTLED, "already"):
                    cell = replace(each, patience=patience)
                    self.endings[each.index] = run_assignment(self.work, cell)

    def checkpoint(self) -> Any:
        """What submitit queues again: this job, with its endings so far."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True, kw_only=True)
class SlurmArray:
    """An array of jobs, in rounds: cells whose job died are in the next one.

    Attributes:
        work: whose cells they run.
        jobs: how many.
        address: ``local``, or None for Slurm.
        resources: of each.
    """

    work: Work
    jobs: int
    address: str | None
    resources: ExecutionConfig

    def run(self, cells: Sequence[Numbered]) -> Iterator[Ending]:
        """Run the cells of a matrix; gives their endings, at the end of each round.

        Raises:
            Stopped: a signal asked for it; the jobs were ended, each with a checkpoint.
        """
        if not cells:
            return
        left = [*cells]
        runner = left[0].job.runner
        before: dict[int, object] = {}
        with opened_channel(runner.store.root, runner.progress) as channel:
            while left:
                endings = self._round(left, channel)
                again = []
                for cell in left:
                    ending = endings.get(cell.index, "elsewhere")
                    if ending not in SETTLED and self._is_left(cell):
                        checkpoint = checkpoint_of(cell.job.folder)
                        if cell.index in before and checkpoint == before[cell.index]:
                            yield fail(cell, WorkerDiedError("its jobs died (see Slurm's log)"))
                        else:
                            before[cell.index] = checkpoint
                            again.append(cell)
                    else:
                        yield ending
                left = again

    @staticmethod
    def _is_left(cell: Numbered) -> bool:
        """Whether a cell has not ended and nobody is at it; otherwise says that it was left."""
        job = cell.job
        store = job.runner.store
        if not isinstance(store.read(job.folder), Run) and not store.is_held(job.folder):
            return True
        skipped = CellSkipped(cell=job.label, index=cell.index, total=cell.total)
        job.runner.progress.event(skipped)
        return False

    def _round(self, cells: Sequence[Numbered], channel: Channel) -> dict[int, Ending]:
        """Run an array to its end; the endings of cells by their number."""
        folder = channel.folder.resolve()
        workers, files = [], []
        for _ in range(min(self.jobs, len(cells))):
            files.append(channel.open())
            assignments = tuple(
                assignment_of(replace(cell, tells_skips=False), files[-1]) for cell in cells
            )
            workers.append(ArrayWorker(self.work, assignments))
        jobs = self._executor(folder / "jobs").submit_array(workers)
        try:
            while not all(job.done(force_check=True) for job in jobs):
                channel.follow()
                signals.check()
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except BaseException:
            _stop(jobs, folder)
            raise
        for file in files:
            channel.close(file)
        return _endings(jobs, cells[0].job.runner.progress)

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


def _stop(jobs: Sequence[Any], folder: Path) -> None:
    """Let every job keep a checkpoint and end, and wait for that."""
    (folder / STOP).touch()
    for job in jobs:
        job.cancel(check=False)
    deadline = time.monotonic() + SECONDS_TO_STOP
    while time.monotonic() < deadline and not all(job.done(force_check=True) for job in jobs):
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _endings(jobs: Sequence[Any], progress: Progress) -> dict[int, Ending]:
    """The endings that the jobs tell of, by the cells' numbers; a job that died tells none."""
    found: dict[int, Ending] = {}
    for job in jobs:
        try:
            endings = job.result()
        except Exception as error:  # of submitit: no result, or what the job raised
            progress.event(Note(f"a job of the array died ({first_line(error)})"))
            continue
        settled = {number: end for number, end in endings.items() if end in SETTLED}
        found = {**endings, **found, **settled}
    return found
