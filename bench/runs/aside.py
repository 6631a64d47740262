"""Files and runs that are moved out of a store's way, and never deleted."""

from __future__ import annotations

from pathlib import Path

from bench.files import make_certain, make_folder

DAMAGED = "damaged"
"""Folder of what ``bench doctor --repair`` set aside."""
REMOVED = "removed"
"""Folder of what ``bench runs remove`` took out."""
ASIDE = (DAMAGED, REMOVED)


def move_aside(root: Path, path: Path, *, to: str) -> Path:
    """Move a file or folder of a store to a folder of it; nothing there is replaced.

    Args:
        to: name of the folder, one of :data:`ASIDE`.
    """
    target = root / to / path.relative_to(root)
    make_folder(target.parent)
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{path.name}-{number}")
    path.rename(target)
    for folder in (target.parent, path.parent):
        make_certain(folder)
    return target
