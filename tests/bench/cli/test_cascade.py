"""``bench cascade``: from nothing, from runs that are finished, and from those that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.runs.records import Outcome
from tests.bench.cascade.by_hand import add_by_hand, new_store
from tests.bench.cascade.stage_runs import StageRuns
from tests.bench.cli.conftest import TINY, Command, assert_refused
from tests.bench.nih_part import part_of_nih

RUNS = Path("results/runs")
TASKS = ("m1", "m2", "m3", "m4", "findings14")
# Enough synthetic images that every part has some of each kind.
SMALL = (*TINY, "--set", "data.options.images=400")


@pytest.fixture
def by_hand(bench: Command) -> StageRuns:  # noqa: ARG001 - it has changed to the test's own folder
    """A store where ``bench`` looks for it."""
    return new_store(RUNS)


def rows_by_name(text: str) -> dict[str, dict[str, Any]]:
    """The rows of the only table of a JSON report, by kind, model and loss."""
    (table,) = json.loads(text)["tables"]
    return {f"{row['kind']} {row['model']} {row['loss']}".strip(): row for row in table["rows"]}


def test_it_trains_what_is_missing_and_stores_its_cascades(
    bench: Command, tiny_plugin: Path
) -> None:
    command = ("cascade", "tiny", "--plugin", tiny_plugin, "--loss", "ce", *SMALL)
    # m1 was there before.
    earlier = bench("run", *command[1:])
    assert earlier.code == 0, earlier.err
    planned = bench(*command, "--dry-run")
    assert "task m1, m2, m3, m4, findings14: 10 cells" in planned.out
    first = bench(*command)
    assert first.code == 0
    assert "8 finished, 2 finished before, 0 not available, 0 failed" in first.out

    again = bench("cascade", "--finished")
    assert again.code == 0
    assert first.out.endswith(again.out)

    rows = rows_by_name(bench("cascade", "--finished", "--json").out)
    assert rows.keys() == {
        *("network tiny ce", "control prior", "always normal no network"),
        *("cascade tiny ce", "flat tiny ce", "cascade prior", "flat prior"),
    }
    # Exact matches and what was lost at the three places are all test images.
    for system in ("cascade", "flat"):
        figures = rows[f"{system} tiny ce"]["figures"]
        lost = sum(figures[f"lost_{stage}"]["value"] for stage in ("m1", "m2", "leaf"))
        assert figures["exact_match"]["value"] + lost == pytest.approx(1.0)


def test_all_five_tasks_train_on_real_radiographs(
    bench: Command, tiny_plugin: Path, tmp_path: Path
) -> None:
    root = part_of_nih(tmp_path / "nih", every=2)
    outcome = bench(
        "cascade", "tiny", "--plugin", tiny_plugin, "--config", "nih_patient", "--data", root,
        "--loss", "ce", "--seeds", "0", "--set", "data.image_size=32",
        "--set", "train.max_iterations=2", "--set", "train.validate_every=2",
        "--set", "model.pretrained=false", "--set", "controls=[prior]", "--json",
    )  # fmt: skip
    # What is read by programs goes to standard output, and what people follow elsewhere.
    assert outcome.code == 0
    rows = rows_by_name(outcome.out)
    assert {"cascade tiny ce", "flat tiny ce", "cascade prior"} < rows.keys()
    for name in ("cascade tiny ce", "flat tiny ce"):
        assert rows[name]["figures"]["exact_match"]["value"] is not None
    for run in RUNS.glob("tiny-*/data.json"):
        data = json.loads(run.read_text())
        # m4 has the fewest, of validation images.
        assert min(part["images"] for part in data["parts"].values()) >= 10, data["task"]
    assert len(list(RUNS.glob("tiny-ce-s0-????????????????"))) == len(TASKS)


def test_a_missing_or_failed_stage_is_named_and_the_exit_code_says_so(
    bench: Command, by_hand: StageRuns
) -> None:
    add_by_hand(by_hand, but=("m2", "m4"))
    by_hand.add("m4", outcome=Outcome(state="failed", reason="the training loss is nan"))
    add_by_hand(by_hand, model="whole")
    outcome = bench("cascade", "--finished")
    assert outcome.code == 1
    line = "m2 has no run that can be used, m4 failed (the training loss is nan)"
    assert f"no cascade of net ce seed 0: {line}\n" in outcome.err
    assert "| cascade: net " not in outcome.out
    assert "| cascade: whole " in outcome.out


FAILS_AT_LEAVES = """
import torch
from bench import register_model

class Shy(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.layer = torch.nn.Linear(32 * 32, outputs)
    def forward(self, x):
        if self.training and self.layer.out_features == 14:
            raise RuntimeError("too many findings")
        return self.layer(x.flatten(1))

@register_model("shy", description="cannot be trained to name findings")
def shy(*, in_channels, outputs, image_size):
    return Shy(outputs)
"""


def test_stages_that_fail_in_training_leave_the_row_with_its_reason(bench: Command) -> None:
    Path("shy.py").write_text(FAILS_AT_LEAVES)
    outcome = bench("cascade", "shy", "--plugin", "shy.py", "--loss", "ce", *SMALL, "--quiet")
    assert outcome.code == 1
    reason = "model 'shy' fails in training mode on 2 images of 1×32×32: RuntimeError: too many"
    assert outcome.err.count(f"failed: {reason}") == 3
    assert f"no cascade of shy ce seed 0: m3 failed ({reason}" in outcome.err
    assert f"no flat of shy ce seed 0: findings14 failed ({reason}" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cascade", "resnt18"], "unknown model 'resnt18': did you mean resnet18"),
        (["cascade"], "nothing to run: name models"),
        (["cascade", "--finished"], "no results in 'results/runs'"),
        (
            ["cascade", "net", "--finished", "--config", "demo", "--set", "train.lr=1"],
            "--finished trains nothing: leave out MODEL, --config, --set",
        ),
    ],
)
def test_mistakes_are_one_line(bench: Command, arguments: list[str], message: str) -> None:
    assert_refused(bench(*arguments), message)
