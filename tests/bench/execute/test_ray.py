"""A real Ray cluster of several nodes on this machine, one of which is killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.bench.execute.executing import SECONDS, SLOW, Matrix, wait_for
from tests.bench.execute.ray_nodes import add_node, kill, started_cluster

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.filterwarnings("default")


def test_a_killed_node_costs_nothing_but_time(tmp_path: Path, slow: dict[str, bytes]) -> None:
    matrix = Matrix(tmp_path)
    with started_cluster() as cluster:
        nodes = [add_node(cluster), add_node(cluster)]
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
