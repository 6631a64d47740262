"""Worker processes: the same bits as in one process, whatever dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from bench.execute.executors import environments_of
from bench.execute.processes import processes
from bench.execute.work import Assignment, Work
from tests.bench.execute.executing import LONG, ONCE, SECONDS, Matrix, children_of, wait_for
from tests.forked import Forked

TWO = ("--executor", "processes", "--jobs", "2")


def workers(parent: Forked) -> list[int]:
    """The worker processes of a command, by their numbers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, its_parent = path.read_text().rpartition(")")[2].split()[:2]
            command = path.with_name("cmdline").read_bytes()
            if int(its_parent) == parent.pid and b"spawn_main" in command and state != "Z":
                found.append(int(path.parent.name))
    return found


@pytest.fixture
def _imported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forked by a new interpreter that has imported what each of them would import."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.execute.worker", "torch._dynamo"])
    monkeypatch.setattr(multiprocessing, "get_context", lambda name: {"spawn": context}[name])


@pytest.mark.usefixtures("_imported_once")
def test_a_killed_worker_is_replaced_and_its_cell_goes_on(
    tmp_path: Path, slow: dict[str, bytes]
) -> None:
    matrix = Matrix(tmp_path)
    with matrix.braked():
        process = matrix.start("out", *LONG, *TWO)
        wait_for(lambda: len(matrix.checkpoints("out")) == 2, process)
        one, _ = children_of(children_of({process.pid}))
        os.kill(one, signal.SIGKILL)
    printed, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert printed.count("its worker process died (SIGKILL") == 1
    assert "4 finished, 0 finished before, 0 not available, 0 failed" in printed
    assert matrix.predictions("out") == slow
    assert len(slow) == 4
    assert sorted(matrix.attempts("out").values()) == [1, 1, 1, 2]
    assert list((tmp_path / "out" / ".status").iterdir()) == []
    # Lines of several trainings at once name theirs.
    assert printed.count("    tiny ce seed 1: iteration     24") == 1


@pytest.mark.slow
def test_a_stopped_parent_leaves_checkpoints_and_no_workers(
    tmp_path: Path, slow: dict[str, bytes]
) -> None:
    matrix = Matrix(tmp_path)
    with matrix.braked():
        process = matrix.start("out", *LONG, *TWO)
        wait_for(lambda: len(matrix.checkpoints("out")) == 2, process)
        before = workers(process)
        assert len(before) == 2
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 143
    assert errors.startswith("\nstopped by SIGTERM; go on with: bench run --all")
    assert len(errors.splitlines()) == 2
    assert not any(Path(f"/proc/{worker}").exists() for worker in before)
    assert len(matrix.checkpoints("out")) == 2
    assert "(goes on where it was interrupted)" in matrix.run("out", *LONG, *TWO)
    assert matrix.predictions("out") == slow


@pytest.mark.slow
def test_workers_end_with_a_killed_parent(tmp_path: Path, slow: dict[str, bytes]) -> None:
    matrix = Matrix(tmp_path)
    with matrix.braked():
        process = matrix.start("out", *LONG, *TWO)
        wait_for(lambda: len(matrix.checkpoints("out")) == 2, process)
        before = workers(process)
        process.kill()
        process.communicate(timeout=SECONDS)
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in before))
    matrix.run("out", *LONG, *TWO)
    assert matrix.predictions("out") == slow
    assert list((tmp_path / "out" / ".status").glob("*.workers")) == []


@pytest.mark.slow
def test_two_commands_share_a_folder(tmp_path: Path, slow: dict[str, bytes]) -> None:
    matrix = Matrix(tmp_path)
    with matrix.braked():
        both = [matrix.start("out", *LONG, *TWO), matrix.start("out", *LONG, *TWO)]
        wait_for(lambda: len(matrix.checkpoints("out")) == 3, both[0])
    for process in both:
        assert process.communicate(timeout=SECONDS)[1] == ""
        assert process.returncode == 0
    assert matrix.predictions("out") == slow
    assert matrix.attempts("out") == ONCE


