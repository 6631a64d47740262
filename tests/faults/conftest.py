"""Commands of seconds, with what they find when nothing goes wrong."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.outcome import results_in
from tests.faults.process import Ended, Fault, Process, bench_command, start

CONFIG = Path(__file__).parent / "tiny.yaml"
PLUGIN = """
import torch
from bench import register_model
@register_model('tiny', description='one convolution and a mean')
def tiny(*, in_channels, outputs, image_size):
    return torch.nn.Sequential(
        torch.nn.Conv2d(in_channels, 4, 5, stride=4), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Dropout(0.2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(4, outputs))
"""
SHORT = ("--set", "controls=[]", "--set", "train.max_iterations=3")
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "--all"),
    "tune": ("tune", "--all", "--budget", "trials=2", *SHORT),
    "cascade": ("cascade", "tiny", *SHORT),
}


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command that trains, and what it finds and does uninterrupted.

    Attributes:
        arguments: all but ``--out``.
        results: what it finds.
        calls: its file operations, the pixels decoded before.
        logs: folder of what its processes print.
    """

    arguments: Sequence[str | Path]
    results: dict[str, str]
    calls: tuple[str, ...]
    logs: Path

    def run(self, out: Path, fault: Fault | None = None) -> Ended:
        """Run it into a folder, to its end or until a fault."""
        return bench_command(*self.arguments, "--out", out, folder=self.logs, fault=fault)

    def start(self, out: Path) -> Process:
        """Start it into a folder."""
        return start([*self.arguments, "--out", out], self.logs)

    def check_goes_on(self, out: Path) -> None:
        """Run it again after a fault: nothing that was finished is lost, and all bits are equal."""
        ends = {path: path.read_bytes() for path in out.glob("*/run.json")}
        finished = {path: end for path, end in ends.items() if b'"finished"' in end}
        again = self.run(out)
        assert again.code == 0, again.output
        assert {path: path.read_bytes() for path in finished} == finished
        assert results_in(out) == self.results
        # Of a record beside the runs `bench doctor` removes what a killed process was writing.
        assert not [*out.glob("*-*/.*.partial")]


Commands = Callable[[str], Command]


@pytest.fixture(scope="session")
def tiny_arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """Options of every command here but ``--out``."""
    plugin = tmp_path_factory.mktemp("plugin") / "tiny.py"
    plugin.write_text(PLUGIN)
    return ["--config", CONFIG, "--plugin", plugin, "--device", "cpu"]


@pytest.fixture(scope="session")
def commands(
    tmp_path_factory: pytest.TempPathFactory, tiny_arguments: list[str | Path]
) -> Commands:
    """Each of :data:`COMMANDS`, run once without a fault when it is first asked for."""
    known: dict[str, Command] = {}
    logs = tmp_path_factory.mktemp("pixels")
    decoded = bench_command("data", "check", *tiny_arguments[:4], folder=logs)
    assert decoded.code == 0, decoded.output

    def command(name: str) -> Command:
        if name not in known:
            arguments = [*COMMANDS[name], *tiny_arguments]
            folder = tmp_path_factory.mktemp(name)
            out = folder / "0" / "out"  # numbers in names are left out of the calls
            out.parent.mkdir()
            ended = bench_command(*arguments, "--out", out, folder=folder)
            assert ended.code == 0, ended.output
            results = results_in(out)
            assert results
            shutil.rmtree(out)
            known[name] = Command(
                arguments=arguments, results=results, calls=ended.calls, logs=folder
            )
        return known[name]

    return command


@pytest.fixture
def chance() -> random.Random:
    """Random moments, those of ``CXNET_FAULT_SEED`` where it is set."""
    return random.Random(os.environ.get("CXNET_FAULT_SEED", "0"))
