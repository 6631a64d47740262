"""Kills and faults of the disk at every file operation: nothing is lost, no bit is another.

By default each kind of operation (``replace run.json``) is hit once; ``-m slow`` hits every one.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.conftest import COMMANDS, Command, Commands
from tests.faults.outcome import results_in
from tests.faults.process import Ended, Fault, bench_command

KILLS: tuple[Literal["before", "after"], ...] = ("before", "after")
DISK = (errno.ENOSPC, errno.EIO, errno.EROFS)
Run = Callable[[Path, Fault | None], Ended]
Strike = Callable[[Sequence[str], Path, Run, Callable[[Path], None]], None]


def check_kill(commands: Commands, name: str, out: Path, fault: Fault) -> None:
    """Kill a command at an operation, and run it again."""
    command = commands(name)
    ended = command.run(out, fault)
    assert ended.code == -9, ended.output
    command.check_goes_on(out)
    shutil.rmtree(out.parent)


def check_line(command: Command, out: Path, fault: Fault, ended: Ended) -> None:
    """Look at the end of a command in which an operation failed: it says so in a line."""
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


def check_disk(commands: Commands, name: str, out: Path, fault: Fault) -> None:
    """Let an operation fail in a command, and run it again."""
    command = commands(name)
    check_line(command, out, fault, command.run(out, fault))
    command.check_goes_on(out)
    shutil.rmtree(out.parent)


def strike_kinds(
    calls: Sequence[str], folder: Path, run: Run, check_end: Callable[[Path], None]
) -> None:
    """Kill a command at each kind of its operations, as :func:`strike_each` does."""
    strike_each(kills(calls), folder, run, check_end=check_end)


def strike_all(
    calls: Sequence[str], folder: Path, run: Run, check_end: Callable[[Path], None]
) -> None:
    """Kill a command before and after every operation, each in a folder of its own."""
    for number in range(len(calls)):
        for kind in KILLS:
            out = folder / f"{number} {kind}" / "out"
            out.parent.mkdir()
            run(out, Fault(call=number, kind=kind))
            run(out, None)
            check_end(out)


SHORT_AND_LONG = pytest.mark.parametrize(
    "strike", [strike_kinds, pytest.param(strike_all, marks=pytest.mark.slow)]
)


def strike_each(
    faults: Iterable[Fault], folder: Path, run: Run, *, check_end: Callable[[Path], None]
) -> None:
    """Strike a command again and again on one folder; on a new one where a fault is behind it.

    Args:
        faults: each at a kind of operation.
        folder: of the test.
        run: runs the command on a folder, and looks at how a fault ended it.
        check_end: looks at the folder of a command that came to its end.
    """
    outs = (folder / str(number) / "out" for number in count())
    out = next(outs)
    for fault in faults:
        out.parent.mkdir(exist_ok=True)
        ended = run(out, fault)
        if not ended.has_met(fault):
            check_end(out)
            out = next(outs)
            out.parent.mkdir()
            ended = run(out, fault)
        assert ended.has_met(fault)
    assert run(out, None).code == 0
    check_end(out)


def kills(calls: Iterable[str]) -> list[Fault]:
    """A kill at each kind of operation but fsync, which a killed process does not need."""
    kinds = dict.fromkeys(call for call in calls if not call.startswith("fsync "))
    return [Fault(call=kind, kind=KILLS[n % 2]) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_each_kind_of_operation_costs_nothing(
    commands: Commands, name: str, tmp_path: Path
) -> None:
    """Kinds that the plain run has are tried there."""
    command = commands(name)

    def run(out: Path, fault: Fault | None) -> Ended:
        ended = command.run(out, fault)
        assert ended.code == (-9 if fault and ended.has_met(fault) else 0), ended.output
        return ended

    known = () if name == "run" else commands("run").calls
    faults = kills(call for call in command.calls if call not in known)
    strike_each(faults, tmp_path, run, check_end=command.check_goes_on)


@pytest.mark.parametrize("turn", range(3))
def test_a_disk_that_fails_at_each_kind_of_operation_costs_nothing(
    commands: Commands, turn: int, tmp_path: Path
) -> None:
    """A file that cannot be renamed has the same consequences as one that cannot be written."""
    command = commands("run")

    def run(out: Path, fault: Fault | None) -> Ended:
        ended = command.run(out, fault)
        if fault is not None:
            check_line(command, out, fault, ended)
        return ended

    files = [call for call in dict.fromkeys(command.calls) if call.startswith("fsync .")]
    kinds = [call for call in dict.fromkeys(command.calls) if call not in files[1:]][turn::3]
    faults = [Fault(call=kind, kind=DISK[turn]) for kind in kinds]
    strike_each(faults, tmp_path, run, check_end=command.check_goes_on)


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


@SHORT_AND_LONG
def test_a_kill_while_pixels_are_prepared_costs_nothing(
    strike: Strike,
    tiny_arguments: list[str | Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(cache: Path, fault: Fault | None) -> Ended:
        monkeypatch.setenv("CXNET_BENCH_CACHE", str(cache))
        arguments = ["data", "check", "--again", *tiny_arguments[:4]]
        ended = bench_command(*arguments, folder=tmp_path, fault=fault)
        assert ended.code == (-9 if fault and ended.has_met(fault) else 0), ended.output
        return ended

    def pixels(cache: Path) -> dict[str, bytes]:
        return {
            f"{path.parent.name}/{path.name}": path.read_bytes()
            for path in sorted(cache.glob("pixels/*/*.npy"))
        }

    def check_end(cache: Path) -> None:
        assert pixels(cache) == expected
        assert not list(cache.rglob("*.partial"))

    (tmp_path / "whole").mkdir()
    whole = run(tmp_path / "whole" / "out", None)
    expected = pixels(tmp_path / "whole" / "out")
    assert expected
    strike(whole.calls, tmp_path, run, check_end)


@SHORT_AND_LONG
def test_a_kill_in_a_report_costs_nothing(
    strike: Strike, commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = commands("run")
    assert command.run(tmp_path / "out").code == 0
    target = tmp_path / "page" / "report.md"

    def run(cache: Path, fault: Fault | None) -> Ended:
        monkeypatch.setenv("CXNET_BENCH_CACHE", str(cache))
        arguments = ["report", "markdown", "--out", tmp_path / "out", "--to", target]
        ended = bench_command(*arguments, folder=tmp_path, fault=fault)
        assert ended.code == (-9 if fault and ended.has_met(fault) else 0), ended.output
        assert target.read_bytes() == expected or not expected
        return ended

    expected = b""
    for cache in ("first", "second"):  # the first one makes the page's folder
        (tmp_path / cache).mkdir()
        whole = run(tmp_path / cache / "out", None)
    expected = target.read_bytes()
    strike(whole.calls, tmp_path, run, lambda _: None)
    assert [path for path in target.parent.iterdir() if path.suffix == ".md"] == [target]
