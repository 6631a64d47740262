"""The work on many runs grows with their number: counted, not timed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.runs.records import Outcome
from bench.runs.run import Run
from bench.runs.store import Store
from bench.tracking.status import read_status
from tests.bench.records import ENVIRONMENT
from tests.bench.report.runs import PERFECT, Runs

RUNS = 5


@pytest.fixture
def store(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Runs that were found whole before."""
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "cache"))
    for seed in range(RUNS):
        runs.add("net", PERFECT, seed=seed)
    runs.store.survey()
    return runs.store


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of times that files are opened from now on, by name."""
    counts: Counter[str] = Counter()
    real = Path.open

    def counting(path: Path, *arguments: Any, **options: Any) -> Any:
        counts[path.name] += 1
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counting)
    return counts


FILES = ("run.json", "config.yaml", "data.json", "environment.json")


def test_a_survey_opens_four_small_files_of_each_whole_run(
    store: Store, opened: Counter[str]
) -> None:
    assert len(store.survey().runs) == RUNS
    assert opened == {**dict.fromkeys(FILES, RUNS), "whole_runs.json": 1}


def test_looking_at_runs_one_by_one_reads_the_memory_of_whole_runs_once(
    store: Store, opened: Counter[str]
) -> None:
    folders = [run.folder for run in store.runs()]
    opened.clear()
    assert all(isinstance(store.read(folder), Run) for folder in folders)
    assert opened == dict.fromkeys(FILES, RUNS)


def test_runs_share_the_records_that_they_have_in_common(store: Store) -> None:
    found = store.runs()
    assert all(run.data is found[0].data for run in found)
    assert all(run.attempts is found[0].attempts for run in found)


def test_the_state_of_a_folder_compares_no_run_with_another(
    runs: Runs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.add("other", None, outcome=Outcome(state="failed", reason="no memory"))

    def fails(_: Run, __: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(Run, "__eq__", fails)
    status = read_status(store)
    assert [run.cell.model for run in status.failed] == ["other"]
    assert [run.cell.seed for run in status.ended] == [*range(RUNS)]


def test_a_record_that_was_changed_is_read_anew(store: Store) -> None:
    folder = store.runs()[0].folder
    path = folder / "environment.json"
    path.write_text(path.read_text().replace(ENVIRONMENT.platform, "Plan 9"))
    (unusable,) = store.survey().unusable
    assert (unusable.name, unusable.reason) == (folder.name, "environment.json was changed")
