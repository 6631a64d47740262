"""Two machines at one search: real processes, a real server, and no folder in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.runs.store import Store
from bench.tuning.trials import WORKER, spent
from tests.bench.cli.conftest import TINY, finish
from tests.bench.tuning.conftest import Tune, facts
from tests.forked import start_bench


@pytest.mark.slow
def test_two_machines_share_a_search_through_postgresql(
    tmp_path: Path, tiny_plugin: Path, postgres: str
) -> None:
    """The short form, on one machine, is in ``tests/bench/cli/test_tune.py``."""
    command = (
        "tune", "tiny", "--plugin", tiny_plugin, *TINY, "--set", "controls=[prior]",
        "--loss", "ce", "--seeds", "0", "--budget", "trials=10", "--storage", postgres,
    )  # fmt: skip
    begun = [start_bench(*command, "--out", out, cwd=tmp_path) for out in ("one", "two")]
    for process in begun:
        outcome = finish(process)
        assert (outcome.code, outcome.err) == (0, "")
    trials = Tune(tmp_path / "one").trials("tiny-ce", postgres)
    assert spent(trials).trials == 10
    evaluated = [trial for trial in trials if trial.intermediate_values]
    assert len(facts(evaluated)) == len({tuple(trial.params.values()) for trial in evaluated}) == 10
    assert 1 <= len({trial.user_attrs[WORKER]["at"] for trial in evaluated}) <= 2
    records = [record for out in ("one", "two") for record in Store(tmp_path / out).tunings()]
    assert [record.spent.trials for record in records] == [10, 10]
    assert len({(record.trial, record.runs) for record in records}) == 1
