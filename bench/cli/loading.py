"""Importing what is large without looking for garbage in it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Around the imports of a command, in a process of its own.

    torch and timm make half a million objects that live as long as the process. Python would
    look through the growing heap for garbage again and again while they load, which takes a
    twelfth of the seconds to the first step, and through all of it at every full look later on:
    here it looks when they are loaded, and leaves out what is there by then, the few megabytes
    of garbage that importing made included.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
