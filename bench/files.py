"""The one way in which records are written."""

from __future__ import annotations

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a file whole: a killed process leaves the old one or none, never half of one.

    Args:
        path: in a folder that is there.
        text: kept as UTF-8.
    """
    # Several processes may write the same record at once, each through a file of its own.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(text.encode())  # nothing is left where the text is no UTF-8
    partial.replace(path)
