"""``bench cascade``: from nothing, from runs that are finished, and from those that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bench.runs.records import Outcome
from tests.bench.cascade.by_hand import PROBABILITIES, add_by_hand, new_store
from tests.bench.cascade.stage_runs import StageRuns
from tests.bench.cli.conftest import TINY, Command
from tests.shared_data import shared

RUNS = Path("results/runs")
TASKS = ("m1", "m2", "m3", "m4", "findings14")
# Enough synthetic images that every part has some of each kind, and two quick controls.
SMALL = (*TINY, "--set", "data.options.images=400", "--set", "controls=[prior, same_patient]")


@pytest.fixture
def by_hand(bench: Command) -> StageRuns:  # noqa: ARG001 - it has changed to the test's own folder
    """A store where ``bench`` looks for it."""
    return new_store(RUNS)


def table_cells(text: str) -> list[list[str]]:
    """The lines of the first table, as cells."""
    block = next(block for block in text.split("\n\n") if block.startswith("| system"))
    lines = block.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_it_trains_what_is_missing_and_judges_it(bench: Command, tiny_plugin: Path) -> None:
    command = ("cascade", "tiny", "--plugin", tiny_plugin, "--loss", "ce", *SMALL)
    # m1 was there before.
    earlier = bench("run", *command[1:])
    assert earlier.code == 0, earlier.err
    planned = bench(*command, "--dry-run")
    assert "task m1, m2, m3, m4, findings14: 15 cells" in planned.out
    first = bench(*command, "--answers", "answers.csv")
    assert (first.code, first.err) == (0, "wrote answers.csv\n")
    assert "\n12 finished, 3 finished before, 0 not available, 0 failed\n\n## phantom" in first.out
    cells = table_cells(first.out)
    assert [row[:3] for row in cells] == [
        ["cascade", "tiny", "ce"],
        ["flat", "tiny", "ce"],
        *([system, name, "–"] for name in _controls(cells) for system in ("cascade", "flat")),
        ["always normal", "–", "–"],
    ]
    assert set(_controls(cells)) == {"control: prior", "control: same_patient"}
    # Exact matches and what was lost at the three places are all test images.
    for row in cells:
        if row[0] == "cascade":
            shares = [100 * float(row[5]), *map(float, row[-3:])]
            assert sum(shares) == pytest.approx(100.0, abs=0.3)

    second = bench(*command, "--quiet")
    assert (second.code, second.err) == (0, "")
    assert first.out.endswith(second.out)
    assert bench("cascade", "--finished").out == second.out

    about = json.loads(bench("cascade", "--finished", "--json").out)["tables"][0]
    images = about["separation"]["test"]
    assert f"none of the {images} test images and none" in second.out
    answers = pd.read_csv("answers.csv", keep_default_na=False)
    assert len(answers) == 3 * images
    assert set(answers["model"]) == {"tiny", "control: prior", "control: same_patient"}
    right = answers["answer"] == answers["truth"]
    assert (right == (answers["first_wrong"] == "")).all()
    network = answers["model"] == "tiny"
    match = about["rows"][0]["overall"]["exact_match"]["mean"]
    assert right[network].mean() == pytest.approx(match)


def _controls(cells: list[list[str]]) -> list[str]:
    return list(dict.fromkeys(row[1] for row in cells if row[1].startswith("control: ")))


def test_all_five_tasks_train_on_real_radiographs(bench: Command, tiny_plugin: Path) -> None:
    root = shared("nih-mini")
    outcome = bench(
        "cascade", "tiny", "--plugin", tiny_plugin, "--config", "nih_patient", "--data", root,
        "--loss", "ce", "--seeds", "0", "--set", "data.image_size=32",
        "--set", "train.max_iterations=2", "--set", "train.validate_every=2",
        "--set", "model.pretrained=false", "--set", "controls=[prior]", "--json",
    )  # fmt: skip
    # What is read by programs goes to standard output, and what people follow elsewhere.
    assert (outcome.code, outcome.err.splitlines()[-1][:11]) == (0, "10 finished")
    (table,) = json.loads(outcome.out)["tables"]
    assert table["separation"]["judged_images_in_training"] == 0
    assert table["separation"]["shared_patients"] == 0
    rows = {(row["system"], row["model"]): row for row in table["rows"]}
    assert rows.keys() == {
        *((system, model) for system in ("cascade", "flat") for model in ("tiny", "prior")),
        ("always normal", ""),
    }
    assert all(row["overall"]["exact_match"]["mean"] is not None for row in rows.values())
    for run in RUNS.glob("tiny-*/data.json"):
        data = json.loads(run.read_text())
        # m4 has the fewest, of validation images.
        assert min(part["images"] for part in data["parts"].values()) >= 30, data["task"]
    assert len(list(RUNS.glob("tiny-*"))) == len(TASKS)


def test_finished_runs_are_judged_without_their_data(bench: Command, by_hand: StageRuns) -> None:
    add_by_hand(by_hand)
    add_by_hand(by_hand, model="other")
    outcome = bench("cascade", "--finished", "net")
    assert (outcome.code, outcome.err) == (0, "")
    assert [row[:2] for row in table_cells(outcome.out)] == [
        ["cascade", "net"],
        ["flat", "net"],
        ["always normal", "–"],
    ]
    assert len(table_cells(bench("cascade", "--finished").out)) == 5


def test_a_missing_or_failed_stage_is_named_and_the_exit_code_says_so(
    bench: Command, by_hand: StageRuns
) -> None:
    add_by_hand(by_hand, but=("m2", "m4"))
    by_hand.add("m4", outcome=Outcome(state="failed", reason="the training loss is nan"))
    outcome = bench("cascade", "--finished")
    assert (outcome.code, outcome.err) == (1, "")
    assert [row[4] for row in table_cells(outcome.out)] == ["0 (1 missing)", "1", "–"]
    line = "m2 has no run that ended, m4 failed (the training loss is nan)"
    assert f"- no cascade of net ce, seed 0: {line}\n" in outcome.out
    record = json.loads(bench("cascade", "--finished", "--json").out)["tables"][0]["rows"][0]
    assert record["missing"] == [{"seed": 0, "reason": line}]


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
    assert outcome.err.count("failed: RuntimeError: too many findings") == 3
    assert "- no cascade of shy ce, seed 0: m3 failed (RuntimeError: too many" in outcome.out
    assert "- no flat of shy ce, seed 0: findings14 failed (RuntimeError: too many" in outcome.out


def test_stages_on_different_splits_are_refused(bench: Command, by_hand: StageRuns) -> None:
    add_by_hand(by_hand, but=("m3",))
    by_hand.add("m3", PROBABILITIES["m3"], about={"fingerprint": "e" * 64})
    outcome = bench("cascade", "--finished")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: the stages of net ce seed 0 were run on different data")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cascade", "resnt18"], "unknown model 'resnt18': did you mean resnet18"),
        (["cascade"], "nothing to run: name models"),
        (["cascade", "resnet18", "--loss", "sine"], "unknown loss 'sine'"),
        (["cascade", "resnet18", "--seeds", "a"], "whole numbers divided by commas"),
        (["cascade", "--finished"], "no results in 'results/runs'"),
        (
            ["cascade", "--finished", "--config", "demo", "--set", "train.lr=1"],
            "--finished trains nothing: leave out --config, --set",
        ),
    ],
)
def test_mistakes_are_one_line(bench: Command, arguments: list[str], message: str) -> None:
    outcome = bench(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_unknown_model_among_finished_runs(bench: Command, by_hand: StageRuns) -> None:
    add_by_hand(by_hand)
    outcome = bench("cascade", "--finished", "nett")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: no finished run of model 'nett': did you mean net?\n"
