"""A real Ray cluster of several nodes on this machine, one of which can be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.bench.execute.executing import children_of

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@contextmanager
def started_cluster(*, head_cpus: int = 1) -> Iterator[Any]:
    """A cluster of one node, its head of so many CPUs; a skip where Ray is not installed."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        # A node that is gone is missed after a second instead of fifteen.
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "2")
        head = {**NODE, "num_cpus": head_cpus, "include_dashboard": False, "no_monitor": True}
        made = Cluster(initialize_head=True, head_node_args=head)
        yield made
        made.shutdown()


def add_node(cluster: Any) -> Any:
    """A node of one CPU."""
    return cluster.add_node(**NODE)


def kill(node: Any) -> None:
    """End a node with its workers, as a power cut does."""
    own = {each.process.pid for listed in node.all_processes.values() for each in listed}
    for number in own | children_of(own):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
