"""A training's state on disk, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

LAST = "last.pt"
BEST = "best.pt"
FIRST = "first.pt"


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
    """Whether a folder holds a training's last and best states, whole."""
    try:
        return all(load(folder / name, device=torch.device("cpu")) for name in (LAST, BEST))
    except Exception:
        # torch raises errors of many kinds on a damaged file.
        return False


class FirstWeights:
    """A network's initial weights, in a file until there is a checkpoint to go back to.

    On disk, since a copy in memory would be the larger for the networks that are short of it.

    Args:
        folder: the training's; the file is gone when the context ends.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FIRST

    def __enter__(self) -> FirstWeights:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def keep(self, network: nn.Module) -> None:
        """Write them; a crash of the machine may lose them, since it ends the training too."""
        torch.save(network.state_dict(), self._path)

    def drop(self) -> None:
        """They are not needed any more."""
        self._path.unlink(missing_ok=True)

    def restore(self, network: nn.Module) -> bool:
        """Give them back to the network; whether there are any."""
        state = load(self._path, device=torch.device("cpu"))
        if state is not None:
            network.load_state_dict(state)
        return state is not None
