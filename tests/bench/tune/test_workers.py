"""Two machines at one search: real processes, a real server, and no folder in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.runs.store import Store
from bench.tune.ledger import counted
from tests.bench.cli.conftest import TINY, finish, start
from tests.bench.tune.conftest import Tune


@pytest.mark.slow
def test_two_machines_share_a_search_through_postgresql(
    tmp_path: Path, tiny_plugin: Path, postgres: str
) -> None:
    """The short form, on one machine, is in ``tests/bench/cli/test_tune.py``."""
    command = (
        "tune", "tiny", "--plugin", tiny_plugin, *TINY, "--set", "controls=[prior]",
        "--loss", "ce", "--seeds", "0", "--budget", "trials=10", "--storage", postgres,
    )  # fmt: skip
    begun = [start(*command, "--out", out, cwd=tmp_path) for out in ("one", "two")]
    for process in begun:
        outcome = finish(process)
        assert (outcome.code, outcome.err) == (0, "")
    studies = Tune(tmp_path / "one").trials(postgres)
    (trials,) = (one for name, one in studies.items() if name.startswith("tiny-ce"))
    assert all(trial.state.is_finished() for trial in trials)
    numbers = counted(trials)
    assert len(numbers) == 10
    assert len({tuple(trials[number].params.values()) for number in numbers}) == 10
    places = {trials[number].user_attrs["worker"]["at"] for number in numbers}
    assert 1 <= len(places) <= 2
    winners = []
    for out in ("one", "two"):
        (record,) = Store(tmp_path / out).tunings()
        assert record.spent.trials == 10
        winners.append((record.trial, record.winner, record.runs))
    assert winners[0] == winners[1]
