"""``bench list``, ``--help`` and ``--version``: what is here, at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.config import shipped_names
from bench.registry import MODELS
from tests.bench.cli.conftest import Command


def test_help_imports_nothing_heavy() -> None:
    """In a process of its own, since this one has imported them all."""
    program = """
import sys
from bench.cli.main import run
for words in ([], ["run"], ["cascade"], ["report"], ["list"], ["data"], ["data", "check"],
              ["data", "phantom"], ["data", "split"], ["data", "summary"], ["weights"],
              ["weights", "fetch"], ["speed"], ["tune"], ["import"], ["config", "show"],
              ["export"], ["explain"], ["evaluate"], ["audit"], ["checklist"]):
    sys.argv = ["bench", *words, "--help"]
    try:
        run()
    except SystemExit as stop:
        assert not stop.code, words
heavy = {"torch", "timm", "pandas", "sklearn", "matplotlib", "pydantic", "yaml"}
print("loaded:", *sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Usage: bench") == 21
    assert done.stdout.endswith("loaded:\n")


def listed(bench: Command, *arguments: object) -> list[dict[str, object]]:
    outcome = bench("list", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    facts: list[dict[str, object]] = json.loads(outcome.out)
    return facts


def test_models_by_pattern(bench: Command) -> None:
    assert [model["name"] for model in listed(bench, "models", "resnet*")] == [
        "resnet18",
        "resnet50",
    ]
    lines = bench("list", "models", "resnet*").out.splitlines()
    assert "multiply-adds at 40 px" in lines[0]  # the demo's
    assert lines[2].split()[:2] == ["resnet18", "11,171,266"]
    assert len(lines) == 4


def test_a_model_carries_its_costs_at_the_size_of_the_config(bench: Command) -> None:
    (at_40,) = listed(bench, "models", "cxnet_m1")
    assert (at_40["image_size"], at_40["parameters"]) == (40, 3_374_594)
    size = ("--set", "data.image_size=80")
    (at_80,) = listed(bench, "models", "cxnet_m1", *size)
    assert at_80["image_size"] == 80
    assert at_80["multiply_adds"] > 3 * at_40["multiply_adds"]  # type: ignore[operator]
    (rgb,) = listed(bench, "models", "cxnet_m1", "--set", "model.in_channels=3")
    assert rgb["parameters"] == 3_375_170
    (inception,) = listed(bench, "models", "inception_v3")
    assert (inception["parameters"], inception["min_image_size"]) == (None, 75)
    assert "needs images of at least 75 px" in bench("list", "models", "inception_v3").out


def test_a_model_of_timm_and_one_of_a_plugin(bench: Command, tiny_plugin: Path) -> None:
    (model,) = listed(bench, "models", "timm:resnet10t")
    assert (model["name"], model["source"]) == ("timm:resnet10t", "timm")
    names = [model["name"] for model in listed(bench, "models", "timm:resnet10t*")]
    assert names == ["timm:resnet10t"]
    (tiny,) = listed(bench, "models", "tin*", "--plugin", tiny_plugin)
    assert tiny["parameters"] == 4 * 25 + 4 + 4 * 2 + 2


def test_losses_datasets_and_configs(bench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = [loss["name"] for loss in listed(bench, "losses")]
    assert losses[:5] == ["ce", "weighted_ce", "focal", "sin", "sin_hump"]
    chosen = [loss["name"] for loss in listed(bench, "losses", "sin*", "ce")]
    assert chosen == [name for name in losses if name == "ce" or name.startswith("sin")]
    sources = {source["name"] for source in listed(bench, "datasets")}
    assert sources == {"dicom", "folders", "nih", "medmnist", "manifest", "phantom"}
    assert [config["name"] for config in listed(bench, "configs")] == shipped_names()
    assert "nih_official" in bench("list", "configs", "nih*").out
    # Building all models takes seconds; tests/bench/registry does.
    monkeypatch.setattr("bench.registry.models.match_models", lambda _: [MODELS.get("cxnet_m1")])
    kinds = ["models", "losses", "tasks", "datasets", "configs"]
    assert list(json.loads(bench("list", "--json").out)) == kinds
    assert [line for line in bench("list").out.splitlines() if line in kinds] == kinds


@pytest.mark.parametrize("kind", ["models", "tasks"])
def test_a_pattern_that_fits_nothing(bench: Command, kind: str) -> None:
    assert listed(bench, kind, "zzz*") == []
    outcome = bench("list", kind, "zzz*")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == f"no {kind} fit zzz*\n"
