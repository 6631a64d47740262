"""The process of the command: what it prints, its exit code, and what it refuses at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.cli.conftest import TINY, Command


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--version",), 0), (("list", "configs"), 0), (("list", "nothing"), 2), (("rum",), 2)],
)
def test_the_output_is_whole_and_the_code_is_kept(arguments: tuple[str, ...], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert (done.stdout == "", done.stderr == "") == ((False, True) if code == 0 else (True, False))
    assert done.stderr.count("\n") <= 1


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
        ("run", "--set", "controls=[unknown]"),
        ("run", "--set", "data.source=unknown"),
        ("tune", "--loss", "unknown"),
    ],
)
def test_an_unknown_name_is_refused_before_anything_is_decoded(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    def decode(*_: object, **__: object) -> None:
        raise AssertionError("images are decoded")

    monkeypatch.setattr("bench.data.prepare.open_pixels", decode)
    done = bench(wrong[0], "tiny", "--plugin", tiny_plugin, *TINY, "--seeds", "0", *wrong[1:])
    assert done.code == 2
    assert "unknown" in done.err
    assert done.err.count("\n") == 1
