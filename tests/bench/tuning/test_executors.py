"""Tunings on real workers, one of which is lost: processes, a Ray cluster, a Slurm-like array.

The short forms are in ``test_participation.py``, by a worker in this process, and
``tests/bench/execute``, by runs on real workers.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.runs.store import Store
from bench.tuning.trials import was_interrupted
from tests.bench.execute.executing import SECONDS, Matrix, wait_for
from tests.bench.execute.ray_nodes import add_node, kill, started_cluster
from tests.bench.execute.test_processes import workers
from tests.bench.execute.test_slurm import tasks
from tests.bench.tuning.conftest import Tune, iterations
from tests.forked import Forked

TRIALS, STEPS = 4, 30
OPTIONS = (
    "--loss", "ce", "--seeds", "0", "--budget", f"trials={TRIALS}",
    "--set", f"train.max_iterations={STEPS}", "--set", "controls=[prior]",
)  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("all_candidates")]
TWO = ("--executor", "processes", "--jobs", "2")


@dataclass(frozen=True)
class Tuning(Matrix):
    """A tuning of the matrix's network."""

    def arguments(self, out: str, *more: str) -> list[str]:
        _, _, *options = super().arguments(out, *OPTIONS, *more)
        return ["tune", "tiny", *options]

    def trial_checkpoints(self, out: str) -> list[Path]:
        """The last states of trials under way."""
        return list((self.folder / out).glob("tuning/trials/*/*-s1000-*/last.pt"))

    def check(self, out: str, url: str | None = None) -> int:
        """Every trial is trained once and charged once; returns the number of interruptions."""
        trials = Tune(self.folder / out).trials(url=url)
        ended = [trial for trial in trials if not was_interrupted(trial)]
        evaluated = [trial for trial in ended if trial.intermediate_values]
        assert len(evaluated) == len({str(trial.params) for trial in evaluated}) == TRIALS
        (record,) = Store(self.folder / out).tunings()
        assert record.spent.trials == TRIALS
        assert record.spent.iterations == sum(map(iterations, trials))
        assert record.spent.pruned or record.spent.iterations == TRIALS * STEPS
        (study,) = (self.folder / out / "tuning" / "trials").iterdir()
        assert len(list(study.glob("tiny-ce-*/run.json"))) == TRIALS + 3 * 2
        assert not list(study.glob("*/*.pt"))
        assert list((self.folder / out / ".status").iterdir()) == []
        (run,) = record.runs
        assert (self.folder / out / run / "predictions.csv").is_file()
        return sum(map(was_interrupted, trials))


def finish(process: Forked | subprocess.Popen[str], code: int = 0) -> str:
    """Wait for a command; returns what it printed."""
    printed, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == code, printed + errors
    return printed


def test_a_killed_worker_is_replaced_and_its_trial_goes_on(tmp_path: Path) -> None:
    tuning = Tuning(tmp_path)
    with tuning.braked():
        process = tuning.start("out", "--executor", "processes", "--jobs", "1")
        wait_for(lambda: tuning.trial_checkpoints("out"), process)
        os.kill(workers(process)[0], signal.SIGKILL)
    printed = finish(process)
    assert printed.count("its worker process died (SIGKILL") == 1
    assert printed.count("(goes on where it was interrupted)") == 1
    assert tuning.check("out") == 1
    assert "2 finished, 0 finished before, 0 not available, 0 failed" in printed


def test_a_stopped_parent_leaves_checkpoints_and_no_workers(tmp_path: Path) -> None:
    tuning = Tuning(tmp_path)
    with tuning.braked():
        process = tuning.start("out", *TWO)
        wait_for(lambda: len(tuning.trial_checkpoints("out")) == 2, process)
        before = workers(process)
        os.killpg(process.pid, signal.SIGINT)
        finish(process, 130)
    assert not any(Path(f"/proc/{worker}").exists() for worker in before)
    assert len(tuning.trial_checkpoints("out")) == 2
    assert tuning.run("out", *TWO).count("(goes on where it was interrupted)") == 2
    assert tuning.check("out") == 2


def test_two_commands_with_workers_share_a_tuning(tmp_path: Path) -> None:
    tuning = Tuning(tmp_path)
    one = ("--executor", "processes", "--jobs", "1")
    with tuning.braked():
        both = [tuning.start("out", *one), tuning.start("out", *one)]
        wait_for(lambda: len(tuning.trial_checkpoints("out")) == 2, both[0])
    for process in both:
        finish(process)
    assert tuning.check("out") == 0


@pytest.mark.filterwarnings("default")
def test_a_killed_node_costs_no_trial(tmp_path: Path) -> None:
    tuning, journal = Tuning(tmp_path), str(tmp_path / "studies.journal")
    with started_cluster() as cluster:
        node = add_node(cluster)
        ray = ("--executor", "ray", "--address", cluster.address)
        refused = tuning.start_fresh("out", *ray)
        assert "cannot share an SQLite file" in refused.communicate(timeout=SECONDS)[1]
        with tuning.braked():
            process = tuning.start_fresh("out", *ray, "--storage", journal)
            wait_for(lambda: len(tuning.trial_checkpoints("out")) == 2, process)
            kill(node)
        add_node(cluster)
        assert "its worker on the cluster died" in finish(process)
    assert tuning.check("out", journal) == 1


def test_preempted_jobs_go_on_with_their_trials(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    tuning, journal = Tuning(tmp_path), str(tmp_path / "studies.journal")
    array = ("--executor", "slurm", "--address", "local", "--jobs", "2", "--storage", journal)
    with tuning.braked():
        process = tuning.start("out", *array)
        wait_for(lambda: len(tuning.trial_checkpoints("out")) == 2, process)
        for task in tasks(tmp_path):
            os.kill(task, signal.SIGUSR2)  # as Slurm does before it takes the machine away
    assert finish(process).count("(goes on where it was interrupted)") == 2
    assert tuning.check("out", journal) == 2
