"""Predictions that every executor has to give."""

from __future__ import annotations

import pytest
import torch

from tests.bench.execute.executing import LONG, Matrix
from tests.faults.process import bench_command


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Predictions of the trainings of ``LONG``, made in one process without the brake."""
    matrix = Matrix(tmp_path_factory.mktemp("reference"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ended = bench_command(*matrix.arguments("local", *LONG), folder=matrix.folder)
    torch.set_num_threads(threads)
    assert ended.code == 0, ended.output
    return matrix.predictions("local")
