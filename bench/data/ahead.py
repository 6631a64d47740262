"""Decoding begins while this process still loads torch, in a process beside it.

Loading torch, torchvision and timm takes seconds of one processor and holds Python's lock, so that
threads of this process would get little done. What the other process decodes meanwhile is a pixel
store, or the beginning of one, as an interrupted preparation leaves it:
:func:`bench.data.pixels.open_pixels` finds it, goes on there, and tells whatever is wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from bench.config import DataConfig
from bench.errors import InputError
from bench.registry import DATASETS

# What a store of pixels depends on.
_OF_PIXELS = {"source", "root", "image_size", "options"}


@contextmanager
def decoding_ahead(configs: Iterable[DataConfig], *, cache: Path) -> Iterator[None]:
    """Decode pixels that are not decoded yet, for as long as the context lasts and no longer.

    Nothing is decoded ahead where torch is loaded already, where there is one processor, and of
    data sources of plugins, which the other process does not know.

    Args:
        configs: whose pixels, in this order.
        cache: folder of decoded pixels.
    """
    asked = dict.fromkeys(config.model_dump_json(include=_OF_PIXELS) for config in configs)
    worthwhile = asked and "torch" not in sys.modules and (os.cpu_count() or 1) > 1
    process = _start([str(cache), *asked]) if worthwhile else None
    try:
        yield
    finally:
        if process is not None:
            # At whatever it is: a store bears that.
            process.kill()
            process.communicate()


def _start(request: list[str]) -> subprocess.Popen[str] | None:
    """Start the other process; None where that cannot be done, since nothing depends on it."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from bench.data.ahead import decode; decode()"],
            # Where this process found its modules: not in the folder that it was started in.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return None
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        print(json.dumps(request), file=process.stdin, flush=True)
    return process


def decode() -> None:
    """What the other process does: decode what a line of standard input asks for.

    It ends when standard input does, so that it never outlives the one that asked.
    """
    # Not above: the one that asks starts this process before it has loaded these itself.
    from bench.data.pixels import open_pixels

    cache, *asked = json.loads(sys.stdin.readline())
    Thread(target=_end_with_input, daemon=True).start()
    for each in asked:
        config = DataConfig.model_validate_json(each)
        # The one that asked finds the same and tells it.
        with suppress(InputError):
            study = DATASETS.get(config.source).open(
                root=config.root, image_size=config.image_size, options=dict(config.options)
            )
            open_pixels(
                study,
                image_size=config.image_size,
                cache=Path(cache),
                workers=max(1, (os.cpu_count() or 1) - 1),  # one processor loads torch
            )


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)
