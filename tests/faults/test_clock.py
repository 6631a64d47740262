"""Clocks that jump, as by a wrong battery or a first answer of a time server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Command, Commands
from tests.faults.outcome import results_in

pytestmark = pytest.mark.slow  # processes that are not forked have to import torch


def start_at(command: Command, out: Path, clock: str) -> subprocess.Popen[str]:
    """Start a command whose clock is elsewhere, such as ten years back (``-10y``)."""
    if shutil.which("faketime") is None:
        pytest.skip("a clock that jumps needs libfaketime (faketime)")
    arguments = [*map(str, command.arguments), "--out", str(out)]
    return subprocess.Popen(
        ["faketime", "-f", clock, sys.executable, "-m", "bench", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("clocks", [("-10y", "+10y"), ("+10y", "-10y")], ids=" ".join)
def test_a_run_goes_on_ten_years_earlier_or_later(
    commands: Commands, tmp_path: Path, clocks: tuple[str, str]
) -> None:
    command, out = commands("run"), tmp_path / "out"
    first = start_at(command, out, clocks[0])
    while first.poll() is None and not list(out.glob("tiny-*/last.pt")):
        time.sleep(0.01)
    first.kill()
    first.communicate()
    second = start_at(command, out, clocks[1])
    output, _ = second.communicate()
    assert second.returncode == 0, output
    assert results_in(out) == command.results


def test_two_runners_share_a_folder_twenty_years_apart(commands: Commands, tmp_path: Path) -> None:
    command, out = commands("run"), tmp_path / "out"
    processes = [start_at(command, out, clock) for clock in ("-10y", "+10y")]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert results_in(out) == command.results
