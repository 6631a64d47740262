"""A matrix of seconds for the executors: its plugin and commands, and what of it must be equal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.forked import Forked, start_bench

PLUGIN = """
import time
from pathlib import Path
import torch
from bench import register_model

BRAKE = Path({brake!r})

class Tiny(torch.nn.Module):
    def __init__(self, in_channels, outputs):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(in_channels, 4, 5, stride=4), torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(), torch.nn.Linear(4, outputs))

    def forward(self, x):
        if self.training and BRAKE.exists():
            time.sleep(0.5)
        return self.body(x)

@register_model("tiny", description="one convolution and a mean")
def tiny(*, in_channels, outputs, image_size):
    return Tiny(in_channels, outputs)
"""
CONFIG = Path(__file__).parents[2] / "faults" / "tiny.yaml"
SECONDS = 300  # generous, since a machine may have much else to do


@dataclass(frozen=True)
class Matrix:
    """The matrix of ``tests/faults/tiny.yaml`` with three seeds, in a folder of the test.

    Attributes:
        folder: of the plugin, and of what is run.
    """

    folder: Path

    @property
    def brake(self) -> Path:
        """A file that makes every training step slow while it is there."""
        return self.folder / "brake"

    @contextmanager
    def braked(self) -> Iterator[None]:
        """Every training step takes 0.5 s in the block, so that a fault can hit it."""
        self.brake.touch()
        try:
            yield
        finally:
            self.brake.unlink()

    def arguments(self, out: str, *more: str) -> list[str]:
        """Arguments of ``bench`` that run it into a folder, by name."""
        plugin = self.folder / "tiny_plugin.py"
        plugin.write_text(PLUGIN.format(brake=str(self.brake)))
        return [
            "run", "--all", "--config", str(CONFIG), "--plugin", str(plugin), "--device", "cpu",
            "--seeds", "0,1,2", "--out", str(self.folder / out), *more,
        ]  # fmt: skip

    def start(self, out: str, *more: str) -> Forked:
        """Start it as a process of its own, in a session of its own."""
        return start_bench(*self.arguments(out, *more))

    def start_fresh(self, out: str, *more: str) -> subprocess.Popen[str]:
        """Start it as an interpreter of its own: Ray's connections do not survive a fork."""
        return subprocess.Popen(
            [sys.executable, "-m", "bench", *self.arguments(out, *more)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, out: str, *more: str, code: int = 0) -> str:
        """Run it to its end; returns what it printed."""
        process = self.start(out, *more)
        printed, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == code, printed + errors
        assert errors == "", errors
        return printed

    def predictions(self, out: str) -> dict[str, bytes]:
        """The predictions of each run, by the name of its model, loss and seed."""
        found = sorted((self.folder / out).glob("*/predictions.csv"))
        return {row_of(path.parent): path.read_bytes() for path in found}

    def checkpoints(self, out: str) -> list[Path]:
        """The last states of trainings under way."""
        return list((self.folder / out).glob("*/last.pt"))

    def attempts(self, out: str) -> dict[str, int]:
        """Number of starts of each run, by the name of its model, loss and seed."""
        found = sorted((self.folder / out).glob("*/environment.json"))
        return {row_of(path.parent): path.read_text().count('"threads"') for path in found}


def row_of(run: Path) -> str:
    """Name of a run without its key."""
    return run.name.rpartition("-")[0]


ONCE = {"prior-control": 1, "tiny-ce-s0": 1, "tiny-ce-s1": 1, "tiny-ce-s2": 1}
LONG = (
    "--set", "train.max_iterations=24", "--set", "controls=[prior]", "--set", "train.recipe=paper",
    "--set", "train.schedule=cosine", "--set", "train.augment=light",
)  # fmt: skip
"""Options of trainings that can be hit under the brake, where they take twelve seconds.

A new interpreter imports neither timm nor scikit-learn for them, which takes six.
"""


def wait_for(
    condition: Callable[[], object], process: Forked | subprocess.Popen[str] | None = None
) -> None:
    """Wait until something holds, while a process runs."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        if process is not None:
            assert process.poll() is None, process.communicate(timeout=SECONDS)
        time.sleep(0.02)


def children_of(parents: set[int]) -> set[int]:
    """The processes that some others started (``proc(5)``: name, state, parent)."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) in parents:
                found.add(int(path.parent.name))
    return found
