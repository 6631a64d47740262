"""Power cuts: a file system that forgets what was not made certain, as on the loss of power.

The results lie in an ext4 of their own, mounted through a loop device. It is shut down without
writing its journal (``EXT4_IOC_SHUTDOWN``), so that what the kernel had not yet written is lost.
That takes root; elsewhere these tests are skipped.
"""

from __future__ import annotations

import fcntl
import os
import posix
import random
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import COMMANDS, Command, Commands
from tests.faults.outcome import results_in

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, linux/fs/ext4/ext4.h: _IOR('X', 125, __u32)
WITHOUT_JOURNAL = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH
DONE = re.compile(r"^    done in ", re.MULTILINE)


class Disk:
    """An ext4 file system in a file, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        self.image, self.root = folder / "disk.ext4", folder / "disk"
        self.root.mkdir()
        with self.image.open("wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", self.image], check=True)
        self.mount()

    def mount(self) -> None:
        """Mount it, which plays its journal back after a cut."""
        subprocess.run(["mount", "-o", "loop", self.image, self.root], check=True)

    def unmount(self) -> None:
        """Unmount it; nothing of it is in memory then."""
        subprocess.run(["umount", self.root], check=True)

    def cut(self) -> None:
        """Cut its power: what is not on the disk is lost."""
        handle = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
        finally:
            os.close(handle)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A mounted disk of its own, to which ``fsync`` writes as always."""
    monkeypatch.setattr(os, "fsync", posix.fsync)
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("a power cut needs root and mkfs.ext4")
    try:
        made = Disk(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a disk in a file cannot be mounted here ({error})")
    yield made
    made.unmount()


def check_cut(command: Command, disk: Disk, out: Path, *, seconds: float) -> bool:
    """Cut the power some seconds after the start of a command, and run it again.

    Returns:
        Whether the command was under way.
    """
    process = command.start(out)
    time.sleep(seconds)
    disk.cut()
    process.send(signal.SIGKILL)
    ended = process.wait()
    disk.unmount()
    disk.mount()
    if out.exists():
        found = results_in(out)
        finished = [name for name in found if name.endswith("/state")]
        # What was said to be finished is there, and is what it would have been.
        assert len(finished) >= len(DONE.findall(ended.output))
        assert found.items() <= command.results.items()
    command.check_goes_on(out)
    shutil.rmtree(out)
    return ended.code == -signal.SIGKILL


def lasting(command: Command, out: Path) -> float:
    """Seconds that a command takes."""
    began = time.monotonic()
    assert command.run(out).code == 0
    shutil.rmtree(out)
    return time.monotonic() - began


def test_a_power_cut_at_the_end_loses_nothing(commands: Commands, disk: Disk) -> None:
    command, out = commands("run"), disk.root / "out"
    ended = command.run(out)
    disk.cut()
    assert ended.code == 0, ended.output
    disk.unmount()
    disk.mount()
    assert results_in(out) == command.results
    command.check_goes_on(out)


def test_a_power_cut_on_the_way_loses_no_finished_run(
    commands: Commands, disk: Disk, chance: random.Random
) -> None:
    command, out = commands("run"), disk.root / "out"
    whole = lasting(command, out)
    for _ in range(2):
        check_cut(command, disk, out, seconds=chance.uniform(0, whole))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_many_power_cuts_lose_no_finished_run(
    commands: Commands, name: str, disk: Disk, chance: random.Random
) -> None:
    command, out = commands(name), disk.root / "out"
    whole = lasting(command, out)
    cuts = 0
    while cuts < 10:
        cuts += check_cut(command, disk, out, seconds=chance.uniform(0, whole))
