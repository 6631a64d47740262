"""An array of jobs by submitit's local executor, preempted in the middle of trainings."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bench.execute.executing import LONG, SECONDS, Matrix, wait_for

pytest.importorskip("submitit", reason="submitit is not installed")

ARRAY = ("--executor", "slurm", "--address", "local")


def tasks(folder: Path) -> list[int]:
    """The processes of an array's jobs whose files are below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = path.read_bytes()
            if b"submitit.core._submit" in command and os.fsencode(folder) in command:
                found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_preempted_jobs_go_on(tmp_path: Path, slow: dict[str, bytes], jobs: int) -> None:
    matrix = Matrix(tmp_path)
    with matrix.braked():
        process = matrix.start("out", *LONG, *ARRAY, "--jobs", str(jobs))
        wait_for(lambda: len(matrix.checkpoints("out")) == jobs, process)
        for task in tasks(tmp_path):
            os.kill(task, signal.SIGUSR2)  # as Slurm does before it takes the machine away
    printed, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed + errors
    assert printed.count("(goes on where it was interrupted)") == jobs
    assert "4 finished, 0 finished before, 0 not available, 0 failed" in printed
    assert matrix.predictions("out") == slow
    assert sorted(matrix.attempts("out").values()) == [1] * (4 - jobs) + [2] * jobs


@pytest.mark.slow
def test_a_stopped_parent_ends_its_jobs(tmp_path: Path, slow: dict[str, bytes]) -> None:
    matrix = Matrix(tmp_path)
    with matrix.braked():
        process = matrix.start("out", *LONG, *ARRAY, "--jobs", "2")
        wait_for(lambda: len(matrix.checkpoints("out")) == 2, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 143
    assert tasks(tmp_path) == []
    assert "(goes on where it was interrupted)" in matrix.run("out", *LONG, *ARRAY, "--jobs", "2")
    assert matrix.predictions("out") == slow


KILLING = """
import os, signal
import torch
from bench import register_model

class Killing(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.layer, self.steps = torch.nn.Linear(256, outputs), 0

    def forward(self, x):
        self.steps += self.training
        if self.steps == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.layer(x.flatten(1))

@register_model("killing", description="kills its process in its second step")
def killing(*, in_channels, outputs, image_size):
    return Killing(outputs)
"""


@pytest.mark.slow
def test_a_cell_that_kills_its_job_fails_alone(tmp_path: Path) -> None:
    plugin = tmp_path / "killing.py"
    plugin.write_text(KILLING)
    matrix = Matrix(tmp_path)
    more = ("--plugin", str(plugin), "--set", "models=[killing, tiny]", "--seeds", "0")
    printed = matrix.run("out", *ARRAY, "--jobs", "1", *more, code=1)
    assert printed.count("FAILED: its job died") == 1, printed
    assert "3 finished, 0 finished before, 0 not available, 1 failed" in printed
