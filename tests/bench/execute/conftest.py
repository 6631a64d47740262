"""Predictions that every executor has to give."""

from __future__ import annotations

import pytest

from tests.bench.execute.executing import SLOW, Matrix


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Predictions of the slower trainings, made in one process."""
    matrix = Matrix(tmp_path_factory.mktemp("reference"))
    matrix.run("local", *SLOW)
    return matrix.predictions("local")
