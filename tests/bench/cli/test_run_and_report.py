"""A matrix from the command to its table, on synthetic radiographs and a network of one layer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.cli.main import INTERRUPTED
from tests.bench.cli.conftest import TINY, Command, finish, start
from tests.bench.cli.images import truncate, write_manifest
from tests.bench.report.html.pages import IMPORTED
from tests.bench.report.runs import CHANCE, M2, ONE_WRONG, PERFECT, Runs

RUNS = Path("results/runs")
CONTROLS = {"prior", "same_patient", "metadata", "brightness"}


def tiny_matrix(plugin: Path, *more: object) -> tuple[object, ...]:
    return ("run", "tiny", "--plugin", plugin, *TINY, *more)


def times(folder: Path) -> dict[str, int]:
    """When each file of the finished runs was last written."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.glob("*-*/*"))}


def test_a_finished_matrix_is_not_done_again_and_every_format_reports_it(
    bench: Command, tiny_plugin: Path
) -> None:
    first = bench(*tiny_matrix(tiny_plugin))
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[-2].startswith("6 finished, 0 finished before, 0 not available")
    written = times(RUNS)
    assert len({Path(path).parent for path in written}) == 6
    second = bench(*tiny_matrix(tiny_plugin))
    assert (second.code, second.err) == (0, "")
    assert second.out.splitlines()[-2].startswith("0 finished, 6 finished before")
    assert times(RUNS) == written

    table = bench("report", "markdown")
    assert table.code == 0
    better = table.out.partition("### At the threshold")[0]
    rows = [line for line in better.splitlines() if line.startswith("| ")]
    names = [row.split("|")[1].strip() for row in rows]
    assert {f"control: {name}" for name in CONTROLS} <= set(names)
    assert names.count("tiny") == 2

    # The reference of a table with other networks alone is missing, which is no error.
    assert "the reference cxnet_m1 sin has not finished here" in table.out

    frame = pd.read_csv(io.StringIO(bench("report", "csv").out))
    assert set(frame["model"]) == CONTROLS | {"tiny"}
    assert set(frame["state"]) == {"finished"}
    assert frame["auc_mean"].between(0, 1).all()
    assert frame["auc_mean"].is_monotonic_decreasing
    assert set(frame.loc[frame["model"] == "tiny", "loss"]) == {"ce", "sin"}

    latex = bench("report", "latex").out
    for rule in ("\\toprule", "\\midrule", "\\bottomrule"):
        assert latex.count(rule) == latex.count("\\begin{table}") >= 4
    assert "same\\_patient" in latex

    content = json.loads(bench("report", "json", "--reference", "tiny:ce").out)
    rows = {row["name"]: row for row in content["tables"][0]["rows"]}
    assert rows["tiny ce"]["reference"]
    assert rows["tiny sin"]["versus"]["verdict"] in ("better", "worse", "cannot tell", "n/a")


def test_all_formats_and_figures_are_written_to_a_folder(bench: Command, tiny_plugin: Path) -> None:
    assert bench(*tiny_matrix(tiny_plugin, "--quiet")).code == 0
    done = bench("report", "all", "--reference", "tiny:sin", "--format", "svg")
    assert (done.code, done.out) == (0, "")
    folder = Path("results/report")
    written = [folder / f"report.{ending}" for ending in ("md", "html", "tex", "csv", "json")]
    figures = sorted((folder / "figures").iterdir())
    assert figures
    assert {path.suffix for path in figures} == {".svg"}
    named = [Path(line.removeprefix("wrote ")) for line in done.err.splitlines()]
    assert named[: len(written)] == written
    assert sorted(named[len(written) :]) == figures
    # The same as is printed, from scores that are kept by now.
    printed = bench("report", "markdown", "--reference", "tiny:sin").out
    assert (folder / "report.md").read_text("utf-8") == printed
    for path in figures:
        path.unlink()
    assert bench("report", "figures", "--reference", "tiny:sin", "--format", "svg").code == 0
    assert sorted((folder / "figures").iterdir()) == figures
    assert sorted(folder.iterdir()) == sorted([*written, folder / "figures"])
    assert bench("report", "csv", "--to", "table.csv").out == ""
    assert Path("table.csv").read_text("utf-8").startswith("source,task,split,")


def test_a_report_can_be_about_some_runs_alone(bench: Command, tiny_plugin: Path) -> None:
    assert bench(*tiny_matrix(tiny_plugin, "--quiet")).code == 0

    def models(*options: object) -> set[str]:
        done = bench("report", "csv", *options)
        assert done.code == 0, done.err
        frame = pd.read_csv(io.StringIO(done.out))
        return set(frame["model"])

    everything = CONTROLS | {"tiny"}
    assert models("--task", "m1", "--split", "patient", "--model", "t*") == everything
    assert models("--where", "train.max_iterations=4", "--where", "train.lr=0.02") == everything
    for *filters, more in (
        ("--task", "m2", ""),
        ("--split", "official", ""),
        ("--model", "resnet*", ""),
        ("--where", "train.max_iterations=5", "; values of train.max_iterations 4"),
    ):
        refused = bench("report", "csv", *filters)
        assert refused.code == 2
        assert refused.err == (
            "error: no run passes the filters: there are tasks m1; splits patient; models tiny"
            f"{more}\n"
        )


def test_a_filter_hides_rows_and_changes_no_figure(bench: Command) -> None:
    store = Runs(Path("results/runs"))
    for model, loss in (("cxnet_m1", "sin"), ("resnet18", "ce"), ("resnet50", "ce")):
        store.add(model, ONE_WRONG if loss == "sin" else PERFECT, loss=loss)
    store.add("prior", CHANCE)
    everything = pd.read_csv(io.StringIO(bench("report", "csv").out)).set_index("model")
    some = pd.read_csv(io.StringIO(bench("report", "csv", "--model", "*18").out))
    assert set(some["model"]) == {"cxnet_m1", "resnet18", "prior"}
    pd.testing.assert_frame_equal(everything.loc[some["model"]], some.set_index("model"))
    text = bench("report", "markdown", "--model", "*18").out
    assert "1 row is hidden by the filters" in text
    assert "has not finished" not in text
    assert "1 row is not shown here." in bench("report", "html", "--model", "*18").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--where", "train.lr"), "'train.lr': write it as KEY=VALUE, such as train.lr=0.02"),
        (("--reference", "tyni"), "reference 'tyni': no row of that name has finished; there are"),
        (("--reference", "timm:tiny:ce"), "reference 'timm:tiny:ce': no row of that name"),
        (("--format", "gif"), "'gif' is not one of 'png', 'pdf', 'svg'"),
        (("--format", "pdf"), "--format is of figures, and markdown writes none"),
        (("--thumbnails", "3"), "--thumbnails is of html, and markdown shows no images"),
        (("--to", "results"), "--to results is a folder: name a file"),
        (("--reference", "control:metadata"), "'control:metadata': no row of that name"),
    ],
)
def test_what_a_report_cannot_be_about_is_said_in_a_line(
    bench: Command, options: tuple[str, ...], said: str
) -> None:
    store = Runs(Path("results/runs"))
    store.add("tiny", PERFECT)
    store.add("prior", CHANCE)
    refused = bench("report", "markdown", *options)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert len(refused.err.splitlines()) == 1


def test_the_reference_can_be_any_row(bench: Command) -> None:
    store = Runs(Path("results/runs"))
    store.add("timm:tiny", PERFECT, loss="ce")
    store.add("prior", CHANCE)
    store.add("theirs", CHANCE, imported=IMPORTED)
    for name, shown in (
        ("timm:tiny:ce", "timm:tiny ce"),
        ("prior", "control: prior"),
        ("control:prior", "control: prior"),
        ("control: prior", "control: prior"),
        ("imported:theirs", "imported: theirs"),
    ):
        table = bench("report", "markdown", "--reference", name).out
        assert f"less that of the reference, {shown}, both" in table


@pytest.mark.parametrize("name", ["all", "figures"])
def test_a_file_cannot_be_the_folder_of_a_report(bench: Command, tmp_path: Path, name: str) -> None:
    Runs(Path("results/runs")).add("tiny", PERFECT)
    (tmp_path / "old.md").write_text("mine")
    refused = bench("report", name, "--to", "old.md")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: --to old.md is a file, and {name} writes several: ")
    assert (tmp_path / "old.md").read_text() == "mine"


def test_tables_that_filters_leave_bare_are_counted(bench: Command) -> None:
    store = Runs(Path("results/runs"))
    store.add("tiny", PERFECT)
    half = {"validation": np.full((4, 2), 0.5), "test": np.full((6, 2), 0.5)}
    store.add_answers(M2, "other", half)
    done = bench("report", "markdown", "--model", "tiny")
    assert done.err == "1 table is left out: no row that passes the filters is there\n"
    assert [line for line in done.out.splitlines() if line.startswith("## ")] == [
        "## nih (here), split image, 64 px, task m1 (normal or abnormal?)"
    ]


def test_seeds_and_losses_make_the_matrix(bench: Command, tiny_plugin: Path) -> None:
    outcome = bench(*tiny_matrix(tiny_plugin, "--seeds", "3,1", "--loss", "focal", "--loss", "ce"))
    assert outcome.code == 0
    names = {path.name.rpartition("-")[0] for path in RUNS.glob("tiny-*")}
    assert names == {"tiny-focal-s1", "tiny-focal-s3", "tiny-ce-s1", "tiny-ce-s3"}


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

@register_loss("undefined", description="never a number")
def undefined(*, kind, class_weights=None):
    return lambda_module()

def lambda_module():
    class Undefined(torch.nn.Module):
        def forward(self, logits, targets):
            return logits.sum() * float("nan")
    return Undefined()
"""


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
    assert outcome.out.splitlines()[-2].startswith("5 finished, 0 finished before, 0 not available")
    assert outcome.out.splitlines()[-2].endswith("3 failed")
    assert "Traceback" not in outcome.out + outcome.err
    assert "FAILED: RuntimeError: there is a storm\n" in outcome.out
    assert "FAILED: the training loss is nan" in outcome.out
    (failed,) = RUNS.glob("moody-ce-*")
    outcome = json.loads((failed / "run.json").read_text())
    assert outcome["state"] == "failed"
    assert outcome["reason"] == "RuntimeError: there is a storm"
    assert "and more of it" in (failed / "error.txt").read_text()

    report = bench("report", "markdown")
    assert report.code == 0
    assert "moody ce, seed 0, failed: RuntimeError: there is a storm" in report.out
    row = next(line for line in report.out.splitlines() if line.startswith("| moody "))
    assert "0 (1 failed)" in row
    frame = pd.read_csv(io.StringIO(bench("report", "csv").out)).set_index(["model", "loss"])
    assert frame.loc[("moody", "ce"), "state"] == "failed"
    assert frame.loc[("tiny", "undefined"), "state"] == "failed"
    assert frame.loc[("tiny", "ce"), "state"] == "finished"

    Path("storm").unlink()
    again = bench(*command)
    assert again.code == 1  # the loss is still no number
    assert again.out.splitlines()[-2].startswith("1 finished, 5 finished before")
    assert not (failed / "error.txt").exists()
    assert json.loads((failed / "run.json").read_text())["state"] == "finished"


def test_an_edited_plugin_is_trained_anew(bench: Command, tiny_plugin: Path) -> None:
    """A model's as well as a loss's: old results of other code would be shown for the new."""
    loss = Path("loss.py")
    loss.write_text(BROKEN.replace('float("nan")', "0.5"))
    command = tiny_matrix(tiny_plugin, "--plugin", loss, "--loss", "undefined")
    assert bench(*command).out.splitlines()[-2].startswith("5 finished, 0 finished before")
    loss.write_text(BROKEN.replace('float("nan")', "0.25"))
    assert bench(*command).out.splitlines()[-2].startswith("1 finished, 4 finished before")
    tiny_plugin.write_text(tiny_plugin.read_text().replace("Dropout(0.2)", "Dropout(0.3)"))
    assert bench(*command).out.splitlines()[-2].startswith("1 finished, 4 finished before")


def test_quiet_says_only_what_failed(bench: Command, tiny_plugin: Path) -> None:
    quiet = bench(*tiny_matrix(tiny_plugin, "--quiet"))
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    Path("broken.py").write_text(BROKEN)
    failing = bench(
        *tiny_matrix(tiny_plugin, "--quiet", "--plugin", "broken.py", "--loss", "undefined")
    )
    assert (failing.code, failing.out) == (1, "")
    assert failing.err.startswith("tiny undefined seed 0 failed: the training loss is nan")
    assert failing.err.count("\n") == 1


def test_the_json_log_is_json_and_tells_the_whole_story(bench: Command, tiny_plugin: Path) -> None:
    outcome = bench(*tiny_matrix(tiny_plugin, "--loss", "ce", "--json-log"))
    events = [json.loads(line) for line in outcome.out.splitlines()]
    names = [event["event"] for event in events]
    assert names.count("cell_started") == names.count("cell_finished") == 5
    assert names.count("validated") == 2
    assert events[-1]["event"] == "matrix_finished"
    assert (events[-1]["finished"], events[-1]["failed"]) == (5, 0)
    assert [e["iteration"] for e in events if e["event"] == "validated"] == [2, 4]
    assert all(later["at_s"] >= sooner["at_s"] for sooner, later in pairwise(events))


def test_a_dry_run_prints_the_cells_and_writes_nothing(bench: Command, tiny_plugin: Path) -> None:
    before = sorted(Path().rglob("*"))
    outcome = bench(*tiny_matrix(tiny_plugin, "--dry-run"))
    assert (outcome.code, outcome.err) == (0, "")
    head, *cells, total = outcome.out.splitlines()
    assert head.startswith("demo, task m1: 6 cells, 4 iterations of 8 images at most")
    assert [cell.split(":")[0].strip() for cell in cells] == [
        "control prior",
        "control same_patient",
        "control metadata",
        "control brightness",
        "tiny ce seed 0",
        "tiny sin seed 0",
    ]
    assert all("images/s" in cell for cell in cells[4:])
    assert total.startswith("about ")
    assert sorted(Path().rglob("*")) == before
    assert "timed without compiling" not in outcome.out
    compiled = bench(*tiny_matrix(tiny_plugin, "--dry-run", "--set", "train.compile=true"))
    assert "timed without compiling: train.compile=true takes up to minutes" in compiled.out


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
        if line.startswith("- skipped images (data.on_bad=skip")
    )
    assert skipped.endswith(": 1 missing, 1 truncated")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many threads as a process that :func:`start` gave: sums depend on it in the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_process_that_is_killed_goes_on_to_the_same_predictions(
    bench: Command, tmp_path: Path, tiny_plugin: Path
) -> None:
    """Bit for bit, in every cell of the matrix."""
    more = ("--json-log", "--device", "cpu", "--set", "train.max_iterations=100")
    command = tiny_matrix(tiny_plugin, *more)
    process = start(*command, "--out", "killed", cwd=tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "validated":
            process.kill()
            break
    assert finish(process).code == -9
    begun, ended = (
        {path.parent.name for path in Path("killed").glob(f"*/{file}")}
        for file in ("config.yaml", "run.json")
    )
    (interrupted,) = begun - ended
    assert interrupted.startswith("tiny-ce-")
    assert interrupted in bench("report", "markdown", "--out", "killed").out

    resumed = bench(*command, "--out", "killed")
    assert (resumed.code, resumed.err) == (0, "")
    events = [json.loads(line) for line in resumed.out.splitlines()]
    assert [e["cell"] for e in events if e.get("resumes")] == ["tiny ce seed 0"]
    assert bench(*command, "--out", "straight").code == 0
    expected = sorted(Path("straight").glob("*/predictions.csv"))
    assert len(expected) == 6
    for path in expected:
        assert (Path("killed") / path.parent.name / path.name).read_bytes() == path.read_bytes()


