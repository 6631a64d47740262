"""Decoding begins while this process still loads torch, in a process beside it.

Loading torch, torchvision and timm takes seconds of one processor and holds Python's lock, so that
threads of this process would get little done. What the other process decodes meanwhile is a pixel
store, or the beginning of one, as an interrupted preparation leaves it:
:func:`bench.data.pixels.open_pixels` finds it, goes on there, and tells whatever is wrong.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from bench.config import DataConfig
from bench.data.opened import open_study, study_key
from bench.data.pixels import open_pixels
from bench.errors import InputError
from bench.processors import processors

# Modules are looked for where the asking process looks, and nowhere else: neither in the folder
# that it was started in nor where the environment points, whose files it may have passed over.
_CODE = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from bench.data.ahead import decode; decode()"
)


@contextmanager
def decoding_ahead(configs: Iterable[DataConfig], *, cache: Path) -> Iterator[None]:
    """Decode pixels that are not decoded yet, for as long as the context lasts and no longer.

    What was decoded stays, also where the command is refused later on: at the end up to two
    seconds' work are lost (:mod:`bench.data.unfinished`).

    Nothing is decoded ahead where torch is loaded already, where there is one processor, and of
    data sources of plugins, which the other process does not know.

    Args:
        configs: whose pixels, in this order.
        cache: folder of decoded pixels.
    """
    asked = {study_key(config): config for config in configs}
    wins_time = "torch" not in sys.modules and processors() > 1
    process = _start([*asked.values()], cache) if asked and wins_time else None
    try:
        yield
    finally:
        if process is not None:
            # At whatever it is: a store bears that.
            process.kill()
            process.communicate()


def _start(configs: list[DataConfig], cache: Path) -> subprocess.Popen[bytes] | None:
    """Start the other process; None where that cannot be done, since nothing depends on it."""
    if not sys.executable:
        return None  # Python is part of another program
    # Pickled, since a path need not be text that JSON can hold.
    request = pickle.dumps(sys.path) + pickle.dumps((configs, cache))
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(request)
        process.stdin.flush()
    return process


def decode() -> None:
    """What the other process does: decode what standard input asks for.

    It ends when standard input does, so that it never outlives the one that asked.
    """
    configs, cache = pickle.load(sys.stdin.buffer)
    Thread(target=_end_with_input, daemon=True).start()
    for config in configs:
        # The one that asked finds the same and tells it.
        with suppress(InputError):
            open_pixels(
                open_study(config),
                image_size=config.image_size,
                cache=cache,
                workers=max(1, processors() - 1),  # one of them loads torch
            )


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