FAILING = """
from pathlib import Path
import torch
from bench import register_model

class Failing(torch.nn.Module):
    def __init__(self, outputs, error, once):
        super().__init__()
        self.layer, self.steps = torch.nn.Linear(256, outputs), 0
        self.error, self.once = error, once

    def forward(self, x):
        self.steps += self.training
        if self.steps == 4 and not (self.once and Path(self.once).exists()):
            if self.once:
                Path(self.once).touch()
            raise RuntimeError(self.error)
        return self.layer(x.flatten(1))

@register_model("failing", description="fails in its fourth step")
def failing(*, in_channels, outputs, image_size, error="it is so", once=""):
    return Failing(outputs, error, once)
"""


@pytest.fixture
def failing(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "failing.py"
    path.write_text(FAILING)
    return "--plugin", str(path), "--set", "models=[failing, tiny]", "--seeds", "0"


@pytest.mark.slow
def test_a_cell_that_fails_is_kept_as_failed_and_others_go_on(
    tmp_path: Path, failing: tuple[str, ...]
) -> None:
    matrix = Matrix(tmp_path)
    printed = matrix.run("out", *TWO, *failing, code=1)
    assert "failing ce seed 0: FAILED: RuntimeError: it is so" in printed
    assert "3 finished, 0 finished before, 0 not available, 1 failed" in printed
    (error,) = (tmp_path / "out").glob("failing-ce-s0-*/error.txt")
    assert "RuntimeError: it is so" in error.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("once", ["", "marker"])
def test_a_fault_of_the_device_is_tried_once_more(
    tmp_path: Path, failing: tuple[str, ...], once: str
) -> None:
    matrix = Matrix(tmp_path)
    marker = tmp_path / once if once else ""
    options = (
        "--set", "model.options.failing.error='CUDA error: an illegal memory access'",
        "--set", f"model.options.failing.once='{marker}'", "--set", "train.validate_every=6",
    )  # fmt: skip
    printed = matrix.run("out", *TWO, *failing, *options, code=0 if once else 1)
    assert printed.count("illegal memory access; it is tried once more") == 1
    end = "4 finished, 0 finished before, 0 not available, 0 failed"
    assert (end if once else "1 failed") in printed
    assert matrix.attempts("out")["failing-ce-s0"] == 1  # no checkpoint: it begins anew


def test_a_worker_starts_with_the_variables_of_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def __init__(self, **_: object) -> None:
            pass

        def submit(self, *_: object) -> Future[None]:
            found.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
            return Future()

        def shutdown(self, **_: object) -> None:
            pass

    found: list[str | None] = []
    children = iter([[], ["its process"]])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("bench.execute.processes.ProcessPoolExecutor", Pool)
    monkeypatch.setattr(multiprocessing, "active_children", lambda: next(children))
    work, assignment = cast(Work, None), cast(Assignment[None], None)
    with processes(work, [{"CUDA_VISIBLE_DEVICES": "3"}]) as engine:
        assert engine.submit(assignment, avoid=None)[1] == "3"
    assert found == ["3"]
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_workers_share_the_cores_or_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("bench.execute.executors.processors", lambda: 8)
    assert environments_of("cpu", jobs=3) == [{"OMP_NUM_THREADS": "2"}] * 3
    assert environments_of("cpu", jobs=None) == [{"OMP_NUM_THREADS": "1"}] * 8
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert environments_of("cpu", jobs=3) == [{"OMP_NUM_THREADS": "4"}] * 3
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-7")
    assert environments_of("cuda", jobs=None) == [
        {"CUDA_VISIBLE_DEVICES": "5", "OMP_NUM_THREADS": "4"},
        {"CUDA_VISIBLE_DEVICES": "GPU-7", "OMP_NUM_THREADS": "4"},
    ]
