"""``bench export``: a folder, a line that says how well it was checked, an exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.cli.conftest import TINY, Command
from tests.bench.cli.images import write_manifest


@pytest.mark.usefixtures("tiny_runs")
def test_a_run_is_exported_with_its_card(bench: Command, tiny_plugin: Path) -> None:
    (folder,) = Path("results/runs").glob("tiny-ce-s0-*")
    call = ("export", folder.name, "--to", "torchscript", "--out", "made", "--plugin", tiny_plugin)
    outcome = bench(*call, "--subgroups")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("made: max |Δp| ")
    assert "from what the run stored of 29 test images" in outcome.out
    card = Path("made/README.md").read_text()
    assert card.startswith("# Model card: tiny ce seed 0\n")
    assert "The images are synthetic" in card
    assert "| sex " in card
    assert "nobody has looked at sex" not in card
    again = bench(*call)
    assert (again.code, again.out) == (2, "")
    assert "'made' is there already: give another folder with --out" in again.err


@pytest.mark.usefixtures("tiny_runs")
def test_a_control_has_no_network(bench: Command) -> None:
    (folder,) = Path("results/runs").glob("prior-control-*")
    outcome = bench("export", folder, "--out", "made")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is of kind control: only a network, whose weights are kept" in outcome.err
    assert not Path("made").exists()


@pytest.mark.usefixtures("tiny_runs")
def test_without_its_packages_onnx_says_what_to_install(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = Path("results/runs").glob("tiny-ce-s0-*")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    outcome = bench("export", folder, "--out", "made", "--plugin", tiny_plugin)
    assert outcome.code == 2
    assert "ONNX needs package onnxscript: pip install 'cxnet-bench[onnx]'" in outcome.err
    assert [*Path().glob("*made*")] == [*Path().glob(".*made*")] == []


def test_other_images_than_the_runs_are_exit_code_1(
    bench: Command, tiny_plugin: Path, tmp_path: Path
) -> None:
    write_manifest(tmp_path / "first")
    write_manifest(tmp_path / "second", labels=("Effusion", "normal"))
    train = ("run", "tiny", "--loss", "ce", "--plugin", tiny_plugin, "--config", "manifest")
    first = ("--data", tmp_path / "first", *TINY[2:], "--seeds", "0")
    assert bench(*train, *first).code == 0
    (folder,) = Path("results/runs").glob("tiny-ce-s0-*")
    call = ("export", folder, "--to", "torchscript", "--out", "made", "--plugin", tiny_plugin)
    outcome = bench(*call, "--data", tmp_path / "second")
    assert (outcome.code, outcome.out) == (1, "")
    assert "are these the run's data (--data)?" in outcome.err
    assert not Path("made").exists()
