"""Contact sheets take most of the time of these tests: only some of them want one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.contact_sheet import draw_sheet


@pytest.fixture(autouse=True)
def no_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contact sheets are empty files."""

    def touch(_rows: object, _pixels: object, path: Path, *, images: int) -> int:
        path.touch(exist_ok=False)
        return images

    monkeypatch.setattr("bench.data.make.make.draw_sheet", touch)


@pytest.fixture
def small_sheets(no_sheets: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 -- after
    """Contact sheets are drawn, of two images."""
    monkeypatch.setattr("bench.data.make.make.draw_sheet", draw_sheet)
    monkeypatch.setattr("bench.data.make.make.SHEET_IMAGES", 2)
