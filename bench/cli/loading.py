"""Importing what is large, with few looks for garbage in it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# So many new objects before a look for garbage among them, and never one among older objects.
_NEW_OBJECTS, _NEVER = 100_000, 1_000_000


@contextmanager
def loading() -> Iterator[None]:
    """Around the imports of a command, in a process of its own.

    torch and timm make half a million objects that live as long as the process. Python would
    look through the growing heap for garbage again and again while they load, which takes a
    twelfth of the seconds to the first step, and through all of it at every full look later on:
    here it looks at what is new alone, whose garbage would keep nine megabytes, and leaves out
    of every later look what is there by the end.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, _NEVER, _NEVER)
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*thresholds)
