"""The command line as a user has it: an argument list, two streams and an exit code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.cli.main import run
from bench.registry import DATASETS, LOSSES, MODELS, Registry
from bench.registry.plugins import PLUGIN_PREFIX
from tests.bench.report.conftest import nothing_drawn  # noqa: F401
from tests.forked import Forked

# A matrix of seconds: 120 synthetic images and a network of one convolution.
TINY = (
    "--set", "data.options.images=120",
    "--set", "data.image_size=32",
    "--set", "train.max_iterations=4",
    "--set", "train.validate_every=2",
    "--set", "train.batch_size=8",
    "--set", "controls=[prior]",
    "--set", "model.options.cxnet_m1.conv4_kernel=1",  # 97 % of its weights
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


def assert_refused(outcome: Outcome, *parts: str) -> None:
    """Exit code 2, and one line on standard error with all the parts."""
    assert (outcome.code, outcome.out) == (2, ""), outcome
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.err.startswith("error: ")
    for part in parts:
        assert part in outcome.err


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Calls the console script's function in this process, in the test's own folder.

    Whatever a plugin registers is forgotten after each call, as it is between two processes.
    """
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        capsys.readouterr()
        with _plugins_forgotten(), pytest.raises(SystemExit) as stopped:
            run()
        printed = capsys.readouterr()
        code = stopped.value.code
        assert code is None or isinstance(code, int)
        return Outcome(code=code or 0, out=printed.out, err=printed.err)

    return call


@pytest.fixture
def tiny_runs(
    bench: Command, tiny_plugin: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[object, ...]:
    """A finished matrix in ``results/runs``, trained once for all tests: its command.

    It has ``tiny`` with cross-entropy, and the control ``prior``.
    """
    command = ("run", "tiny", "--loss", "ce", "--plugin", tiny_plugin, *TINY)
    kept = tmp_path_factory.getbasetemp() / "tiny runs"
    if kept.exists():
        shutil.copytree(kept, "results/runs")
    else:
        outcome = bench(*command)
        assert outcome.code == 0, outcome.err
        shutil.copytree("results/runs", kept)
    return command


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many threads as a process that was started: sums depend on it in the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def start_fresh(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """Start ``python -m bench``, which imports what it needs."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str] | Forked) -> Outcome:
    """Wait for a process that was started."""
    out, err = process.communicate(timeout=120)
    assert process.returncode is not None
    return Outcome(code=process.returncode, out=out, err=err)


@contextmanager
def _plugins_forgotten() -> Iterator[None]:
    registries: tuple[Registry[Any], ...] = (MODELS, LOSSES, DATASETS)
    before = [{entry.name for entry in registry} for registry in registries]
    try:
        yield
    finally:
        for registry, names in zip(registries, before, strict=True):
            for name in {entry.name for entry in registry} - names:
                registry.remove(name)
        for module in [name for name in sys.modules if name.startswith(PLUGIN_PREFIX)]:
            del sys.modules[module]
