"""A fault of a store, what it needs, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.runs.aside import DAMAGED, move_aside


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


def set_aside(root: Path, path: Path) -> str:
    """Move a file or folder of a store to its ``damaged/``.

    Args:
        root: of the store.
        path: in it.

    Returns:
        Where it is now, in words; for :attr:`Finding.mend`.
    """
    return f"moved to {move_aside(root, path, to=DAMAGED)}"
