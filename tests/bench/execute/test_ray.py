"""A real Ray cluster of several nodes on this machine, one of which is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.bench.execute.executing import SECONDS, SLOW, Matrix, wait_for

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster whose head runs no cells."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80_000_000}
    made = Cluster(initialize_head=True, head_node_args=head)
    yield made
    made.shutdown()


def add_node(cluster: Any) -> Any:
    """A node of one CPU."""
    return cluster.add_node(num_cpus=1, object_store_memory=80_000_000)


def kill(node: Any) -> None:
    """End a node with its workers, as a power cut does."""
    own = {each.process.pid for listed in node.all_processes.values() for each in listed}
    for number in own | children_of(own):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def children_of(parents: set[int]) -> set[int]:
    """The processes that some others started (``proc(5)``: name, state, parent)."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) in parents:
                found.add(int(path.parent.name))
    return found


def test_a_killed_node_costs_nothing_but_time(
    cluster: Any, tmp_path: Path, slow: dict[str, bytes]
) -> None:
    nodes = [add_node(cluster), add_node(cluster)]
    matrix = Matrix(tmp_path)
    process = matrix.start("out", *SLOW, "--executor", "ray", "--address", cluster.address)
    wait_for(lambda: len(matrix.checkpoints("out")) == 2)
    kill(nodes[0])
    add_node(cluster)
    printed, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed + errors
    assert printed.count("its worker on the cluster died") == 1
    assert "5 finished, 0 finished before, 0 not available, 0 failed" in printed
    assert matrix.predictions("out") == slow
    assert sorted(matrix.attempts("out").values()) == [1, 1, 1, 1, 2]


@pytest.mark.slow
def test_a_stopped_parent_leaves_checkpoints(tmp_path: Path, slow: dict[str, bytes]) -> None:
    matrix = Matrix(tmp_path)
    here = ("--executor", "ray", "--jobs", "2")
    process = matrix.start("out", *SLOW, *here)
    wait_for(lambda: len(matrix.checkpoints("out")) == 2)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 143
    assert errors.startswith("\nstopped by SIGTERM; go on with: python -m bench run --all")
    assert "(goes on where it was interrupted)" in matrix.run("out", *SLOW, *here)
    assert matrix.predictions("out") == slow
