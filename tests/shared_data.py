"""The folder of the real radiographs that some tests read; they are no part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared(name: str) -> Path:
    """The folder ``../shared/data/NAME`` beside the checkout, or a skip with the reason."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"real radiographs absent: no ../shared/data/{name} beside the checkout")
    return folder
