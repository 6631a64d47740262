"""``bench run --devices``: a network of a plugin, trained by two processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import load_model
from bench.registry.plugins import load_plugin
from bench.runs.store import Store
from tests.bench.cli.conftest import TINY, Command, assert_refused


@pytest.mark.usefixtures("registries_kept")
def test_two_devices_are_a_run_of_their_own(bench: Command, tiny_plugin: Path) -> None:
    common = ("tiny", "--loss", "ce", "--plugin", tiny_plugin, *TINY, "--set", "controls=[]")
    for devices in ((), ("--devices", 2)):
        outcome = bench("run", *common, "--device", "cpu", *devices)
        assert outcome.code == 0, outcome.err
    one, two = sorted(
        Store(Path("results/runs")).runs(), key=lambda run: run.cell.network.train.devices
    )
    assert two.cell.dotted["train.devices"] == 2
    assert one.folder.name != two.folder.name
    table = bench("report", "markdown")
    assert {*re.findall(r"\| tiny .*train\.devices=([12])", table.out)} == {"1", "2"}
    load_plugin(tiny_plugin)
    assert load_model(two.folder) is not None


def test_more_devices_than_images_are_refused_in_a_line(bench: Command) -> None:
    outcome = bench("run", "cxnet_m1", "--devices", 33)
    assert_refused(outcome, "devices=33 leaves one without an image: at most 32")
