"""Workers that are tasks of a Ray cluster, a running one or one that starts on this machine."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench import signals
from bench.config.schema import ExecutionConfig
from bench.errors import InputError
from bench.execute.dispatch import NoRoom
from bench.execute.matrix import DeviceFault, WorkerDiedError
from bench.execute.work import Assignment, Work

T = TypeVar("T")
MOST_WAITING = 100
"""Tasks that the cluster knows of at once, so that a growing one sees what there is to do."""
SECONDS_TO_STOP = 60.0
SECONDS_TO_ANSWER = 1.0


@dataclass(kw_only=True)
class RayTasks:
    """An :class:`bench.execute.dispatch.Engine` of tasks, such as cells.

    Ray keeps the workers' processes, so that they are warm. Its own retries are off: a cell is
    given out again by this process, which knows whether it got further.
    """

    task: Any
    resources: Mapping[str, float]
    work: Any
    jobs: int
    # The reference of each task's answer.
    running: dict[Future[Any], Any] = field(default_factory=dict)

    def submit(self, assignment: Assignment[T], *, avoid: object) -> tuple[Future[T], object]:
        """See :class:`bench.execute.dispatch.Engine`; a place is the id of a node."""
        if len(self.running) >= self.jobs:
            raise NoRoom
        task = self.task
        if isinstance(avoid, str) and _nodes_with(self.resources) - {avoid}:
            task = task.options(label_selector={"ray.io/node-id": f"!{avoid}"})
        reference, answer = task.remote(self.work, assignment), Future[T]()
        self.running[answer] = reference
        reference.future().add_done_callback(lambda done: self._answer(done, answer))
        return answer, None

    def _answer(self, done: Future[T], answer: Future[T]) -> None:
        self.running.pop(answer, None)
        error = done.exception()
        if error is None:
            answer.set_result(done.result())
        else:
            answer.set_exception(_meant(error))

    def stop(self) -> None:
        """Let every worker keep a checkpoint and end its task, and wait for that."""
        import ray

        running = dict(self.running)
        for reference in running.values():
            ray.cancel(reference, force=False)
        wait(running, SECONDS_TO_STOP)


def _nodes_with(resources: Mapping[str, float]) -> set[str]:
    """The nodes that have the resources of a cell, free or not."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return {
        node["NodeID"]
        for node in nodes
        if node["Alive"]
        and all(node["Resources"].get(name, 0.0) >= value for name, value in resources.items())
    }


def _meant(error: BaseException) -> BaseException:
    """The error that a task raised, or that its worker died."""
    from ray.exceptions import RayError, RayTaskError

    if isinstance(error, RayTaskError):
        return error.cause if isinstance(error.cause, Exception) else error
    if isinstance(error, RayError):
        return WorkerDiedError(f"its worker on the cluster died ({type(error).__name__})")
    return error


@contextmanager
def ray_tasks(
    work: Work, *, address: str | None, jobs: int | None, resources: ExecutionConfig
) -> Iterator[RayTasks]:
    """The workers of a cluster, which this process joins meanwhile.

    Nothing of Ray is printed, it has no dashboard, and it sends no figures of its use anywhere.

    Args:
        work: of their command; its threads are the CPUs of a task.
        address: of a running cluster; None starts one on this machine.
        jobs: tasks at most at once; None is as many as there are resources for.
    """
    import ray

    cpus, gpus = work.threads or 1, resources.gpus
    if gpus is None:
        gpus = 1.0 if work.device == "cuda" else 0.0
    wanted: dict[str, float] = {"CPU": cpus, "GPU": gpus}
    if resources.memory_gb is not None:
        wanted["memory"] = int(resources.memory_gb * 1e9)
    with _joined(address, cpus=None if jobs is None else jobs * cpus):
        if not _nodes_with(wanted):
            asked = ", ".join(f"{name} {value:g}" for name, value in wanted.items() if value)
            raise InputError(
                f"no node of the Ray cluster has what a cell asks for ({asked}): ask for less by "
                "execution.cpus, gpus and memory_gb, or by OMP_NUM_THREADS"
            )
        # A process keeps the GPU that it saw first, and Ray may give the next task another one.
        task: Any = ray.remote(max_calls=1 if gpus else 0, max_retries=0)(_run).options(
            num_cpus=cpus, num_gpus=gpus, memory=wanted.get("memory")
        )
        engine = RayTasks(
            task=task, resources=wanted, work=ray.put(work), jobs=jobs or MOST_WAITING
        )
        try:
            yield engine
        except BaseException:
            engine.stop()
            raise


@contextmanager
def _joined(address: str | None, *, cpus: int | None) -> Iterator[None]:
    """Be part of a cluster; the signals of this process stay its own."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Workers of a cluster that starts here are as important as this process is.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # A worker without a GPU is not to hide those of the machine from a task that wants the CPU.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in signals.STOPPING}
    try:
        ray.init(
            address=address or "local",
            include_dashboard=False if address is None else None,
            num_cpus=cpus if address is None else None,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"no Ray cluster at {address!r} ({str(error).splitlines()[0]}): start one with "
            "`ray start --head`, or leave --address out"
        ) from None
    finally:
        for number, handler in handlers.items():
            with suppress(ValueError):  # outside the main thread nothing was changed
                signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def _run(work: Work, assignment: Assignment[T]) -> T:
    import ray

    from bench.execute.worker import run_assignment

    try:
        return run_assignment(work, assignment)
    except DeviceFault as fault:
        # After an error of CUDA a process can do no more with the device: it ends when the answer
        # is away.
        threading.Timer(SECONDS_TO_ANSWER, os._exit, [1]).start()
        raise DeviceFault(str(fault), place=ray.get_runtime_context().get_node_id()) from None
