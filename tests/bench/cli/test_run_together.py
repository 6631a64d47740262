"""Several experiments in one ``bench run``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from bench.runs.store import Store
from tests.bench.cli.conftest import Command, assert_refused

TINY = Path(__file__).parents[2] / "faults" / "tiny.yaml"


@pytest.mark.usefixtures("tiny_plugin")
def test_cells_of_several_experiments_are_run_seed_by_seed_and_each_once(bench: Command) -> None:
    tree = {**yaml.safe_load(TINY.read_text()), "seeds": [0, 1], "controls": ["prior"]}
    for name, losses in (("a", ["ce"]), ("b", ["ce", "focal"])):
        Path(f"{name}.yaml").write_text(yaml.safe_dump({**tree, "name": name, "losses": losses}))
    done = bench(
        "run", "--all", "a.yaml", "b.yaml", "--plugin", "tiny_plugin.py", "--device", "cpu",
        "--json-log",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["cell"] for line in lines if line["event"] == "cell_started"] == [
        "a: control prior",
        "a: tiny ce seed 0",
        "b: tiny focal seed 0",
        "a: tiny ce seed 1",
        "b: tiny focal seed 1",
    ]
    records = Store(Path("results/runs")).experiments()
    assert [(each.experiment.name, len(each.runs)) for each in records] == [("a", 3), ("b", 5)]


@pytest.mark.usefixtures("tiny_plugin")
def test_one_experiment_and_one_config_are_as_ever(bench: Command) -> None:
    assert_refused(bench("run", "absent.yaml"), "config file 'absent.yaml' is not there")


def test_options_that_an_executor_does_not_take_are_refused(bench: Command) -> None:
    options = ("--executor", "processes", "--address", "x")
    assert_refused(bench("run", "cxnet_m1", "--config", "demo", *options), "--executor")
    assert not Path("results/runs").exists()
