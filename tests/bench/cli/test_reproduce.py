"""``bench reproduce``: a run is made again from its folder, and compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pandas as pd
import pytest
import torch
import yaml

from bench.runs.records import Outcome
from tests.bench.cli.conftest import TINY, Command
from tests.bench.cli.conftest import Outcome as Ended
from tests.bench.cli.images import write_manifest
from tests.bench.records import as_written
from tests.bench.report.runs import PERFECT, Runs, imported

RUNS = Path("results/runs")


def run_of(pattern: str) -> Path:
    (folder,) = RUNS.glob(pattern)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def assert_refused(outcome: Ended, *parts: str) -> None:
    assert outcome.code == 2, outcome
    assert outcome.err.splitlines()[-1].startswith("error: "), outcome.err
    for part in parts:
        assert part in outcome.err
    assert outcome.out == ""


@pytest.mark.usefixtures("tiny_runs")
def test_a_network_and_a_control_are_made_again(bench: Command, tiny_plugin: Path) -> None:
    folder = run_of("tiny-*")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    outcome = bench("reproduce", folder.name, "--plugin", tiny_plugin, "--out", "again")
    assert (outcome.code, outcome.out) == (0, "identical\n"), outcome.err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    again = Path("again", folder.name)
    assert (again / "predictions.csv").read_bytes() == before[folder / "predictions.csv"]
    assert bench("doctor", "--out", "again").code == 0
    outcome = bench("reproduce", run_of("prior-*"))
    assert (outcome.code, outcome.out) == (0, "identical\n"), outcome.err
    assert_refused(
        bench("reproduce", folder, "--plugin", tiny_plugin, "--out", "again"),
        f"again/{folder.name}", "--out",
    )  # fmt: skip
    (again / "run.json").unlink()  # as if it had been stopped
    outcome = bench("reproduce", folder, "--plugin", tiny_plugin, "--out", "again")
    assert (outcome.code, outcome.out) == (0, "identical\n"), outcome.err
    assert_refused(bench("reproduce", folder), "unknown model 'tiny'")
    assert_refused(bench("reproduce", "absent-0123"), "absent-0123")


@pytest.fixture
def own_threads() -> Iterator[None]:
    """The test may change the number of threads."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("tiny_runs", "own_threads")
def test_what_differs_is_named_with_what_has_changed(bench: Command, tiny_plugin: Path) -> None:
    folder = run_of("tiny-*")
    path = folder / "predictions.csv"
    frame = pd.read_csv(path, dtype=str)
    last = float(frame["probability"].iloc[-1])
    frame.loc[len(frame) - 1, "probability"] = str(last - 0.25 if last > 0.5 else last + 0.25)
    environment = json.loads((folder / "environment.json").read_text())
    environment["attempts"][0]["versions"]["torch"] = "2.5"
    more = environment["attempts"][0]["threads"] + 1
    with as_written(folder):
        frame.to_csv(path, index=False)
        (folder / "environment.json").write_text(json.dumps(environment))
    # The run's own number of threads is used, so that none is named. The weights say that the
    # training itself is the same.
    torch.set_num_threads(more)
    outcome = bench("reproduce", folder, "--plugin", tiny_plugin)
    assert torch.get_num_threads() == more
    assert outcome.code == 1
    assert re.fullmatch(r"max \|Δp\| 0\.25: torch 2\.5 → \S+\n", outcome.out), outcome.out
    with as_written(folder):
        path.write_text(path.read_text().replace("test,", "test,x", 1))
    outcome = bench("reproduce", folder, "--plugin", tiny_plugin)
    assert (outcome.code, "other images" in outcome.out) == (1, True)


