"""The user's cache folder, and small facts kept there because they are slow to find out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.files import write_text


def cache_dir() -> Path:
    """The cache folder: everything in it can be made again.

    ``$CXNET_BENCH_CACHE``, else ``$XDG_CACHE_HOME/cxnet-bench``, else ``~/.cache/cxnet-bench``.
    It may not be there yet.
    """
    if own := os.environ.get("CXNET_BENCH_CACHE"):
        return Path(own).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "cxnet-bench"


def pixel_cache() -> Path:
    """The folder of decoded pixels (:mod:`bench.data.pixel_store`); it may not be there yet."""
    return cache_dir() / "pixels"


def read_facts(name: str) -> Mapping[str, Any]:
    """The facts that :func:`add_facts` wrote under a name; none if they cannot be read.

    A file is read once a process, until it changes: a matrix asks for these facts at each cell.
    """
    path = facts_file(name)
    try:
        status = path.stat()
        return _parse(path, status.st_mtime_ns, status.st_size, status.st_ino)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=8)
def _parse(path: Path, *_stamp: int) -> Mapping[str, Any]:
    facts = json.loads(path.read_text(encoding="utf-8"))
    return MappingProxyType(facts if isinstance(facts, dict) else {})


def add_facts(name: str, facts: dict[str, Any]) -> None:
    """Add facts to a file of them; see :func:`write_facts`."""
    write_facts(name, {**read_facts(name), **facts})


def write_facts(name: str, facts: dict[str, Any]) -> None:
    """Write a file of facts, which is replaced whole.

    A cache that cannot be written (a full or read-only disk) is no reason to fail: the facts
    are found out again next time.

    Args:
        facts: keys to values that JSON can hold.
    """
    path = facts_file(name)
    text = json.dumps(facts, indent=1, sort_keys=True)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)


def facts_file(name: str) -> Path:
    """The file of the facts that are kept under a name."""
    return cache_dir() / f"{name}.json"
