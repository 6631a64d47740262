"""Locks in a folder of runs: found out before hours of work, since every claim relies on them.

A lock is ``flock`` on a file. Where the file system says that it has no such call, filelock makes a
file that holds the owner's process and machine instead.
"""

from __future__ import annotations

import secrets
import warnings
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import InputError, first_line
from bench.files import make_folder

SOFT = "flock not supported"
"""Begin of filelock's warning, given once a file; :func:`check_locks` says it in other words."""
HINT = "choose another folder with --out, or mount it with locks (docs/scaling.md)"

warnings.filterwarnings("ignore", message=SOFT)


def check_locks(folder: Path) -> str | None:
    """Find out whether a lock in a folder keeps another one out.

    Args:
        folder: of the locks; made where it is not there.

    Returns:
        A line about locks that are files, which a machine that dies leaves; None of others.
    """
    make_folder(folder)
    probe = folder / f"probe-{secrets.token_hex(8)}.lock"
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with FileLock(probe).acquire(timeout=10.0):
                if _is_free(probe):
                    raise InputError(f"locks in {str(folder)!r} keep nobody out: {HINT}")
    except (OSError, NotImplementedError) as error:
        raise InputError(f"no locks in {str(folder)!r} ({first_line(error)}): {HINT}") from None
    finally:
        probe.unlink(missing_ok=True)
    if not any(str(warning.message).startswith(SOFT) for warning in caught):
        return None
    return (
        f"{str(folder)!r} has no flock: locks are files there. One that a machine leaves when it "
        "dies stays: remove it where a run is called running and nobody runs it"
    )


def _is_free(path: Path) -> bool:
    try:
        with FileLock(path).acquire(timeout=0):
            return True
    except Timeout:
        return False
