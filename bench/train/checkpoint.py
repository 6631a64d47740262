"""A training's state on disk, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

LAST = "last.pt"
BEST = "best.pt"


def save(state: dict[str, Any], path: Path) -> None:
    """Write a state atomically: a reader sees the old file or the new one, never a part."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(path: Path, *, device: torch.device) -> dict[str, Any] | None:
    """Read a state onto a device; None where there is none.

    Only tensors and plain containers are read, so a checkpoint from elsewhere runs no code.
    """
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def resumable(folder: Path) -> bool:
    """Whether a folder holds a training's last and best states, both intact."""
    try:
        return all(load(folder / name, device=torch.device("cpu")) for name in (LAST, BEST))
    except Exception:
        # torch raises errors of many kinds on a damaged file.
        return False
