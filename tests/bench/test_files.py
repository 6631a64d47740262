"""Files are whole and certain, or as they were before."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench.files import (
    PARTIAL,
    DiskFullError,
    is_disk_full,
    make_folder,
    new_folder,
    write_bytes,
    write_text,
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The calls that write, with the name of their file, in order."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("the system does not say which file a number is")
    made: list[tuple[str, str]] = []

    def name_of(argument: Any) -> str:
        if isinstance(argument, int):
            return Path(f"/proc/self/fd/{argument}").readlink().name
        return Path(argument).name

    def recorded(call: str) -> Callable[..., Any]:
        real = getattr(os, call)

        def record(argument: Any, *rest: Any, **options: Any) -> Any:
            made.append((call, name_of(argument)))
            return real(argument, *rest, **options)

        return record

    for call in ("fsync", "replace", "mkdir"):
        monkeypatch.setattr(os, call, recorded(call))
    return made


def test_the_content_is_certain_before_its_name_and_the_name_before_the_end(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    write_text(tmp_path / "a.json", "new")
    assert [call for call, _ in calls] == ["fsync", "replace", "fsync"]
    partial, moved, folder = (Path(name) for _, name in calls)
    assert partial == moved
    assert partial.match(PARTIAL)
    assert folder.name == tmp_path.name
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no file system in memory")
def test_files_in_memory_are_written_whole_too(calls: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        calls.clear()
        write_text(Path(folder, "a.json"), "new")
        assert [call for call, _ in calls] == ["fsync", "replace", "fsync"]


def test_every_new_folder_is_certain(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    make_folder(tmp_path / "a" / "b")
    assert [name for call, name in calls if call == "fsync"] == ["a", tmp_path.name]
    calls.clear()
    make_folder(tmp_path / "a" / "b")
    assert [call for call in calls if call[0] == "fsync"] == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_fault_leaves_the_old_file_and_names_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match=r"a\.json") as raised:
        write_bytes(path, b"x" * 2_340_000)
    assert (raised.value.errno, is_disk_full(raised.value)) == (number, number == errno.ENOSPC)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"
    if number == errno.ENOSPC:
        assert isinstance(raised.value, DiskFullError)
        assert str(tmp_path) in raised.value.strerror
        assert "2.3 MB" in raised.value.strerror
    else:
        assert raised.value.filename == str(path)


def test_a_folder_that_cannot_be_made_certain_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def of_files_alone(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(handle)

    monkeypatch.setattr(os, "fsync", of_files_alone)
    write_text(tmp_path / "a.json", "new")
    assert (tmp_path / "a.json").read_text() == "new"


def test_permissions_are_kept_from_the_first_byte(tmp_path: Path) -> None:
    write_bytes(tmp_path / "salt", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "salt").stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    write_text(tmp_path / "real.md", "old")
    (tmp_path / "link.md").symlink_to("real.md")
    write_text(tmp_path / "link.md", "new")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text() == "new"


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "table")
    assert os.read(reader, 100) == b"table"
    os.close(reader)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_stop_in_the_middle_leaves_no_file_in_the_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.json", "new")
    assert list(tmp_path.iterdir()) == []


def test_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    # Threads have one process number, as the first processes of two containers do.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda text: write_text(tmp_path / "a", text), map(str, range(200))))
    assert int((tmp_path / "a").read_text()) in range(200)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "made") as folder:
        (folder / "one").write_text("1")
        assert not (tmp_path / "a" / "made").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["made"]
    assert (tmp_path / "a" / "made" / "one").read_text() == "1"

    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "b") as folder:
        (folder / "nowhere" / "one").write_text("1")
    with pytest.raises(FileExistsError), new_folder(tmp_path / "c") as folder:
        (tmp_path / "c").mkdir()  # by somebody else
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
