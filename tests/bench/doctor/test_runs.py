"""Faults of runs, and what a repair leaves alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.doctor import Finding, examine
from bench.evaluate.scorer import Scorer
from tests.bench.records import as_written
from tests.bench.report.runs import PERFECT, Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def faults(runs: Runs) -> list[Finding]:
    """Findings on runs and their files."""
    found = examine(runs.store, scorer=Scorer())[1]
    return [each for each in found if not each.name.startswith(("experiments", "splits"))]


def add_network(runs: Runs) -> Path:
    """A run with predictions and weights."""
    folder = runs.store.root / runs.add("net", PERFECT)
    with as_written(folder):
        (folder / "best.pt").write_bytes(b"weights")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("how", ["copied", "renamed"])
def test_a_whole_run_that_was_copied_or_renamed_is_left_as_it_is(runs: Runs, how: str) -> None:
    folder = add_network(runs)
    before, other = contents(folder), folder.with_name("copy")
    if how == "copied":
        shutil.copytree(folder, other)
    else:
        folder.rename(other)
    (finding,) = faults(runs)
    assert (finding.name, finding.mend) == ("copy", None)
    assert folder.name in finding.fault
    assert contents(other) == before


def test_a_copy_without_predictions_is_no_run_that_predicts_again(runs: Runs) -> None:
    folder = add_network(runs)
    before = contents(folder)
    shutil.copytree(folder, folder.with_name("copy"))
    folder.with_name("copy").joinpath("predictions.csv").unlink()
    (finding,) = faults(runs)
    assert finding.mend is not None
    finding.mend()
    assert contents(folder) == before
    del before["predictions.csv"]
    assert contents(runs.store.root / "damaged" / "copy") == before
    assert faults(runs) == []


def test_predictions_that_cannot_be_parsed_are_set_aside_with_their_run(runs: Runs) -> None:
    folder = add_network(runs)
    with as_written(folder):
        path = folder / "predictions.csv"
        path.write_text(path.read_text().replace("0.9", "9", 1))
    (finding,) = faults(runs)
    assert finding.mend is not None
    finding.mend()
    assert (runs.store.root / "damaged" / folder.name / "run.json").is_file()
    assert not folder.exists()


def test_a_damaged_checkpoint_is_set_aside(runs: Runs) -> None:
    folder = add_network(runs)
    (folder / "last.damaged.pt").write_bytes(b"half")
    (finding,) = faults(runs)
    assert finding.name == f"{folder.name}/last.damaged.pt"
    assert finding.mend is not None
    finding.mend()
    moved = runs.store.root / "damaged" / folder.name / "last.damaged.pt"
    assert moved.read_bytes() == b"half"
    assert faults(runs) == []
