"""``bench speed``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.cli.conftest import Command, assert_refused

SMALL = (
    "--image-size", 16, "--batch-size", 4, "--repeats", 1, "--seconds", 0.01, "--device", "cpu",
    "--threads", 1,
)  # fmt: skip


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.speed.run.in_child", lambda do, *args, **more: do(*args, **more))
    monkeypatch.setattr("bench.speed.machine._SIDES", {"cpu": (64,)})


@pytest.mark.usefixtures("in_this_process")
def test_figures_of_a_model_and_the_machine(bench: Command, tiny_plugin: Path) -> None:
    outcome = bench("speed", "tiny", "--plugin", tiny_plugin, *SMALL, "--json")
    assert outcome.code == 0
    shown = json.loads(outcome.out)
    assert shown["machine"]["threads"] == 1
    assert shown["device_flops"] > 0
    (tiny,) = shown["models"]
    # A convolution of 5×5 from 16 px to 4 filters with stride 4, and a layer from 4 to 2.
    assert tiny["inference_flop"] == 2 * (3 * 3 * 4 * 25 + 4 * 2)
    assert len(tiny["training"]["repeats"]) == 1
    share = tiny["training"]["median"] * tiny["training_flop"] / shown["device_flops"]
    assert tiny["training_share"] == pytest.approx(share)


@pytest.mark.usefixtures("in_this_process")
def test_the_table_has_a_row_for_each_model(bench: Command, tiny_plugin: Path) -> None:
    outcome = bench("speed", "tiny", "inception_v3", "--plugin", tiny_plugin, *SMALL)
    assert outcome.code == 1
    head, _, tiny, inception, *notes = outcome.out.splitlines()
    assert head.split("|")[2].strip() == "training images/s"
    assert tiny.startswith("| tiny ")
    assert {cell.strip() for cell in inception.split("|")[2:-1]} == {"–"}
    assert any(note.startswith("- inception_v3 failed: ") for note in notes)
    assert "at least 75 px" in outcome.err


@pytest.mark.usefixtures("in_this_process")
def test_training_against_a_bare_loop(bench: Command, tiny_plugin: Path) -> None:
    outcome = bench("speed", "tiny", "--plugin", tiny_plugin, *SMALL, "--against", "bare")
    assert outcome.code == 0
    head, _, row = outcome.out.splitlines()[:3]
    assert head.split("|")[2].strip() == "harness/bare"
    assert row.startswith("| tiny ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet81",), "unknown model 'resnet81'"),
        (("cxnet_m1", "--threads", 0), "--threads"),
        (("cxnet_m1", "--against", "lightning"), "lightning"),
        (("cxnet_m1", "--plugin", "absent.py"), "'"),
    ],
)
def test_bad_input_is_one_line(bench: Command, arguments: tuple[object, ...], message: str) -> None:
    assert_refused(bench("speed", *arguments), message)


def test_an_interruption_promises_nothing(bench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a key press: nothing goes on where it was."""
    monkeypatch.setattr("bench.speed.run.in_child", interrupt)
    outcome = bench("speed", "cxnet_m1", *SMALL)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.splitlines()[-1] == "stopped by SIGINT"


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
