"""Caches of the test session, and examples that are the same in every run."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.shared_data import SHARED

if TYPE_CHECKING:
    from bench.data.study import StudyTable
    from bench.registry.datasets import SourceOptions

if "PYTEST_XDIST_WORKER" in os.environ:
    gc.disable()  # until the tests begin: importing makes no garbage
    # One of several workers on these cores: two of torch's threads each would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run: the suite is red or green for a reason. `pytest -m slow` explores:
# it runs the property tests again with examples of its own. A deadline would be a timed assertion.
settings.register_profile("same examples", max_examples=30, derandomize=True, deadline=None)
settings.register_profile("exploring", max_examples=300, deadline=None)
settings.load_profile("same examples")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers take tests from one another, so that none idles for the last minutes.

    As an option in ``pyproject.toml`` it would tell pytest-benchmark that there are workers.
    """
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def pytest_collection_finish() -> None:
    """Leave the modules and tests, which stay, out of garbage collections, and make those fewer.

    With Python's threshold of 700 objects, collecting takes 4 % of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded pixels, cost figures and the salt of patients' names are this test session's own."""
    if "PYTEST_XDIST_WORKER" in os.environ:  # what one worker decodes or measures serves all
        cache_folder = tmp_path_factory.getbasetemp().parent / "cache"
        cache_folder.mkdir(exist_ok=True)
    else:
        cache_folder = tmp_path_factory.mktemp("cache")
    config = tmp_path_factory.mktemp("config")
    (config / "cxnet-bench").mkdir()
    (config / "cxnet-bench" / "salt").write_text("5a" * 32)  # splits depend on the names
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(config))
        patch.setenv("CXNET_BENCH_CACHE", str(cache_folder))
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_power_cut(request: pytest.FixtureRequest) -> Iterator[None]:
    """Files need not outlive the machine, but where writing is measured.

    A whole write takes 3 ms instead of 11, and the suite makes some 50,000; so does SQLite, where
    tunings keep their trials.
    """
    import sqlite3

    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _: object) -> None:
        if may_be_lost and isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    may_be_lost = request.config.getoption("benchmark_disable")
    with pytest.MonkeyPatch.context() as patch:
        if may_be_lost:
            patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _installed_packages_stay() -> Iterator[None]:
    """Packages, versions and steps of Optuna's schema are read once, not in each command.

    Where a test adds a folder to ``sys.path``, packages are looked up again.
    """
    import importlib.metadata

    import alembic.util.pyfiles

    import bench.environment

    @cache
    def entry_points(_path: tuple[str, ...], wanted: tuple[tuple[str, Any], ...]) -> Any:
        return really_look_up(**dict(wanted))

    really_look_up = importlib.metadata.entry_points
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            importlib.metadata,
            "entry_points",
            lambda **wanted: entry_points(tuple(sys.path), (*wanted.items(),)),
        )
        for module, name in (
            (bench.environment, "version"),
            (alembic.util.pyfiles, "load_module_py"),
        ):
            patch.setattr(module, name, cache(getattr(module, name)))
        yield


@pytest.fixture(autouse=True, scope="session")
def _shared_labels_stay() -> Iterator[None]:
    """The labels of all of NIH's images, in a shared file that never changes, are read once."""
    import bench.data.sources.nih as source

    def read_labels(root: Path, options: SourceOptions | None = None) -> StudyTable:
        return read_once(root) if root.is_relative_to(SHARED) else really_read(root, options)

    really_read, read_once = source.read_labels, cache(source.read_labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "read_labels", read_labels)
        yield


@pytest.fixture
def registries_kept() -> Iterator[None]:
    """Models and losses that a test registers are forgotten after it."""
    from bench.registry import LOSSES, MODELS

    before = {registry: {entry.name for entry in registry} for registry in (MODELS, LOSSES)}
    yield
    for registry, names in before.items():
        for added in {entry.name for entry in registry} - names:
            registry.remove(added)


@pytest.fixture
def tiny_plugin(tmp_path: Path) -> Path:
    """A plugin with a network small enough to train in a test."""
    path = tmp_path / "tiny_plugin.py"
    path.write_text(
        "import torch\n"
        "from bench import register_model\n"
        "@register_model('tiny', description='one convolution and a mean')\n"
        "def tiny(*, in_channels, outputs, image_size, width=4):\n"
        "    return torch.nn.Sequential(\n"
        "        torch.nn.Conv2d(in_channels, width, 5, stride=4), torch.nn.ReLU(),\n"
        "        torch.nn.Dropout(0.2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),\n"
        "        torch.nn.Linear(width, outputs))\n"
    )
    return path
