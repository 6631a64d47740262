"""Faults of a tuning's records and database, and of kept scores."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from bench.doctor import Finding, examine
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.scorer import Scorer
from bench.tuning.storage import lock_of, opened, parse_url
from tests.bench.report.runs import PERFECT, Runs
from tests.bench.report.test_tuned import tune


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def faults(runs: Runs, scorer: Scorer | None = None) -> dict[str, Finding]:
    """Findings by name, without those that no experiment names runs made by hand."""
    found = examine(runs.store, scorer=scorer or Scorer())[1]
    return {
        each.name: each
        for each in found
        if each.name not in ("experiments", "splits") and not each.name.startswith("splits/")
    }


def test_a_damaged_record_of_a_winner(runs: Runs) -> None:
    tune(runs, "other", runs_=[runs.add("other", PERFECT)])
    (record,) = runs.store.tuning.glob("*.json")
    assert faults(runs) == {}
    record.write_text(record.read_text().replace('"trial": ', '"trial": 1'))
    (finding,) = faults(runs).values()
    assert (finding.name, "bench tune" in finding.need) == (f"tuning/{record.name}", True)
    assert finding.mend is not None
    finding.mend()
    assert faults(runs) == {}
    assert (runs.store.root / "damaged" / "tuning" / record.name).exists()


def test_a_damaged_record_of_measured_maps(runs: Runs) -> None:
    """Only another `bench explain --boxes` measures them again."""
    file = runs.store.root / "heatmaps" / "0123456789ab.json"
    runs.add("other", PERFECT)
    file.parent.mkdir()
    file.write_text("{")
    (finding,) = faults(runs).values()
    assert finding.name == "heatmaps/0123456789ab.json"
    assert finding.need == (
        "--repair sets it aside; `bench explain --boxes` measures these maps again"
    )


def test_a_database_that_lost_a_winner_or_is_none(runs: Runs) -> None:
    tune(runs, "other", runs_=[runs.add("other", PERFECT)])
    url = parse_url(None, runs.store)
    with opened(url, lock=lock_of(url, runs.store)) as storage:
        optuna.create_study(storage=storage, study_name="another")
    assert "which won" in faults(runs)["tuning/studies.db"].fault
    (runs.store.tuning / "studies.db").write_bytes(b"none at all" * 999)
    assert "cannot be read" in faults(runs)["tuning/studies.db"].fault


def test_kept_scores_that_are_damaged(runs: Runs, tmp_path: Path) -> None:
    runs.add("other", PERFECT)
    scorer = Scorer(Resampling(count=20), kept=tmp_path / "scores")
    scorer.score(runs.store.runs()[0])
    assert faults(runs, scorer) == {}
    (file,) = (tmp_path / "scores").iterdir()
    file.write_bytes(b"half a pickle")
    (finding,) = faults(runs, scorer).values()
    assert finding.mend is not None
    finding.mend()
    assert (faults(runs, scorer), file.exists()) == ({}, False)
