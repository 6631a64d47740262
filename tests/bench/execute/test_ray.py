"""A real Ray cluster of several nodes on this machine, one of which is killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.bench.execute.executing import LONG, SECONDS, Matrix, wait_for
from tests.bench.execute.ray_nodes import add_node, kill, started_cluster

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.filterwarnings("default")


def test_a_killed_node_costs_nothing_but_time(tmp_path: Path, slow: dict[str, bytes]) -> None:
    matrix = Matrix(tmp_path)
    with started_cluster() as cluster:
        node = add_node(cluster)
        with matrix.braked():
            here = ("--executor", "ray", "--address", cluster.address)
            process = matrix.start_fresh("out", *LONG, *here)
            wait_for(lambda: len(matrix.checkpoints("out")) == 2, process)
            kill(node)
        printed, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed + errors
    assert printed.count("its worker on the cluster died") == 1
    assert "4 finished, 0 finished before, 0 not available, 0 failed" in printed
    assert matrix.predictions("out") == slow
    assert sorted(matrix.attempts("out").values()) == [1, 1, 1, 2]


@pytest.mark.slow
def test_a_stopped_parent_leaves_checkpoints(tmp_path: Path, slow: dict[str, bytes]) -> None:
    matrix = Matrix(tmp_path)
    here = ("--executor", "ray", "--jobs", "2")
    with matrix.braked():
        process = matrix.start_fresh("out", *LONG, *here)
        wait_for(lambda: len(matrix.checkpoints("out")) == 2, process)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 143
    assert errors.startswith("\nstopped by SIGTERM; go on with: python -m bench run --all")
    again = matrix.start_fresh("out", *LONG, *here)
    assert "(goes on where it was interrupted)" in again.communicate(timeout=SECONDS)[0]
    assert again.returncode == 0
    assert matrix.predictions("out") == slow
