"""``bench report``: formats, filters and the reference, of runs that were made by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from bench.report.figures.tables import pictures
from tests.bench.cli.conftest import Command, assert_refused
from tests.bench.evaluate.question_runs import QuestionRuns, cross, experiment
from tests.bench.report.html.pages import IMPORTED
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs


@pytest.fixture
def runs(bench: Command) -> Runs:  # noqa: ARG001 - it has changed to the test's own folder
    """A store where ``bench`` looks for it, with a network of two losses and a control."""
    runs = Runs(Path("results/runs"))
    runs.add("tiny", ONE_WRONG, loss="ce")
    runs.add("tiny", PERFECT, loss="sin")
    runs.add("prior", CHANCE)
    return runs


@pytest.mark.usefixtures("runs")
def test_every_format_has_every_row(bench: Command) -> None:
    table = bench("report", "markdown")
    assert (table.code, table.err) == (0, "")
    better = table.out.partition("### At the threshold")[0]
    rows = [line for line in better.splitlines() if line.startswith("| ")]
    names = [row.split("|")[1].strip() for row in rows]
    assert (names.count("tiny"), names.count("control: prior")) == (2, 1)
    frame = pd.read_csv(io.StringIO(bench("report", "csv").out))
    assert frame["auc"].tolist() == pytest.approx([1.0, 8 / 9, 0.5])
    assert "\\toprule" in bench("report", "latex").out
    content = json.loads(bench("report", "json", "--reference", "tiny:ce").out)
    named = {row["name"]: row for row in content["tables"][0]["rows"]}
    assert named["tiny ce"]["is_reference"]


@pytest.mark.usefixtures("runs", "nothing_drawn")
def test_all_formats_and_figures_are_written_to_a_folder(
    bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.figures.files.pictures", lambda table: pictures(table)[:1])
    done = bench("report", "all", "--reference", "tiny:sin", "--format", "svg")
    assert (done.code, done.out) == (0, "")
    folder = Path("results/report")
    written = [folder / f"report.{ending}" for ending in ("md", "html", "tex", "csv", "json")]
    figures = sorted((folder / "figures").iterdir())
    assert figures
    assert {path.suffix for path in figures} == {".svg"}
    assert sorted(folder.iterdir()) == sorted([*written, folder / "figures"])
    named = [Path(line.removeprefix("wrote ")) for line in done.err.splitlines()]
    assert named[: len(written)] == written
    assert sorted(named[len(written) :]) == figures
    # The same as is printed, from scores that are kept by now.
    printed = bench("report", "markdown", "--reference", "tiny:sin").out
    assert (folder / "report.md").read_text("utf-8") == printed
    assert bench("report", "csv", "--to", "table.csv").out == ""
    assert Path("table.csv").read_text("utf-8").startswith("source,task,split,")


@pytest.mark.usefixtures("runs")
def test_a_report_can_be_about_some_runs_alone(bench: Command) -> None:
    def models(*options: object) -> set[str]:
        done = bench("report", "csv", *options)
        assert done.code == 0, done.err
        return set(pd.read_csv(io.StringIO(done.out))["model"])

    assert models("--task", "m1", "--split", "image", "--model", "t*") == {"tiny", "prior"}
    where = ("--where", "train.compile=false", "--where", "data.train_share=1")
    assert models(*where, "--where", "train.lr=1e-2") == {"tiny", "prior"}
    for *filters, more in (
        ("--task", "m2", ""),
        ("--where", "train.compile=true", "; values of train.compile false"),
    ):
        refused = bench("report", "csv", *filters)
        assert refused.code == 2
        assert refused.err == (
            "error: no run passes the filters: there are tasks m1; splits image; models tiny"
            f"{more}\n"
        )


@pytest.mark.usefixtures("nothing_drawn")
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
    assert "1 more is hidden." in bench("report", "html", "--model", "*18").out


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--where", "train.lr"), "'train.lr': write it as KEY=VALUE, such as train.lr=0.02"),
        (("--reference", "tyni"), "reference 'tyni': no row of that name has finished; there are"),
        (("--reference", "timm:tiny:ce"), "reference 'timm:tiny:ce': no row of that name"),
        (("--format", "gif"), "'gif' is not one of 'png', 'pdf', 'svg'"),
        (("--format", "pdf"), "--format applies to all and figures, not to markdown"),
        (("--thumbnails", "3"), "--thumbnails applies to html and all, not to markdown"),
        (("--image-names",), "--image-names applies to html and json and all, not to markdown"),
        (("--to", "results"), "'results': Is a directory"),
        (("--reference", "control:metadata"), "'control:metadata': no row of that name"),
    ],
)
def test_what_a_report_cannot_be_about_is_said_in_a_line(
    bench: Command, options: tuple[str, ...], message: str
) -> None:
    assert_refused(bench("report", "markdown", *options), message)


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
        assert f"- Reference: {shown}." in table


def test_a_question_is_answered_and_drawn_after_the_tables(
    bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.figures.files.pictures", lambda _: [])  # those of tables
    stored = QuestionRuns(Path("results/runs"))
    cross(stored, {("one", "ce"): 8, ("one", "sin"): 2})
    stored.record(experiment(models=["one"]))
    drawn = bench("report", "figures", "--to", "pictures")
    assert (drawn.code, drawn.out) == (0, "")
    picture = Path("pictures/question_asked.png")
    assert f"wrote {picture}\n" in drawn.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    report = bench("report", "markdown")
    assert (report.code, report.err) == (0, "")
    tables, _, section = report.out.partition("\n## Question: asked\n")
    assert tables.startswith("## nih")
    assert "**Is sin better?**" in section
    # The other formats hold the tables alone.
    assert "Question" not in bench("report", "csv").out


@pytest.mark.parametrize("name", ["all", "figures"])
def test_a_file_cannot_be_the_folder_of_a_report(bench: Command, tmp_path: Path, name: str) -> None:
    Runs(Path("results/runs")).add("tiny", PERFECT)
    (tmp_path / "old.md").write_text("mine")
    assert_refused(bench("report", name, "--to", "old.md"), "'old.md")
    assert (tmp_path / "old.md").read_text() == "mine"