def test_ctrl_c_says_how_to_go_on(
    bench: Command, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bench.execute.one_cell.train", interrupt)
        outcome = bench(*tiny_matrix(tiny_plugin, "--quiet"))
    assert outcome.code == INTERRUPTED
    assert outcome.err.strip() == "interrupted; a run goes on from here when started again"
    assert bench(*tiny_matrix(tiny_plugin, "--quiet")).code == 0


def test_a_question_is_answered_and_drawn_after_the_tables(bench: Command, tmp_path: Path) -> None:
    short = ["data.options.images=300", "train.max_iterations=4", "models=[timm:resnet10t]"]
    short += ["data.sizes={train: 180, validation: 45, test: 75}", "losses=[sin]"]
    settings = [word for setting in short for word in ("--set", setting)]
    done = bench("run", "--all", "--config", "leakage_small", *settings, "--quiet")
    assert (done.code, done.err) == (0, "")
    drawn = bench("report", "figures", "--to", str(tmp_path / "pictures"))
    assert (drawn.code, drawn.out) == (0, "")
    picture = tmp_path / "pictures" / "question_leakage_small.png"
    assert f"wrote {picture}\n" in drawn.err
    report = bench("report", "markdown")
    assert (report.code, report.err) == (0, "")
    tables, _, section = report.out.partition("\n## Question: leakage_small\n")
    assert tables.count("\n## phantom") + tables.startswith("## phantom") == 2
    assert "| split   |" in section
    assert "The images are synthetic" in section
    assert picture.read_bytes().startswith(b"\x89PNG")
    # The other formats hold the tables alone.
    assert "Question" not in bench("report", "csv").out


def test_several_tasks_are_levels_of_one_matrix(bench: Command, tiny_plugin: Path) -> None:
    done = bench(*tiny_matrix(tiny_plugin, "--task", "m1", "--task", "m2", "--dry-run"))
    assert done.code == 0
    assert "task m1, m2: 12 cells" in done.out
    assert "the data were not looked at" in done.out
