"""A fault of a store, what it needs, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.files import make_certain, make_folder

DAMAGED = "damaged"
"""Folder of what was set aside."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something in a store that is not as it should be.

    Attributes:
        name: of the run, record or file, as a path in the store.
        fault: what is wrong with it.
        need: what is to be done.
        mend: mends it and says what it did, or why it did nothing; None where nothing can be done
            without the user.
    """

    name: str
    fault: str
    need: str
    mend: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.fault}; {self.need}"


def move_aside(root: Path, path: Path) -> str:
    """Move a file or folder of a store to its ``damaged/``; nothing there is replaced.

    Args:
        root: of the store.
        path: in it.

    Returns:
        Where it is now, in words; for :attr:`Finding.mend`.
    """
    target = root / DAMAGED / path.relative_to(root)
    make_folder(target.parent)
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{path.name}-{number}")
    path.rename(target)
    for folder in (target.parent, path.parent):
        make_certain(folder)
    return f"moved to {target}"
