"""Records by which a worker, in another process or on another machine, can run any cell."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cache import cache_dir
from bench.config import Experiment
from bench.files import make_folder, write_bytes
from bench.registry.plugins import load_plugins, loaded_plugins
from bench.runs.cells import Cell

PASSED_ON = (
    "CXNET_BENCH_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "HF_HUB_CACHE",
    "TORCH_HOME",
)  # fmt: skip
"""Variables that a worker needs as its parent has them, if set."""


@dataclass(frozen=True, kw_only=True)
class PluginFile:
    """A plugin with its content, as other machines need not have the file.

    Attributes:
        path: of the file, absolute.
        content: of it.
    """

    path: str
    content: bytes

    def here(self) -> Path:
        """The file itself where it is on this machine, or a copy in the cache."""
        path = Path(self.path)
        if path.is_file() and path.read_bytes() == self.content:
            return path
        digest = hashlib.sha256(self.content).hexdigest()[:16]
        copy = cache_dir() / "plugins" / digest / path.name
        if not copy.is_file():
            make_folder(copy.parent)
            write_bytes(copy, self.content)
        return copy


@dataclass(frozen=True, kw_only=True)
class Level:
    """A level of an experiment, with what its data have to be on every machine.

    Attributes:
        experiment: the whole one, as it is stored with the runs.
        plain: one of those that it expands to.
        data: fingerprint of its data.
        split: hash of their split.
        prefix: begin of the cells' names, by which several experiments are told apart.
    """

    experiment: Experiment
    plain: Experiment
    data: str
    split: str
    prefix: str


@dataclass(frozen=True, kw_only=True)
class Work:
    """A matrix, as a worker needs it.

    Attributes:
        levels: of all experiments.
        out: folder of the runs, absolute.
        device: kind of device that networks are trained on.
        threads: that a worker computes with; None is as torch has it.
        plugins: files that register models, losses or data sources.
        environment: variables to set.
    """

    levels: tuple[Level, ...]
    out: Path
    device: str
    threads: int | None
    plugins: tuple[PluginFile, ...]
    environment: tuple[tuple[str, str], ...]

    def begin(self) -> None:
        """Make this process ready for the work: variables, plugins."""
        os.environ.update(self.environment)
        if self.threads is not None:
            os.environ["OMP_NUM_THREADS"] = str(self.threads)  # of libraries that load later
        load_plugins([plugin.here() for plugin in self.plugins])


def describe_work(
    levels: Sequence[Level], *, out: Path, device: str, threads: int | None = None
) -> Work:
    """The work of this process's matrix, with its plugins and variables.

    Args:
        levels: of all experiments.
        out: folder of the runs.
        device, threads: as in :class:`Work`.
    """
    return Work(
        levels=tuple(levels),
        out=out.resolve(),
        device=device,
        threads=threads,
        plugins=tuple(
            PluginFile(path=path, content=Path(path).read_bytes()) for path in loaded_plugins()
        ),
        environment=tuple((name, os.environ[name]) for name in PASSED_ON if name in os.environ),
    )


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A cell for a worker.

    Attributes:
        level: number of its level, from 0.
        cell: what is run.
        fault: why its network cannot be trained, as known before; None where it can.
        events: file for events.
        index, total, patience, tells_skips: as :class:`bench.execute.matrix.Numbered` has them.
    """

    level: int
    cell: Cell
    fault: str | None
    events: Path
    index: int
    total: int
    patience: float
    tells_skips: bool
