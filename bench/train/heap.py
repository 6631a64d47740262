"""The C library's heap, from which networks on a CPU take their memory.

glibc maps every large block by itself, unmaps it when it is freed, and gives the free end of its
heap back (``mallopt(3)``): each training step asks the system for its activations and gradients
anew, and waits while the system fills every page with zeros. :func:`keep_freed_memory` ends that;
what it wins is in ``results/speed``. No number changes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache

# Of <malloc.h>: the least free memory at the heap's end that is given back, and how many blocks
# are mapped by themselves at most.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1  # the largest int
# Who has set one of these knows better.
_USERS = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


@cache
def keep_freed_memory() -> bool:
    """From now on, memory that is freed stays with this process, for the next step.

    Returns:
        Whether it does: not under another C library than glibc, nor where the environment sets
        ``MALLOC_MMAP_MAX_``, ``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_TRIM_THRESHOLD_`` or
        ``GLIBC_TUNABLES``.
    """
    if any(name in os.environ for name in _USERS):
        return False
    mallopt = _function("mallopt")
    # Each answers 1 where it was done.
    return mallopt is not None and all(
        [mallopt(_M_MMAP_MAX, 0), mallopt(_M_TRIM_THRESHOLD, _NEVER)]
    )


def give_back() -> None:
    """Give what is free at present back to the system; does nothing without glibc."""
    malloc_trim = _function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where it has no such one, as outside Linux."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return function
