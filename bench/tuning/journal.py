"""Optuna's journal of studies: a file to which every machine that shares its folder appends.

Optuna's own locks are files, which others break when they are half a minute old, and which a
killed process leaves. The lock here is that of the runs: it is free when its process has died.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from bench.files import is_disk_full


class Journal(JournalFileBackend):
    """A journal whose faults are told as those of a storage.

    Args:
        file: of the journal; made where it is not there.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(str(file), lock_obj=JournalLock(file))

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """See Optuna.

        Raises:
            StorageInternalError: the file is gone or damaged.
        """
        with _told():
            yield from super().read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """See Optuna.

        Raises:
            StorageInternalError: the file is gone.
            OSError: there is no room for it.
        """
        with _told():
            super().append_logs(logs)


class JournalLock(JournalFileOpenLock):
    """A lock of the journal."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, FileLock(f"{file}.lock")

    def acquire(self) -> bool:
        """Wait for the lock, and cut off what a power cut or a full disk left of a line."""
        self._lock.acquire()
        _cut_torn_line(self._file)
        return True

    def release(self) -> None:
        """Let go of it."""
        self._lock.release()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        if is_disk_full(error):
            raise
        raise StorageInternalError("the journal cannot be used") from error


def _cut_torn_line(file: Path) -> None:
    """Remove the end of a file after its last line; the next line would be glued to it."""
    with file.open("rb+") as content:
        size = content.seek(0, os.SEEK_END)
        if size == 0:
            return
        content.seek(size - 1)
        if content.read() == b"\n":
            return
        content.seek(0)
        content.truncate(content.read().rfind(b"\n") + 1)