@pytest.mark.usefixtures("tiny_runs")
def test_targets_are_no_probabilities_and_the_folder_may_be_the_present_one(
    bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of("prior-*")
    with as_written(folder):
        path = folder / "predictions.csv"
        frame = pd.read_csv(path, dtype=str)
        frame.loc[0, "target"] = str(1 - int(frame["target"].iloc[0]))
        frame.to_csv(path, index=False)
    monkeypatch.chdir(folder)
    outcome = bench("reproduce", ".")
    assert outcome.code == 1, outcome.err
    assert outcome.out == "max |Δp| 0 (targets differ too): in the same environment\n"


@pytest.mark.parametrize("vary", ["train.lr: [0.1, 0.02]", "data.split_seed: [0, 1]"])
def test_a_level_is_made_again(bench: Command, tiny_plugin: Path, vary: str) -> None:
    level = ("--set", f"vary={{{vary}}}", "--set", "controls=[]", "--loss", "ce")
    assert bench("run", "tiny", "--plugin", tiny_plugin, *TINY, *level).code == 0
    folders = list(RUNS.glob("tiny-*"))
    assert len(folders) == 2
    for folder in folders:
        outcome = bench("reproduce", folder, "--plugin", tiny_plugin)
        assert (outcome.code, outcome.out) == (0, "identical\n"), outcome.err


def test_other_data_code_or_device_is_refused(bench: Command, tiny_plugin: Path) -> None:
    images = write_manifest(Path("mine"))
    command = ("run", "tiny", "--loss", "ce", "--plugin", tiny_plugin, "--config", "manifest")
    assert bench(*command, "--data", images, *TINY[2:], "--seeds", "0").code == 0
    folder = run_of("tiny-*")
    moved = images.rename("moved")
    again = ("reproduce", folder, "--plugin", tiny_plugin)
    assert_refused(bench(*again), "'mine'", "--data")
    assert bench(*again, "--data", moved).out == "identical\n"
    manifest = moved / "manifest.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(lines[:-1]) + "\n")
    assert_refused(bench(*again, "--data", moved), folder.name, "fingerprint")
    edit(tiny_plugin, "0.2", "0.3")
    assert_refused(bench(*again, "--data", moved), folder.name, "model.code")
    with as_written(folder):
        edit(folder / "environment.json", '"device": "CPU, ', '"device": "Some GPU ')
    if not torch.cuda.is_available():
        assert_refused(bench(*again, "--data", moved), "Some GPU")


def test_what_was_not_made_here_is_refused(bench: Command) -> None:
    runs = Runs(RUNS)
    theirs = runs.add("theirs", PERFECT, imported=imported())
    assert_refused(bench("reproduce", theirs), theirs, "imported")
    failed = runs.add("net", outcome=Outcome(state="failed", reason="boom"))
    assert_refused(bench("reproduce", failed), failed, "failed")


def test_weights_that_are_not_here_are_refused_where_they_are_needed(
    bench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    runs = Runs(RUNS)
    from_weights = {"pretrained": True, "weights": "0" * 64}
    pretrained = runs.add("resnet18", PERFECT, settings={"model": from_weights})
    from_scratch = runs.add("resnet18", PERFECT)
    for name in (pretrained, from_scratch):
        with as_written(RUNS / name):
            path = RUNS / name / "experiment.yaml"
            experiment = yaml.safe_load(path.read_text())
            experiment["models"] = ["resnet18"]
            experiment["model"]["both"] = ["resnet18"]
            path.write_text(yaml.safe_dump(experiment))
    assert_refused(bench("reproduce", pretrained), "bench weights fetch resnet18")
    assert_refused(bench("reproduce", from_scratch), from_scratch, "data.image_size 64 → 224")


@pytest.mark.slow
def test_a_winner_is_made_again(bench: Command, tiny_plugin: Path) -> None:
    budget = ("--budget", "trials=2", "--plugin", tiny_plugin)
    assert bench("tune", "tiny", *budget, *TINY).code == 0
    folders = list(RUNS.glob("tiny-*"))
    assert len(folders) == 2
    for folder in folders:
        outcome = bench("reproduce", folder, "--plugin", tiny_plugin)
        assert (outcome.code, outcome.out) == (0, "identical\n"), outcome.err
