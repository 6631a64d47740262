"""The one way in which files are written: whole, and on the disk before anything relies on them.

A file is written beside its place, made certain (``fsync``), and moved there; then its folder is
made certain too. So a killed process and a power cut leave the old file or the new one, and what
was written earlier is never newer on the disk than what was written later.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".*.partial"
"""Pattern of the files in the making; one that nobody is writing was left by a killed process."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_SUCH_CALL = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)


class DiskFullError(OSError):
    """There is no room for a file; the message says how much there is and how much it takes."""


def write_text(path: Path, text: str) -> None:
    """Write a file whole, as UTF-8; see :func:`write_bytes`.

    Raises:
        UnicodeEncodeError: the text holds half a surrogate pair; nothing is written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes | memoryview, *, mode: int = 0o666) -> None:
    """Write a file whole: a killed process or a power cut leaves the old one or the new one.

    Args:
        path: in a folder that is there. A link stays one; what is no file, such as a pipe, is
            written to as it is.
        mode: its permissions, less the process's umask.

    Raises:
        DiskFullError: there is no room for it; an older file is left as it was.
        OSError: it cannot be written, for another reason.
    """
    # /dev/stdout is a file too, where it was sent to one; /dev/shm holds files like any other.
    is_stream = path.is_relative_to("/dev") and not path.is_relative_to("/dev/shm")
    if is_stream or (path.exists() and not path.is_file()):
        path.write_bytes(content)
        return
    path = path.resolve()
    # Several processes may write the same record at once, each through a file of its own. Their
    # numbers do not tell them apart, where each has a machine or a container of its own.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        make_certain(path.parent)
    except BaseException as error:
        _remove(partial)
        if is_disk_full(error):
            raise DiskFullError(errno.ENOSPC, _no_room(path, len(content))) from None
        if isinstance(error, OSError):
            error.filename = str(path)  # not that of the file in the making
        raise


def make_folder(path: Path) -> None:
    """Make a folder with those that it lies in, so that a power cut leaves it there."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    path.mkdir(parents=True, exist_ok=True)
    for folder in path.absolute().parents:
        if there in (folder, *folder.parents):
            make_certain(folder)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that is written whole or not at all: made beside its place, and moved there.

    Args:
        path: must not be there.

    Yields:
        The folder in the making; it is gone where the block raises.

    Raises:
        FileExistsError: somebody else has made it meanwhile.
    """
    make_folder(path.parent)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    partial.mkdir()
    try:
        yield partial
        make_certain(partial)
        if path.exists():  # where it is an empty folder, a rename would replace it
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        partial.rename(path)
        make_certain(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def make_certain(folder: Path) -> None:
    """Make certain which files are in a folder, against a power cut.

    File systems without such a call (of Windows, and some of networks) do it in their own way.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SUCH_CALL:
            raise
    finally:
        os.close(handle)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that there is no room on a disk, or in a quota."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def _remove(partial: Path) -> None:
    """Give back the room of a file that could not be written, where that can be done."""
    try:
        partial.unlink(missing_ok=True)
    except OSError:
        return


def _no_room(path: Path, size: int) -> str:
    free = shutil.disk_usage(path.parent).free
    return (
        f"disk full: {str(path.parent)!r} has {_megabytes(free)} left, and {path.name} needs "
        f"{_megabytes(size)}: make room and start the same command again, which goes on from here"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
