"""The process of the command: what it prints, its exit code, and what it refuses at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bench
from tests.bench.cli.conftest import TINY, Command, assert_refused, finish, start_fresh


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (("--version",), 0, f"bench, version {bench.__version__}\n", ""),
        (("rum",), 2, "", "error: No such command 'rum'"),
    ],
)
def test_the_process_prints_and_ends_as_the_command_does(
    tmp_path: Path, arguments: tuple[str, ...], code: int, out: str, err: str
) -> None:
    outcome = finish(start_fresh(*arguments, cwd=tmp_path))
    assert (outcome.code, outcome.out) == (code, out)
    assert outcome.err.startswith(err)
    assert outcome.err.count("\n") == (1 if err else 0)
    assert not list(tmp_path.iterdir())


def test_a_reader_who_leaves_is_no_error() -> None:
    shell = f"{sys.executable} -m bench list configs | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("run", "--loss", "unknown"),
        ("run", "--task", "unknown"),
        ("tune", "--loss", "unknown"),
    ],
)
def test_an_unknown_name_is_refused_before_anything_is_decoded(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    def decode(*_: object, **__: object) -> None:
        raise AssertionError("images are decoded")

    monkeypatch.setattr("bench.data.load.open_pixels", decode)
    done = bench(wrong[0], "tiny", "--plugin", tiny_plugin, *TINY, "--seeds", "0", *wrong[1:])
    assert_refused(done, "unknown")
