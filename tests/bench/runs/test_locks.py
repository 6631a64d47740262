"""Locks of file systems that have none, or whose locks keep nobody out, simulated by ``flock``."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.runs.store import LOCKS, Store

pytestmark = pytest.mark.filterwarnings("ignore:flock not supported")
HOLDING = """
import errno, fcntl, sys
from pathlib import Path

def missing(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")

fcntl.flock = missing
from bench.runs.store import Store
store = Store(Path(sys.argv[1]))
with store.claim(store.root / "run") as claimed:
    print(claimed, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def flock_raises(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let ``flock`` fail with an error number; 0 lets it do nothing."""

    def set_up(number: int) -> None:
        def flock(*_: object) -> None:
            if number:
                raise OSError(number, os.strerror(number))

        monkeypatch.setattr("fcntl.flock", flock)

    return set_up


def test_locks_of_this_file_system_keep_others_out(tmp_path: Path) -> None:
    assert Store(tmp_path).check_locks() is None
    assert list((tmp_path / LOCKS).iterdir()) == []


def test_without_flock_locks_are_files(tmp_path: Path, flock_raises: Callable[[int], None]) -> None:
    flock_raises(errno.ENOSYS)
    store = Store(tmp_path)
    line = store.check_locks()
    assert line is not None
    assert "has no flock: locks are files there" in line
    with store.claim(tmp_path / "run") as first:
        with Store(tmp_path).claim(tmp_path / "run", patience=0.0) as second:
            assert (first, second) == (True, False)
        assert store.is_held(tmp_path / "run")
    assert not store.is_held(tmp_path / "run")


def test_a_lock_that_is_a_file_ends_with_its_process(
    tmp_path: Path, flock_raises: Callable[[int], None]
) -> None:
    flock_raises(errno.ENOSYS)
    store = Store(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "True\n"
    with store.claim(tmp_path / "run", patience=0.0) as claimed:
        assert not claimed
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with store.claim(tmp_path / "run", patience=20.0) as claimed:
        assert claimed


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EOPNOTSUPP, "Operation not supported"),
        (errno.ENOLCK, "No locks available"),
        (0, "keep nobody out"),
    ],
)
def test_a_file_system_without_locks_is_refused_in_a_line(
    tmp_path: Path, flock_raises: Callable[[int], None], number: int, reason: str
) -> None:
    flock_raises(number)
    with pytest.raises(InputError, match=reason) as error:
        Store(tmp_path).check_locks()
    assert "\n" not in str(error.value)
    assert list((tmp_path / LOCKS).iterdir()) == []
