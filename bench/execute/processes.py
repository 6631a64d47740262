"""Workers that are processes of this machine, one a GPU or so many on its cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import TypeVar

from bench import signals
from bench.execute.dispatch import NoRoom
from bench.execute.matrix import DeviceFault, WorkerDiedError
from bench.execute.work import Assignment, Work

T = TypeVar("T")
SECONDS_TO_END = 10.0
"""Time after which an idle worker that was asked to end is ended by force."""


@dataclass(kw_only=True)
class _Slot:
    """Room for one worker."""

    environment: Mapping[str, str]
    # Of its one process; None before it starts, and after it died.
    pool: ProcessPoolExecutor | None = None
    process: BaseProcess | None = None
    is_busy: bool = False

    @property
    def place(self) -> str:
        """The GPU that its worker has, or a name of its own."""
        return self.environment.get("CUDA_VISIBLE_DEVICES", f"slot {id(self)}")


@dataclass(kw_only=True)
class Processes:
    """An :class:`bench.execute.dispatch.Engine` of worker processes.

    A process starts with the first assignment for its slot, and is replaced where it dies. It ends
    with a checkpoint when this process is gone, however that ended.
    """

    work: Work
    slots: Sequence[_Slot] = field(repr=False)

    def submit(self, assignment: Assignment[T], *, avoid: object) -> tuple[Future[T], object]:
        """See :class:`bench.execute.dispatch.Engine`; a place is a GPU, or the slot itself."""
        is_only_place = len({slot.place for slot in self.slots}) == 1
        free = [slot for slot in self.slots if not slot.is_busy]
        slot = next((each for each in free if is_only_place or each.place != avoid), None)
        if slot is None:
            raise NoRoom
        answer = Future[T]()
        try:
            future = self._submit(slot, assignment)
        except BrokenProcessPool:  # it died while it had nothing to do
            slot.pool = None
            future = self._submit(slot, assignment)
        slot.is_busy = True
        future.add_done_callback(lambda done: _answer(slot, done, answer))
        return answer, slot.place

    def _submit(self, slot: _Slot, assignment: Assignment[T]) -> Future[T]:
        if slot.pool is None:
            before = multiprocessing.active_children()
            slot.pool = ProcessPoolExecutor(
                max_workers=1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
            )
            with _variables(slot.environment), signals.blocked():
                future = slot.pool.submit(_run, self.work, assignment)
            (slot.process,) = set(multiprocessing.active_children()) - set(before)
            return future
        return slot.pool.submit(_run, self.work, assignment)

    def stop(self) -> None:
        """Let every worker keep a checkpoint and end, and wait for that."""
        processes = [slot.process for slot in self.slots if slot.process is not None]
        for process in processes:
            process.terminate()
        for slot in self.slots:  # one that just answered is to wait for nothing more
            if slot.pool is not None:
                slot.pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.join()

    def close(self) -> None:
        """End the workers, which have nothing to do."""
        for slot in self.slots:
            if slot.pool is not None:
                slot.pool.shutdown(wait=True, cancel_futures=True)
                slot.pool = slot.process = None


def _answer(slot: _Slot, done: Future[T], answer: Future[T]) -> None:
    """Pass a worker's answer on, and let go of a worker that is not to go on."""
    error = done.exception()
    if isinstance(error, BrokenProcessPool):
        assert slot.process is not None
        error = WorkerDiedError(f"its worker process died ({_how_it_ended(slot.process)})")
    if isinstance(error, WorkerDiedError | DeviceFault):
        # After an error of CUDA a process can do no more with the device.
        if slot.pool is not None:
            slot.pool.shutdown(wait=False)
        slot.pool = slot.process = None
    slot.is_busy = False
    if error is None:
        answer.set_result(done.result())
    else:
        answer.set_exception(error)


def _how_it_ended(process: BaseProcess) -> str:
    process.join(SECONDS_TO_END)
    code = process.exitcode
    if code is None:
        return "it does not say how"
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"{name}, as where memory runs out" if name == "SIGKILL" else name


@contextmanager
def processes(work: Work, environments: Sequence[Mapping[str, str]]) -> Iterator[Processes]:
    """Worker processes, one for each set of variables.

    Args:
        environments: variables that each process starts with, such as ``CUDA_VISIBLE_DEVICES``.
    """
    engine = Processes(work=work, slots=[_Slot(environment=each) for each in environments])
    try:
        yield engine
    except BaseException:
        engine.stop()
        raise
    finally:
        engine.close()


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for a process that starts meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin() -> None:
    """Make a new process a worker: SIGTERM alone stops it, and so does its parent's end.

    Of a signal to the whole group (Ctrl-C, a closed terminal) the parent takes care.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _run(work: Work, assignment: Assignment[T]) -> T:
    from bench.execute.worker import run_assignment  # imports torch, with the slot's variables

    try:
        return run_assignment(work, assignment)
    except signals.Stopped as stopped:
        os._exit(stopped.exit_code)  # the pool would take it for an answer
