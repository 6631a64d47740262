"""Kills at random moments, of one process and of several on one folder."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.conftest import COMMANDS, Command, Commands
from tests.faults.process import Process


def kill_until_done(command: Command, out: Path, chance: random.Random, *, longest: float) -> int:
    """Kill a command at random moments until it comes to its end; returns the kills."""
    kills = 0
    while True:
        process = command.start(out)
        time.sleep(chance.uniform(0, longest))
        process.send(signal.SIGKILL)
        if process.wait().code == 0:
            return kills
        kills += 1


def seconds_of(command: Command, out: Path) -> float:
    """Seconds that a command takes from its beginning."""
    began = time.monotonic()
    assert command.run(out).code == 0
    return time.monotonic() - began


def check_kills(command: Command, folder: Path, chance: random.Random, *, wanted: int) -> None:
    """Kill a command so many times, in as many chains as that takes."""
    whole = seconds_of(command, folder / "whole")
    kills = chain = 0
    while kills < wanted:
        out = folder / f"chain{chain}" / "out"
        out.parent.mkdir()
        kills += kill_until_done(command, out, chance, longest=1.2 * whole)
        command.check_goes_on(out)
        chain += 1


def test_a_few_kills_cost_nothing(
    commands: Commands, tmp_path: Path, chance: random.Random
) -> None:
    check_kills(commands("run"), tmp_path, chance, wanted=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_many_kills_cost_nothing(
    commands: Commands, name: str, tmp_path: Path, chance: random.Random
) -> None:
    check_kills(commands(name), tmp_path, chance, wanted=170)


def share(command: Command, out: Path, chance: random.Random, *, runners: int) -> None:
    """Let several processes share a folder, each stopped and some killed, until all have ended."""
    whole = seconds_of(command, out.parent / "whole")
    under_way: list[Process] = [command.start(out) for _ in range(runners)]
    for process in under_way:
        time.sleep(chance.uniform(0, whole / 2))
        if chance.random() < 0.5:
            process.send(signal.SIGKILL)
        else:
            process.send(signal.SIGSTOP)
            time.sleep(chance.uniform(0, whole / 2))
            process.send(signal.SIGCONT)
    codes = {process.wait().code for process in under_way}
    assert codes <= {0, -signal.SIGKILL}
    command.check_goes_on(out)


def test_two_runners_share_a_folder(
    commands: Commands, tmp_path: Path, chance: random.Random
) -> None:
    share(commands("run"), tmp_path / "out", chance, runners=2)


@pytest.mark.slow
@pytest.mark.parametrize("runners", [2, 4])
@pytest.mark.parametrize("name", COMMANDS)
def test_many_runners_share_a_folder(
    commands: Commands, name: str, tmp_path: Path, chance: random.Random, runners: int
) -> None:
    for round_ in range(5):
        out = tmp_path / str(round_) / "out"
        out.parent.mkdir()
        share(commands(name), out, chance, runners=runners)
