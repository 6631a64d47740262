"""The store that the tests of the cascade write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.cascade.by_hand import new_store
from tests.bench.cascade.stage_runs import StageRuns


@pytest.fixture
def runs(tmp_path: Path) -> StageRuns:
    return new_store(tmp_path)
