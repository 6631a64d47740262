"""Kills and faults of the disk at every file operation: nothing is lost, no bit is another.

By default each kind of operation (``replace run.json``) is hit once; ``-m slow`` hits every one.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.conftest import COMMANDS, Commands
from tests.faults.outcome import results_in
from tests.faults.process import Fault, bench_command

KILLS: tuple[Literal["before", "after"], ...] = ("before", "after")
DISK = (errno.ENOSPC, errno.EIO, errno.EROFS)


def first_of_each(calls: Sequence[str]) -> list[int]:
    """The number of the first call of each kind."""
    return [number for number, call in enumerate(calls) if calls.index(call) == number]


def check_kill(commands: Commands, name: str, out: Path, fault: Fault) -> None:
    """Kill a command at an operation, and run it again."""
    command = commands(name)
    ended = command.run(out, fault)
    assert ended.code == -9, ended.output
    command.check_goes_on(out)
    shutil.rmtree(out.parent)


def check_disk(commands: Commands, name: str, out: Path, fault: Fault) -> None:
    """Let an operation fail in a command, which says so in a line, and run it again."""
    command = commands(name)
    ended = command.run(out, fault)
    assert ended.code in (0, 1, 2), ended.output
    if ended.code == 0:  # a cache alone could not be written
        assert results_in(out) == command.results
    assert "Traceback" not in ended.output
    if ended.code and fault.kind == errno.ENOSPC:
        assert ended.code == 1, ended.output
        assert "disk full" in ended.output.splitlines()[-1]
    elif ended.code:
        lines = ended.output.splitlines()
        assert any("error: " in line or " failed: " in line or "FAILED" in line for line in lines)
    command.check_goes_on(out)
    shutil.rmtree(out.parent)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_each_kind_of_operation_costs_nothing(
    commands: Commands, name: str, tmp_path: Path
) -> None:
    calls = commands(name).calls
    known = [] if name == "run" else commands("run").calls
    kinds = [number for number in first_of_each(calls) if calls[number] not in known]
    for count, number in enumerate(kinds):
        fault = Fault(call=number, kind=KILLS[count % 2])
        check_kill(commands, name, tmp_path / str(number) / "out", fault)


def test_a_disk_that_fails_at_each_kind_of_operation_costs_nothing(
    commands: Commands, tmp_path: Path
) -> None:
    for count, number in enumerate(first_of_each(commands("run").calls)):
        fault = Fault(call=number, kind=DISK[count % 3])
        check_disk(commands, "run", tmp_path / str(number) / "out", fault)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_any_operation_costs_nothing(
    commands: Commands, name: str, tmp_path: Path
) -> None:
    for number in range(len(commands(name).calls)):
        # Before one operation is after the one before it, but for what lies between them.
        fault = Fault(call=number, kind=KILLS[number % 2])
        check_kill(commands, name, tmp_path / str(number) / "out", fault)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DISK, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["run", "tune"])
def test_a_disk_that_fails_at_any_operation_costs_nothing(
    commands: Commands, name: str, kind: int, tmp_path: Path
) -> None:
    for number in range(len(commands(name).calls)):
        check_disk(commands, name, tmp_path / str(number) / "out", Fault(call=number, kind=kind))


def test_a_kill_while_pixels_are_prepared_costs_nothing(
    tiny_arguments: list[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["data", "check", "--again", *tiny_arguments[:4]]

    def pixels(cache: Path) -> dict[str, bytes]:
        return {
            f"{path.parent.name}/{path.name}": path.read_bytes()
            for path in sorted(cache.glob("pixels/*/*.npy"))
        }

    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "whole"))
    whole = bench_command(*arguments, folder=tmp_path)
    assert whole.code == 0, whole.output
    expected = pixels(tmp_path / "whole")
    assert expected
    for number in range(len(whole.calls)):
        cache = tmp_path / str(number)
        monkeypatch.setenv("CXNET_BENCH_CACHE", str(cache))
        for kind in KILLS:
            ended = bench_command(*arguments, folder=tmp_path, fault=Fault(call=number, kind=kind))
            assert ended.code == -9, ended.output
        assert bench_command(*arguments, folder=tmp_path).code == 0
        assert pixels(cache) == expected
        assert not list(cache.rglob("*.partial"))


def test_a_kill_in_a_report_costs_nothing(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = commands("run")
    assert command.run(tmp_path / "out").code == 0
    target = tmp_path / "page" / "report.md"
    arguments = ["report", "markdown", "--out", tmp_path / "out", "--to", target]
    for cache in ("first", "second"):  # the first one makes the page's folder
        monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / cache))
        whole = bench_command(*arguments, folder=tmp_path)
        assert whole.code == 0, whole.output
    expected = target.read_bytes()
    for number in range(len(whole.calls)):
        for kind in KILLS:
            monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / f"{number} {kind}"))
            ended = bench_command(*arguments, folder=tmp_path, fault=Fault(call=number, kind=kind))
            assert ended.code == -9, ended.output
            assert target.read_bytes() == expected
        assert bench_command(*arguments, folder=tmp_path).code == 0
        assert target.read_bytes() == expected
    assert [path for path in target.parent.iterdir() if path.suffix == ".md"] == [target]
