"""Executors that cannot be had here say so before anything is prepared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.config import TrainConfig
from bench.errors import InputError
from bench.execute.executors import Executor
from bench.execute.work import describe_work
from bench.runs.store import Store

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_slurm_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="there is no sbatch"):
        Executor(name="slurm").check([TrainConfig()], device=CPU)
    with pytest.raises(InputError, match="--address somewhere"):
        Executor(name="slurm", address="somewhere").check([TrainConfig()], device=CPU)
    Executor(name="slurm", address="local").check([TrainConfig()], device=CPU)


def test_a_worker_with_one_gpu_takes_no_training_on_two() -> None:
    two = TrainConfig(devices=2)
    with pytest.raises(InputError, match="devices=2: a worker"):
        Executor(name="processes").check([TrainConfig(), two], device=CUDA)
    Executor(name="processes").check([TrainConfig(), two], device=CPU)
    Executor().check([two], device=CUDA)


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        (Executor(name="processes", jobs=0), "jobs=0: give at least one"),
        (Executor(jobs=2), "jobs are for other workers"),
        (
            Executor(name="processes", address="auto"),
            "an address is for --executor ray and slurm",
        ),
        (Executor(name="procesess"), "'procesess' is not known: write one of local, processes"),  # type: ignore[arg-type]
    ],
)
def test_executors_that_make_no_sense(executor: Executor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        executor.check([TrainConfig()], device=CPU)


def test_a_worker_refuses_another_folder_of_the_same_path(tmp_path: Path) -> None:
    work = replace(describe_work(out=tmp_path, device="cpu"), folder=Store(tmp_path).make_id())
    work.begin()
    (tmp_path / ".id").write_text("another")
    with pytest.raises(InputError, match="is not the same folder on"):
        work.begin()


@pytest.mark.parametrize("asked", ["4", "4,2"])
def test_threads_are_those_that_were_asked_for(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    from bench.execute.executors import threads_asked

    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads_asked() == 4
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads_asked() is None
