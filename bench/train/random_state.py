"""torch's global random state, which initialisation and dropout draw from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """Leaves the caller's own random state as it was, on the CPU and on the device.

    No other device is looked at: that would make a context, and take memory, on every one.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
