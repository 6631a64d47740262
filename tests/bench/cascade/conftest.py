"""The store that the tests of the cascade write to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bench.cascade.by_hand import add_by_hand, new_store
from tests.bench.cascade.stage_runs import StageRuns


@pytest.fixture
def empty(tmp_path: Path) -> StageRuns:
    return new_store(tmp_path)


@pytest.fixture(scope="package")
def _by_hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("by_hand")
    add_by_hand(new_store(root))
    return root


@pytest.fixture
def runs(_by_hand: Path, tmp_path: Path) -> StageRuns:
    """With the runs of the table in ``by_hand``."""
    shutil.copytree(_by_hand, tmp_path, dirs_exist_ok=True)
    return new_store(tmp_path)
