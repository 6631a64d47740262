"""Commands that run a row again."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from bench.report.html.reproduce import Recipe, recipe
from bench.runs.cells import NetworkSettings
from tests.bench.records import cell
from tests.bench.report.html import pages
from tests.bench.report.runs import CHANCE, PERFECT, Runs

IMPORTED = pages.IMPORTED | {
    "file": "their preds.csv",
    "combine": "noisy_or",
    "image_column": "the file",
}


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "my runs")


def of_only_row(runs: Runs) -> Recipe:
    ((row,),) = (table.rows for table in runs.tables())
    return recipe(row)


def test_each_run_of_a_network_is_reproduced(runs: Runs) -> None:
    second = runs.add("timm:resnet10t", PERFECT, loss="sin", seed=2)
    name = runs.add("timm:resnet10t", PERFECT, loss="sin", environment={"commit": None})
    found = of_only_row(runs)
    assert [shlex.split(line) for line in found.command.splitlines()] == [
        ["bench", "reproduce", f"my runs/{name}"],
        ["bench", "reproduce", f"my runs/{second}"],
    ]
    assert not found.plugin
    settings = NetworkSettings.model_validate(yaml.safe_load(found.settings))
    assert settings == cell("timm:resnet10t", "sin").settings
    assert found.facts["commit"] == "unknown; abc123"
    assert found.facts["versions"] == "cxnet-bench 0.1.0, torch 2.6"
    assert found.facts["device"] == "CPU, 2 cores (a processor), 2 threads, Linux"
    assert found.facts["date"] == "2026-01-02"
    assert name in found.facts["runs"]


def test_a_network_of_a_plugin_needs_it(runs: Runs) -> None:
    runs.add("mine", PERFECT, settings={"model": {"pretrained": False, "code": "0123"}})
    assert of_only_row(runs).plugin


def test_a_control_is_reproduced(runs: Runs) -> None:
    name = runs.add("prior", CHANCE)
    assert shlex.split(of_only_row(runs).command) == ["bench", "reproduce", f"my runs/{name}"]


def test_imported_predictions_are_imported_again(runs: Runs) -> None:
    name = runs.add("theirs", PERFECT, imported=IMPORTED)
    found = of_only_row(runs)
    assert shlex.split(found.command) == [
        "bench", "import", "their preds.csv", "--as", "theirs", "--combine", "noisy_or",
        "--image-column", "the file", "--config", f"my runs/{name}/experiment.yaml",
    ]  # fmt: skip
    assert found.digest == "d" * 64


def test_without_its_experiment_there_is_no_command(runs: Runs) -> None:
    name = runs.add("tiny", PERFECT)
    ((row,),) = [table.rows for table in runs.tables()]
    (runs.store.root / name / "experiment.yaml").unlink()
    assert recipe(row).command == ""
