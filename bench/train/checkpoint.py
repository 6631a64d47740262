"""A training's state on disk, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.files import write_bytes

LAST = "last.pt"
BEST = "best.pt"
ASIDE = "last.damaged.pt"
"""A last state that cannot be resumed, kept for whoever wants to look at it."""
KEYS = frozenset(
    {
        "network", "average", "optimizer", "schedule", "history", "losses", "interval_seconds",
        "capture_seconds", "compile_seconds",
    }
)  # fmt: skip
"""Keys of a training's last state (:class:`bench.train.state.TrainingState`)."""


def save(state: dict[str, Any], path: Path) -> None:
    """Write a state whole and for certain: a reader sees the old file or the new one.

    Raises:
        DiskFullError: there is no room for it.
    """
    # In memory first: torch hides a full disk behind errors of its own.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getbuffer())


def load(path: Path, *, device: torch.device) -> dict[str, Any] | None:
    """Read a state onto a device; None where there is none.

    Only tensors and plain containers are read, so a checkpoint from elsewhere runs no code.
    """
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def load_best(network: nn.Module, folder: Path, *, device: torch.device) -> None:
    """Load the weights of a training's best validation into a network."""
    best = load(folder / BEST, device=device)
    assert best is not None, "the first validation writes it"
    network.load_state_dict(best["network"])


def resumable(folder: Path) -> bool:
    """Whether a folder holds a training's last state, and the best once there is one, both whole.

    Before the first validation there are no best weights.
    """
    cpu = torch.device("cpu")
    try:
        last = load(folder / LAST, device=cpu)
        if last is None or last.keys() != KEYS:
            return False
        best = load(folder / BEST, device=cpu) if last["history"] else {"network": {}}
        return best is not None and "network" in best
    except Exception:
        # torch raises errors of many kinds on a damaged file.
        return False
