"""Importing what is large: with few looks for garbage in it, and images decoded meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.config import Experiment

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


@contextmanager
def loading_while_decoding(experiment: Experiment) -> Iterator[None]:
    """As :func:`loading`, while the experiment's images are decoded (:mod:`bench.data.ahead`).

    Raises:
        InputError: it names something unknown; nothing has been decoded then.
    """
    with loading():
        from bench.cache import pixel_cache
        from bench.config import expand
        from bench.data.ahead import decoding_ahead
        from bench.lookup import check_names

        plain = expand(experiment)
        for one in plain:
            check_names(one)
        with decoding_ahead([one.data for one in plain], cache=pixel_cache()):
            yield
