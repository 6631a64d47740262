"""``bench run``: a matrix on synthetic radiographs and a network of one layer."""

from __future__ import annotations

import io
import json
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from bench.execute.controls import CONTROLS
from bench.train.state import TrainingState
from tests.bench.cli.conftest import TINY, Command
from tests.bench.cli.images import truncate, write_manifest

RUNS = Path("results/runs")


def tiny_matrix(plugin: Path, *more: object) -> tuple[object, ...]:
    return ("run", "tiny", "--plugin", plugin, *TINY, *more)


ALL_CONTROLS = ("--set", f"controls=[{', '.join(CONTROLS)}]")


BROKEN = """
import pathlib, torch
from bench import register_loss, register_model

class Moody(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.layer = torch.nn.Linear(32 * 32, outputs)
    def forward(self, x):
        if self.training and pathlib.Path("storm").exists():
            raise RuntimeError("there is a storm\\nand more of it")
        return self.layer(x.flatten(1))

@register_model("moody", description="cannot be trained in a storm")
def moody(*, in_channels, outputs, image_size):
    return Moody(outputs)

@register_loss("undefined", description="no number in training")
def undefined(*, kind, class_weights=None):
    return Undefined()

class Undefined(torch.nn.Module):
    def forward(self, logits, targets):
        # For answers of a network alone: before a run a loss is tried on logits that nothing made.
        return logits.sum() * (1.0 if logits.is_leaf else float("nan"))
"""
STORM = (
    "model 'moody' fails in training mode on 2 images of 1×32×32: RuntimeError: there is a storm"
)


def test_a_failed_cell_is_kept_and_the_others_go_on_and_it_is_tried_again(
    bench: Command, tiny_plugin: Path
) -> None:
    Path("broken.py").write_text(BROKEN)
    Path("storm").touch()
    command = tiny_matrix(
        tiny_plugin, "moody", "--plugin", "broken.py", "--loss", "ce", "--loss", "undefined"
    )
    outcome = bench(*command)
    assert outcome.code == 1
    assert outcome.out.splitlines()[-2].startswith("2 finished, 0 finished before")
    assert outcome.out.splitlines()[-2].endswith("3 failed")
    assert "Traceback" not in outcome.out + outcome.err
    assert f"FAILED: {STORM}\n" in outcome.out
    assert "FAILED: the training loss is nan" in outcome.out
    (failed,) = RUNS.glob("moody-ce-*")
    assert "and more of it" in (failed / "error.txt").read_text()
    report = bench("report", "markdown")
    assert report.code == 0
    assert f"moody ce, seed 0, failed: {STORM}" in report.out
    frame = pd.read_csv(io.StringIO(bench("report", "csv").out)).set_index(["model", "loss"])
    assert frame.loc[("moody", "ce"), "state"] == "failed"
    assert frame.loc[("tiny", "ce"), "state"] == "finished"

    Path("storm").unlink()
    again = bench(*command)
    assert again.code == 1  # the loss is still no number
    assert again.out.splitlines()[-2].startswith("1 finished, 2 finished before")
    assert not (failed / "error.txt").exists()
    assert json.loads((failed / "run.json").read_text())["state"] == "finished"


def test_the_json_log_is_json_and_tells_the_whole_story(bench: Command, tiny_plugin: Path) -> None:
    outcome = bench(*tiny_matrix(tiny_plugin, "--loss", "ce", "--json-log"))
    events = [json.loads(line) for line in outcome.out.splitlines()]
    names = [event["event"] for event in events]
    assert names.count("cell_started") == names.count("cell_finished") == 1 + 1
    assert names.count("validated") == 2
    assert events[-1]["event"] == "matrix_finished"
    assert (events[-1]["finished"], events[-1]["failed"]) == (1 + 1, 0)
    assert [e["iteration"] for e in events if e["event"] == "validated"] == [2, 4]
    assert all(later["at_s"] >= sooner["at_s"] for sooner, later in pairwise(events))


