"""Records by which a worker, in another process or on another machine, can do its share."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from bench.cache import cache_dir
from bench.config import Experiment
from bench.errors import InputError
from bench.files import make_folder, write_bytes
from bench.registry.plugins import load_plugins, loaded_plugins
from bench.runs.store import Store

if TYPE_CHECKING:
    from bench.execute.worker import Worker

PASSED_ON = (
    "CXNET_BENCH_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "HF_HUB_CACHE",
    "TORCH_HOME",
)  # fmt: skip
"""Variables that a worker needs as its parent has them, if set."""


@dataclass(frozen=True, kw_only=True)
class PluginFile:
    """A plugin with its content, as other machines need not have the file."""

    path: str  # of the file, absolute
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
class ExpectedData:
    """Data that a worker prepares for itself, and what they have to be on every machine."""

    level: Experiment  # without ``vary``, whose data and task they are
    fingerprint: str
    split: str  # hash of their split


@dataclass(frozen=True, kw_only=True)
class Work:
    """Settings that all workers of a command share."""

    out: Path  # folder of the runs, absolute
    # Id of that folder, which all workers have to find there; None before they start.
    folder: str | None
    device: str
    threads: int | None  # that a worker computes with; None is as torch has it
    plugins: tuple[PluginFile, ...]  # files that register models, losses or data sources
    environment: tuple[tuple[str, str], ...]

    def begin(self) -> None:
        """Make this process ready for the work: variables, plugins."""
        if self.folder is not None and Store(self.out).id != self.folder:
            raise InputError(
                f"{str(self.out)!r} is not the same folder on {socket.gethostname()}: workers need "
                "--out on a file system that they share"
            )
        os.environ.update(self.environment)
        if self.threads is not None:
            os.environ["OMP_NUM_THREADS"] = str(self.threads)  # of libraries that load later
        load_plugins([plugin.here() for plugin in self.plugins])


def describe_work(*, out: Path, device: str) -> Work:
    """The work of this process's command, with its plugins and variables."""
    return Work(
        out=out.resolve(),
        folder=None,
        device=device,
        threads=None,
        plugins=tuple(
            PluginFile(path=path, content=Path(path).read_bytes()) for path in loaded_plugins()
        ),
        environment=tuple((name, os.environ[name]) for name in PASSED_ON if name in os.environ),
    )


T_co = TypeVar("T_co", covariant=True)


class Assignment(Protocol[T_co]):
    """Something for a worker to do; it travels there as a pickle."""

    @property
    def events(self) -> Path:
        """File for the events of it."""

    def run(self, worker: Worker) -> T_co:
        """Do it."""
