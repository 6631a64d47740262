"""The store that the tests of the report write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.report.runs import Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages have no pictures, which take most of their time."""
    monkeypatch.setattr("bench.report.html.page.pictures", lambda _: [])
