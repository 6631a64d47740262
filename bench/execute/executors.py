"""The executors of a matrix: this process, processes of this machine, Ray and Slurm."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import torch

from bench.config.schema import ExecutionConfig, TrainConfig
from bench.environment import processors
from bench.errors import InputError
from bench.execute.channel import Channel, opened_channel
from bench.execute.dispatch import Engine, dispatch
from bench.execute.matrix import Execute, run_here
from bench.execute.work import Assignment, Work
from bench.progress import Progress
from bench.runs.store import Store

if TYPE_CHECKING:
    from bench.execute.slurm import SlurmArray

T = TypeVar("T")
Name = Literal["local", "processes", "ray", "slurm"]


@dataclass(frozen=True, kw_only=True)
class Executor:
    """A way to run the cells of a matrix, and the trials of a tuning.

    Attributes:
        name: ``local`` (one after the other, in this process), ``processes``, ``ray``, ``slurm``.
        jobs: workers at most; None is one a GPU, or as many as the cores are enough for.
        address: of a running Ray cluster; None starts one on this machine.
        resources: of each worker.
    """

    name: Name = "local"
    jobs: int | None = None
    address: str | None = None
    resources: ExecutionConfig = field(default_factory=ExecutionConfig)

    @property
    def reaches_others(self) -> bool:
        """Whether its workers can be on other machines."""
        if self.name == "slurm":
            return self.address != "local"
        return self.name == "ray" and self.address is not None

    def check(self, trainings: Iterable[TrainConfig], *, device: torch.device) -> None:
        """Find out whether the executor can be had here, and can run some trainings."""
        if self.name not in get_args(Name):
            names = ", ".join(get_args(Name))
            raise InputError(f"executor {self.name!r} is not known: write one of {names}")
        if self.name == "local" and self.jobs is not None:
            raise InputError("jobs are for other workers: give an executor too (--executor)")
        if self.name in ("local", "processes") and self.address is not None:
            raise InputError("an address is for --executor ray and slurm")
        if self.jobs is not None and self.jobs < 1:
            raise InputError(f"jobs={self.jobs}: give at least one")
        most = max((training.devices for training in trainings), default=1)
        if self.name == "processes" and device.type == "cuda" and most > 1:
            raise InputError(
                f"train.devices={most}: a worker of --executor processes has one GPU: use "
                "--executor local, or ray or slurm with execution.gpus"
            )
        if self.name == "slurm" and self.address not in (None, "local"):
            raise InputError(f"--address {self.address}: with --executor slurm it is local or none")
        if self.name == "slurm" and self.address is None and which("sbatch") is None:
            raise InputError(
                "no Slurm here (there is no sbatch): start this where jobs are submitted, or try "
                "the array on this machine with --address local"
            )
        package = {"ray": "ray", "slurm": "submitit"}.get(self.name)
        if package is not None and find_spec(package) is None:
            raise InputError(
                f"--executor {self.name} needs {package}: pip install 'cxnet-bench[{self.name}]'"
            )

    @contextmanager
    def started(self, work: Work, progress: Progress) -> Iterator[Workers]:
        """The workers of a command; they end with the block, where it raises with checkpoints.

        Args:
            work: what workers need to know; its device is that of every worker.
        """
        if self.name == "local":
            yield Workers(execute=run_here)
            return
        work = replace(work, folder=Store(work.out).make_id())
        with opened_channel(work.out, progress) as channel, OnDemand(self._engine(work)) as engine:
            run = (
                self._array(work).run if self.name == "slurm" else partial(dispatch, engine=engine)
            )
            yield Workers(
                execute=partial(run, channel=channel), others=Others(engine=engine, channel=channel)
            )

    def _engine(self, work: Work) -> AbstractContextManager[Engine]:
        if self.name == "slurm":
            return self._array(work).single_jobs()
        if self.name == "ray":
            from bench.execute.ray_cluster import ray_tasks

            return ray_tasks(
                replace(work, threads=threads_asked() or self.resources.cpus or 1),
                address=self.address,
                jobs=self.jobs,
                resources=self.resources,
            )
        from bench.execute.processes import processes

        environments = environments_of(work.device, jobs=self.jobs, cpus=self.resources.cpus)
        return processes(work, environments)

    def _array(self, work: Work) -> SlurmArray:
        from bench.execute.slurm import SlurmArray

        return SlurmArray(
            work=replace(work, threads=threads_asked() or self.resources.cpus or 1),
            jobs=self.jobs or 1,
            address=self.address,
            resources=self.resources,
        )


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The workers of a command."""

    execute: Execute
    others: Others | None = None  # take any assignment; None where this process is the only worker


@dataclass(frozen=True, kw_only=True)
class Others:
    """Workers that are other processes."""

    engine: Engine
    channel: Channel


class OnDemand(AbstractContextManager["OnDemand"]):
    """An engine that starts with the first assignment, and goes on to the end of its block."""

    def __init__(self, engine: AbstractContextManager[Engine]) -> None:
        self._context, self._stack = engine, ExitStack()
        self._engine: Engine | None = None

    def submit(self, assignment: Assignment[T], *, avoid: object) -> tuple[Future[T], object]:
        """See :class:`bench.execute.dispatch.Engine`."""
        if self._engine is None:
            self._engine = self._stack.enter_context(self._context)
        return self._engine.submit(assignment, avoid=avoid)

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)


LOCAL = Executor()


def environments_of(
    device: str, *, jobs: int | None, cpus: int | None = None
) -> list[dict[str, str]]:
    """Variables of each worker process of this machine.

    On a GPU machine each sees one GPU. On a CPU the cores are shared out, unless
    ``OMP_NUM_THREADS`` says how many threads a process has: results depend on it in the last bits.

    Args:
        device: ``cpu`` or ``cuda``.
        jobs: how many; None is one a GPU, or as many as the cores suffice for.
        cpus: of each; None shares them out.
    """
    threads = threads_asked() or cpus
    if device == "cuda":
        gpus = visible_gpus()
        own = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
        return [
            {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)], **own}
            for number in range(jobs or len(gpus))
        ]
    jobs = jobs or max(1, processors() // (threads or 1))
    return [{"OMP_NUM_THREADS": str(threads or max(1, processors() // jobs))}] * jobs


def threads_asked() -> int | None:
    """Threads that ``OMP_NUM_THREADS`` gives a process; None where it does not say."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(asked) if asked.isdecimal() and int(asked) else None


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, each as ``CUDA_VISIBLE_DEVICES`` names it."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return names.split(",")[:count] if names else [str(number) for number in range(count)]
