"""A fault of a store, what it needs, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.runs.aside import DAMAGED, move_aside


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something in a store that is not as it should be."""

    name: str  # of the run, record or file, as a path in the store
    fault: str  # what is wrong with it
    need: str  # what is to be done
    # Mends it and says what it did, or why it did nothing; None where nothing can be done without
    # the user.
    mend: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.fault}; {self.need}"


def set_aside(root: Path, path: Path) -> str:
    """Move a file or folder of a store to its ``damaged/``, and say where it is."""
    return f"moved to {move_aside(root, path, to=DAMAGED)}"
