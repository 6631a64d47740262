"""The C library's heap, from which networks on a CPU take their memory.

glibc maps every large block by itself, unmaps it when it is freed, and gives the free end of its
heap back (``mallopt(3)``): each training step asks the system for its activations and gradients
anew, and waits while the system fills every page with zeros. :func:`keep_freed_memory` ends that;
what it wins, and what memory it takes, is in ``results/speed``. No result changes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache

import torch

# Of <malloc.h>: the least free memory at the heap's end that is given back, and how many blocks
# are mapped by themselves at most.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = -1
# Who has set one of these knows better, or has put another allocator in glibc's place.
_SET_BY_USERS = (
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
)


def keep_freed_memory(device: torch.device) -> bool:
    """Before training on a CPU: what one step frees, this process keeps for the next one.

    It holds for the whole process to its end, and for memory that the main thread takes; blocks
    of over 64 MB in other threads are mapped by themselves all the same. What an earlier, larger
    network freed is given back first.

    Args:
        device: of the training; on any other than a CPU nothing is done.

    Returns:
        Whether it does: not under another C library than glibc, nor where the environment sets
        ``MALLOC_MMAP_MAX_``, ``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_TRIM_THRESHOLD_``,
        ``GLIBC_TUNABLES`` or ``LD_PRELOAD``.
    """
    if device.type != "cpu" or not _set_up():
        return False
    give_back()
    return True


def give_back() -> None:
    """Give what is free at present back to the system; does nothing without glibc."""
    malloc_trim = _function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))


@cache
def _set_up() -> bool:
    if any(name in os.environ for name in _SET_BY_USERS):
        return False
    mallopt = _function("mallopt")
    # Each answers 1 where it was done.
    return mallopt is not None and all(
        [mallopt(_M_MMAP_MAX, 0), mallopt(_M_TRIM_THRESHOLD, _NEVER)]
    )


def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where it has no such one, as outside Linux."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return function
