"""A run on real radiographs with a control beside it, whose network is forgotten afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import bench
from bench.evaluate.results import Results
from bench.runs.run import Run
from bench.runs.store import Store
from tests.bench.export.real_runs import forget_small, kermany_part, train


@pytest.fixture(autouse=True, scope="package")
def _small_forgotten() -> Iterator[None]:
    yield
    forget_small()


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network's run."""
    folder = tmp_path_factory.mktemp("card")
    trained = train(kermany_part(folder / "data"), folder / "runs")
    return Store(trained.parent).run(trained.name)


@pytest.fixture(scope="package")
def results(run: Run) -> Results:
    """All results of its folder."""
    return bench.load_results(run.folder.parent)
