"""Commands in processes of their own that are forked: a second each, since torch is there already.

A process of :func:`start_bench` is used as one of :class:`subprocess.Popen` is. It inherits what
the test has patched, and that ``fsync`` does nothing (``tests/conftest.py``).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

# Modules that the commands need are loaded before they are forked.
import alembic.command  # noqa: F401
import optuna.storages._rdb.models  # noqa: F401
import sklearn.compose
import sklearn.impute
import sklearn.linear_model
import sklearn.pipeline
import sklearn.preprocessing  # noqa: F401
import timm.optim  # noqa: F401
import torch
import torch.utils.flop_counter

import bench.cascade.assemble
import bench.evaluate.load
import bench.execute.processes
import bench.registry.builtin_datasets
import bench.report
import bench.tuning  # noqa: F401
from bench.cli.main import run
from bench.registry import DATASETS, LOSSES, MODELS, Registry
from bench.registry.core import comes_from_plugin
from bench.registry.plugins import PLUGIN_PREFIX

HARNESS_FAILED = 70
"""Exit code of a process in which something else than the command ended."""


def fork(command: Callable[[], object], *, stdout: int, stderr: int) -> int:
    """Run a command in a process and a session of its own.

    Args:
        command: what is run; it ends by ``SystemExit``, as a console script does.
        stdout, stderr: file descriptors of its streams.

    Returns:
        The id of the process.
    """
    with warnings.catch_warnings():
        # Of Python 3.12: other threads could hold locks. Those here wait for pytest's orders.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = HARNESS_FAILED
    try:
        os.setsid()
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@dataclass
class Forked:
    """A process under way, with the attributes and methods of :class:`subprocess.Popen` in use."""

    pid: int
    stdout: TextIO
    stderr: TextIO
    returncode: int | None = None
    _readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2))

    def poll(self) -> int | None:
        """Its exit code, that of a killed one minus the signal; None while it runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end and for what it and its children print, on each stream."""
        deadline = time.monotonic() + timeout
        streams = [self._readers.submit(file.read) for file in (self.stdout, self.stderr)]
        try:
            wait(streams, timeout)
            assert all(each.done() for each in streams), f"it still runs after {timeout} s"
        except BaseException:
            os.killpg(self.pid, signal.SIGKILL)  # the readers, and so pytest's end, wait for it
            raise
        printed, errors = (each.result() for each in streams)
        while self.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self._readers.shutdown()
        self.stdout.close()
        self.stderr.close()
        return printed, errors

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


def start(command: Callable[[], object]) -> Forked:
    """Start a command that prints into pipes, and knows no plugin."""

    def alone() -> None:
        _forget_plugins()
        command()

    ends = [os.pipe() for _ in range(2)]
    pid = fork(alone, stdout=ends[0][1], stderr=ends[1][1])
    for _, write in ends:
        os.close(write)
    stdout, stderr = (os.fdopen(read, encoding="utf-8") for read, _ in ends)
    return Forked(pid, stdout, stderr)


def start_bench(*arguments: object, cwd: Path | None = None) -> Forked:
    """Start ``bench`` with one thread, as ``OMP_NUM_THREADS=1 bench …`` does."""

    def command() -> None:
        os.environ["OMP_NUM_THREADS"] = "1"
        torch.set_num_threads(1)
        if cwd is not None:
            os.chdir(cwd)
        sys.argv = ["bench", *map(str, arguments)]
        try:
            run()
        finally:
            # As at an interpreter's end: pools end their threads, and give semaphores back.
            threading._shutdown()  # type: ignore[attr-defined]
            gc.collect()

    return start(command)


def _forget_plugins() -> None:
    """Be as a process that has loaded none; those of other tests are passed on to workers."""
    for name in [name for name in sys.modules if name.startswith(PLUGIN_PREFIX)]:
        del sys.modules[name]
    registries: tuple[Registry[Any], ...] = (MODELS, LOSSES, DATASETS)
    for registry in registries:
        for entry in [entry for entry in registry if comes_from_plugin(entry.source)]:
            registry.remove(entry.name)