def test_a_dry_run_prints_the_cells_and_writes_nothing(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python's own files are not ours
    before = sorted(Path().rglob("*"))
    outcome = bench(*tiny_matrix(tiny_plugin, *ALL_CONTROLS, "--dry-run"))
    assert (outcome.code, outcome.err) == (0, "")
    cells_part, _, plan = outcome.out.partition("\n\n")
    head, *cells, total = cells_part.splitlines()
    assert head.startswith(
        f"demo, task m1: {len(CONTROLS) + 2} cells, 4 iterations of 8 images at most"
    )
    assert [cell.split(":")[0].strip() for cell in cells] == [
        *(f"control {name}" for name in CONTROLS),
        "tiny ce seed 0",
        "tiny sin seed 0",
    ]
    assert all("images/s" in cell for cell in cells[len(CONTROLS) :])
    assert total.startswith("about ")
    assert plan.startswith("what the comparison can show (m1, split patient, 32 px)\n")
    assert sorted(Path().rglob("*")) == before


def test_a_dry_run_lists_what_will_fail_with_the_reason(bench: Command, tiny_plugin: Path) -> None:
    Path("broken.py").write_text(BROKEN)
    Path("storm").touch()
    more = ("moody", "--plugin", "broken.py", "--loss", "ce", "--dry-run")
    outcome = bench(*tiny_matrix(tiny_plugin, *more))
    assert outcome.code == 0
    assert f"  moody ce seed 0: will fail: {STORM}\n" in outcome.out
    assert "  tiny ce seed 0: about" in outcome.out


def test_a_dry_run_has_a_line_for_all_seeds(bench: Command, tiny_plugin: Path) -> None:
    settings = ("--set", "vary.train.lr=[0.1, 0.2]", "--set", "controls=[]", "--loss", "ce")
    outcome = bench(*tiny_matrix(tiny_plugin, "--dry-run", "--seeds", "0,1,2", *settings))
    head, *lines = outcome.out.partition("\n\n")[0].splitlines()
    assert head.startswith("demo, task m1: 6 cells")
    assert [line.split(":")[0].strip() for line in lines[:-1]] == [
        "tiny ce seeds 0 1 2, train.lr=0.1",
        "tiny ce seeds 0 1 2, train.lr=0.2",
    ]


def test_a_dry_run_plans_from_label_files_alone(bench: Command, tiny_plugin: Path) -> None:
    folder = write_manifest(Path("set"))
    for image in folder.glob("*.png"):
        image.unlink()
    matrix = ("--config", "manifest", "--data", folder, "--seeds", "0", "--dry-run")
    planned = bench(*tiny_matrix(tiny_plugin, *matrix, "--set", "data.options={}"))
    assert (planned.code, planned.err) == (0, "")
    assert "test part: 12 images of 4 patients" in planned.out
    assert "one seed shows nothing" in planned.out
    assert "\nauc=0.85: " in planned.out
    assumed = bench(
        *tiny_matrix(tiny_plugin, *matrix, "--set", "data.options={}", "--assume", "auc=0.9")
    )
    assert "\nauc=0.9: " in assumed.out


def test_a_dry_run_without_data_plans_no_comparison(bench: Command, tiny_plugin: Path) -> None:
    real = tiny_matrix(tiny_plugin, "--config", "manifest", "--set", "data.options={}", "--dry-run")
    without = bench(*real)
    assert (without.code, without.err) == (0, "")
    assert without.out.endswith("(--data PATH)\n")
    wrong = bench(*real, "--data", "nowhere")
    assert (wrong.code, wrong.out) == (2, "")
    assert "data root 'nowhere' is not there" in wrong.err
    without_plan = bench(*tiny_matrix(tiny_plugin, "--assume", "auc=0.9"))
    assert without_plan.code == 2
    assert "--assume is about the plan of --dry-run" in without_plan.err


def test_bad_images_are_skipped_only_when_asked_and_are_reported(
    bench: Command, tiny_plugin: Path
) -> None:
    folder = write_manifest(Path("set"))
    truncate(folder / "007.png")
    (folder / "011.png").unlink()
    command = tiny_matrix(
        tiny_plugin, "--config", "manifest", "--data", folder, "--loss", "ce",
        "--seeds", "0", "--set", "data.options={}",
    )  # fmt: skip
    refused = bench(*command)
    assert refused.code == 2
    assert "2 images cannot be used" in refused.err
    assert not RUNS.exists()
    assert bench(*command, "--set", "data.on_bad=skip").code == 0
    (run,) = RUNS.glob("tiny-*")
    data = json.loads((run / "data.json").read_text())
    assert data["skipped"] == {"missing": ["011.png"], "truncated": ["007.png"]}
    assert sum(part["images"] for part in data["parts"].values()) == 58
    images = pd.read_csv(run / "predictions.csv")["image"]
    assert not set(images) & {"007.png", "011.png"}
    (skipped,) = (
        line
        for line in bench("report", "markdown").out.splitlines()
        if line.startswith("- left out (data.on_bad=skip")
    )
    assert skipped.endswith(": 1 missing, 1 truncated")


def test_ctrl_c_says_how_to_go_on(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bench.execute.cell_runner.train", interrupt)
        outcome = bench(*tiny_matrix(tiny_plugin, "--quiet"))
    assert outcome.code == 130
    command = shlex.join(map(str, tiny_matrix(tiny_plugin, "--quiet")))
    assert outcome.err.strip() == f"stopped by SIGINT; go on with: bench {command}"
    (interrupted,) = (
        config.parent.name
        for config in Path("results/runs").glob("*/config.yaml")
        if not config.with_name("run.json").exists()
    )
    assert interrupted.startswith("tiny-ce-")
    assert interrupted in bench("report", "markdown").out
    assert bench(*tiny_matrix(tiny_plugin, "--quiet")).code == 0


def test_a_training_that_goes_on_says_so(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after its first checkpoint, as by Ctrl-C."""
    command = tiny_matrix(tiny_plugin, "--json-log", "--set", "controls=[]")
    save = TrainingState.save

    def save_and_stop(state: TrainingState, folder: Path) -> None:
        save(state, folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "save", save_and_stop)
        assert bench(*command).code == 130
    events = [json.loads(line) for line in bench(*command).out.splitlines()]
    started = [event for event in events if event["event"] == "cell_started"]
    assert [event["resumes"] for event in started] == [True, False]


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://u:SECRET@h/d",
        "postgresql+psycopg://u:SECRET/more@h/d",
        "postgresql+psycopg://h/d?user=u&password=SECRET&x=1",
    ],
)
def test_a_stop_shows_no_password(
    bench: Command, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.tuning.tune_experiment", interrupt)
    outcome = bench("tune", "--all", "--storage", address)
    assert outcome.code == 130
    assert "bench tune --all --storage" in outcome.err
    assert "SECRET" not in outcome.err


def test_a_file_that_ends_too_early_is_no_ctrl_c(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EOFError("no data left in file")

    monkeypatch.setattr("bench.execute.experiment.open_study", fail)
    with pytest.raises(EOFError, match="no data left"):
        bench(*tiny_matrix(tiny_plugin, "--quiet"))


def test_several_tasks_are_levels_of_one_matrix(bench: Command, tiny_plugin: Path) -> None:
    done = bench(*tiny_matrix(tiny_plugin, "--task", "m1", "--task", "m2", "--dry-run"))
    assert done.code == 0
    assert f"task m1, m2: {2 * (1 + 2)} cells" in done.out
    assert "no image was looked at" in done.out
