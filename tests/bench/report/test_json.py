"""The JSON has every figure with its interval, in full precision, and nothing that is no JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.evaluate.results import Results
from bench.report import FORMATS
from bench.runs.records import Outcome
from bench.runs.run import Unfinished
from tests.bench.evaluate.question_runs import QuestionRuns, experiment
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs
from tests.bench.report.test_per_finding import add_labels
from tests.bench.report.test_tuned import tune


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def read(text: str) -> Any:
    return json.loads(text, parse_constant=refuse)


def test_a_row_has_its_figures_with_their_intervals(runs: Runs) -> None:
    runs.add("cxnet_m1", ONE_WRONG, loss="sin")
    name = runs.add("other", PERFECT)
    tune(runs, "other", runs_=[name])
    content = read(runs.text("json"))
    assert list(content) == [
        "version", "level", "tables", "questions", "external", "stale", "stale_maps", "unfinished",
        "failed_tunings", "unusable",
    ]  # fmt: skip
    assert (content["version"], content["level"]) == (3, 0.95)
    (table,) = content["tables"]
    assert (table["wanted"], table["reference"]) == ({"model": "cxnet_m1", "loss": "sin"}, True)
    assert table["resamples"] == 2000
    assert (table["hidden"], table["superseded"]) == (0, [])
    assert next(iter(table["measures"])) == "auc"
    assert (
        table["card"]["verdict"]
        == "One run each decides nothing: run more seeds before taking one."
    )
    assert [figure["value"] for figure in table["published"]] == [0.783, 0.982]
    other, reference = table["rows"]
    assert (reference["is_reference"], other["is_reference"]) == (True, False)
    (expected,) = runs.tables()
    figure, recall = (expected.rows[1].figures[name] for name in ("auc", "recall"))
    assert reference["figures"]["recall"]["left_out"] == recall.left_out > 0
    assert reference["figures"]["auc"] == {
        "value": 8 / 9,
        "deviation": None,
        "low": figure.low,
        "high": figure.high,
        "reason": "",
        "images": 6,
        "left_out": 0,
    }
    assert reference["comparison"] is None
    assert other["comparison"]["difference"]["value"] == round(1 - 8 / 9, 13)
    assert other["comparison"]["verdict"] == "cannot tell"
    assert [run["confusion"] for run in reference["runs"]] == [[[2, 1], [1, 2]]]
    assert other["tuning"]["spent"]["trials"] == 20
    assert reference["tuning"] is None
    assert other["inference_images_per_second"] == 800.0
    (run,) = other["runs"]
    assert (run["name"], run["imported"]) == (name, None)
    assert run["settings"]["model"]["pretrained"] is False


def test_what_is_undefined_is_null_with_its_reason(runs: Runs) -> None:
    runs.add("prior", CHANCE)
    runs.add("broken", outcome=Outcome(state="failed", reason="a\nb"))
    runs.add("metadata", outcome=Outcome(state="unavailable", reason="no age"))
    (table,) = read(runs.text("json"))["tables"]
    prior, broken, metadata = table["rows"]
    needed = prior["figures"]["needed_to_read_at_95"]
    assert needed["value"] is None
    assert needed["reason"] == "undefined on these images"
    assert table["reference"] is False
    assert (broken["state"], broken["failures"]) == ("failed", [[0, "a\nb"]])
    assert (broken["figures"], broken["runs"]) == ({}, [])
    assert (metadata["state"], metadata["unavailable"]) == ("unavailable", "no age")


def test_findings_have_their_own_figures(runs: Runs) -> None:
    add_labels(runs, "net")
    (table,) = read(runs.text("json"))["tables"]
    (row,) = table["rows"]
    assert list(row["findings"]) == ["Mass", "Nodule", "Hernia"]
    assert row["findings"]["Mass"]["auc"]["value"] == pytest.approx(8 / 9)
    assert row["findings"]["Mass"]["threshold"]["value"] == 0.5
    assert row["findings"]["Hernia"]["auc"]["value"] is None
    assert row["macro_over"]["auc"] == 2


def test_questions_and_unfinished_runs_are_there(runs: Runs, tmp_path: Path) -> None:
    stored = QuestionRuns(tmp_path / "asked")
    stored.add("one", "ce", wrong=16)
    stored.add("one", "sin", wrong=1)
    stored.record(experiment(models=["one"]))
    runs.add("net", PERFECT)
    report = Results(
        tables=tuple(runs.tables()),
        questions=tuple(stored.answers()),
        unfinished=(Unfinished(name="net-ce-s1", running=False),),
    )
    content = read(FORMATS["json"](report))
    (question,) = content["questions"]
    assert (question["experiment"], question["problem"]) == ("asked", "")
    assert question["conclusions"][0].startswith("sin is above ce by ")
    effect = question["factors"][0]["levels"]["sin"]["comparison"]["effect"]
    assert effect["low"] > 0
    assert content["unfinished"] == [{"name": "net-ce-s1", "running": False}]
