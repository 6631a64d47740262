"""Speeds of networks are measured once a machine, and again for whatever else is trained."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from bench.cache import read_facts, write_facts
from bench.config import Experiment, expand, load_experiment
from bench.errors import InputError
from bench.planning import probe, speeds
from bench.planning.speeds import SPEEDS, measure_speeds
from bench.registry.plugins import load_plugins

TIMED: list[str] = []
ZERO = {"device": "cpu", "rate": 0.0, "measured": "2026-01-01"}


@pytest.fixture(autouse=True)
def _probes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Probes of 100 images a second, which tell their model; nothing is known yet."""

    def probe_(model: str, *_: object) -> float:
        TIMED.append(model)
        return 100.0

    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(probe, "probe", probe_)
    TIMED.clear()


def experiment(**changes: object) -> Experiment:
    """A small network with both losses."""
    settings = ("losses=[ce,sin]", "model.both=[]", "controls=[prior]", "data.image_size=32")
    return load_experiment("demo", settings=settings, changes={"models": ["cxnet_m1"]} | changes)


def test_a_second_plan_times_nothing() -> None:
    levels = expand(experiment(**{"vary.train.lr": [0.1, 0.2]}))
    first = measure_speeds(levels, device="cpu")
    assert first.device == "cpu"
    assert first.rates == [{("cxnet_m1", "ce"): 100.0, ("cxnet_m1", "sin"): 100.0}] * 2
    assert TIMED == ["cxnet_m1"]
    again = measure_speeds(levels, device="cpu")
    assert again.rates == first.rates
    assert TIMED == ["cxnet_m1"]
    assert (first.measured, again.measured) == (None, date.today())


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": [5, 6], "data.root": "elsewhere"},
        {"train.lr": 0.3, "train.max_iterations": 7, "train.validate_every": 7},
        {"losses": ["sin"]},
        {"vary.train.lr": [0.1, 0.2]},
    ],
)
def test_what_changes_no_step_is_no_other_speed(changes: dict[str, object]) -> None:
    measure_speeds([experiment()], device="cpu")
    measure_speeds(expand(experiment(**changes)), device="cpu")
    assert TIMED == ["cxnet_m1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"data.image_size": 40},
        {"train.batch_size": 8},
        {"train.optimizer": "sgd"},
        {"loss.options": {"focal": {"gamma": 1.5}}},
        {"task": "m2"},
        {"losses": ["focal"]},
        {"model.options": {"cxnet_m1": {"conv4_kernel": 1}}},
    ],
)
def test_other_settings_are_checked_and_timed(changes: dict[str, object]) -> None:
    measure_speeds([experiment()], device="cpu")
    measure_speeds([experiment(**changes)], device="cpu")
    assert TIMED == ["cxnet_m1"] * 2


def test_levels_that_differ_in_a_step_are_timed_each() -> None:
    measure_speeds(expand(experiment(**{"vary.train.optimizer": ["sgd", "adamw"]})), device="cpu")
    assert TIMED == ["cxnet_m1"] * 2


def test_one_unknown_level_has_all_timed() -> None:
    measure_speeds([experiment()], device="cpu")
    both = expand(experiment(**{"vary.train.batch_size": [32, 8]}))
    assert measure_speeds(both, device="cpu").measured is None


def test_other_gpus_and_drivers_are_timed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speeds, "_DRIVER", tmp_path)
    for model in ("H100", "H100", "H200"):
        gpu = tmp_path / "gpus" / "0000:01:00.0" / "information"
        gpu.parent.mkdir(parents=True, exist_ok=True)
        gpu.write_text(f"Model: {model}")
        measure_speeds([experiment()], device="cpu")
    assert TIMED == ["cxnet_m1"] * 2
    (tmp_path / "version").write_text("580.1")
    measure_speeds([experiment()], device="cpu")
    assert TIMED == ["cxnet_m1"] * 3


def test_a_device_that_is_not_there_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(InputError, match="cuda"):
            measure_speeds([experiment()], device="cuda")


def test_other_threads_are_timed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    measure_speeds([experiment()], device="cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    measure_speeds([experiment()], device="cpu")
    assert TIMED == ["cxnet_m1"] * 2


@pytest.mark.usefixtures("registries_kept")
def test_a_plugins_network_is_timed_at_each_plan(tiny_plugin: Path) -> None:
    load_plugins([tiny_plugin])
    for _ in range(2):
        measure_speeds([experiment(models=["tiny", "cxnet_m1"])], device="cpu")
    assert TIMED == ["tiny", "cxnet_m1"] * 2
    measure_speeds([experiment()], device="cpu")
    assert len(TIMED) == 4


@pytest.mark.usefixtures("registries_kept")
def test_an_option_of_a_plugin_is_refused_without_it(tiny_plugin: Path) -> None:
    wanted = experiment(**{"model.options": {"tiny": {}}})
    with pytest.raises(InputError, match="tiny"):
        measure_speeds([wanted], device="cpu")
    load_plugins([tiny_plugin])
    measure_speeds([wanted], device="cpu")
    assert read_facts(SPEEDS) == {}


def test_what_cannot_be_timed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_little_memory(*_: object) -> float:
        raise MemoryError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(probe, "probe", too_little_memory)
        (found,) = measure_speeds([experiment(losses=["ce"])], device="cpu").rates
    assert dict(found) == {("cxnet_m1", "ce"): "cannot be timed: MemoryError: no memory"}
    (found,) = measure_speeds([experiment(losses=["ce"])], device="cpu").rates
    assert dict(found) == {("cxnet_m1", "ce"): 100.0}


@pytest.mark.parametrize("fact", [None, 5, {}, ZERO])
def test_a_spoilt_fact_is_found_out_again(fact: object) -> None:
    measure_speeds([experiment()], device="cpu")
    write_facts(SPEEDS, dict.fromkeys(read_facts(SPEEDS), fact))
    (found,) = measure_speeds([experiment()], device="cpu").rates
    assert found["cxnet_m1", "sin"] == 100.0


def test_a_mistake_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(InputError, match="optimizer"):
            measure_speeds([experiment(**{"train.optimizer": "sdg"})], device="cpu")
    assert read_facts(SPEEDS) == {}


def test_a_plan_of_what_was_timed_needs_no_torch() -> None:
    measure_speeds([experiment()], device="auto")
    code = (
        "import json, sys; from bench.cli.main import main\n"
        "main(json.loads(sys.argv[1]), standalone_mode=False)\n"
        "print(sorted({'torch', 'timm', 'sklearn'} & set(sys.modules)))"
    )
    command = ["run", "cxnet_m1", "--loss", "ce", "--loss", "sin", "--dry-run"]
    for setting in ("model.both=[]", "controls=[prior]", "data.image_size=32"):
        command += ["--set", setting]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(command)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stdout.count("(100 images/s)\n") == 2
