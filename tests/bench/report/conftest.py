"""The store that the tests of the report write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.report.runs import Runs

EMPTY = "data:image/svg+xml;base64,"


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's pictures are empty, but for their words: drawing takes most of its time."""
    monkeypatch.setattr("bench.report.figures.picture._address", lambda _: EMPTY)
