"""Figures as files, and inside a page."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from PIL import Image

from bench.errors import InputError
from bench.evaluate.results import Results, Table
from bench.report.figures.files import write_figures
from bench.report.figures.picture import Picture
from bench.report.figures.tables import pictures
from tests.bench.evaluate.question_runs import QuestionRuns, cross, experiment
from tests.bench.report.runs import ONE_WRONG, PERFECT, Runs


@pytest.fixture(autouse=True)
def _two_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the pictures are enough."""

    def first(table: Table) -> list[Picture]:
        return pictures(table)[:2]

    monkeypatch.setattr("bench.report.figures.files.pictures", first)


def content(picture: Picture) -> str:
    """The SVG inside the address of a picture."""
    head, _, data = picture.address().partition(",")
    assert head == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def test_files_are_written_in_every_format_and_the_same_each_time(
    two_classes: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "bench.report.figures.files.pictures",
        lambda table: [each for each in pictures(table) if each.name == "roc"],
    )
    results = Results(tables=(two_classes,))
    folder = tmp_path / "new" / "figures"
    written = write_figures(results, folder, formats=["png", "svg", "pdf"])
    assert written == [folder / f"roc.{ending}" for ending in ("png", "svg", "pdf")]
    with Image.open(folder / "roc.png") as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    ElementTree.fromstring((folder / "roc.svg").read_bytes())
    assert (folder / "roc.pdf").read_bytes().startswith(b"%PDF")
    again = write_figures(results, tmp_path / "again", formats=["png", "svg", "pdf"])
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_files_of_several_tables_and_answers_have_different_names(
    two_classes: Table, labels: Table, tmp_path: Path
) -> None:
    stored = QuestionRuns(tmp_path / "runs")
    cross(stored, {("one", "ce"): 16, ("one", "sin"): 1})
    stored.record(experiment(models=["one"]))
    answer = stored.answer()
    results = Results(
        tables=(two_classes, labels, labels),
        questions=(answer, answer, replace(answer, problem="no network of it has finished")),
    )
    written = write_figures(results, tmp_path, formats=["svg"])
    assert [path.stem for path in written] == [
        "nih_m1_image_64_differences",
        "nih_m1_image_64_roc",
        "nih_findings14_image_64~1_differences",
        "nih_findings14_image_64~1_findings",
        "nih_findings14_image_64~2_differences",
        "nih_findings14_image_64~2_findings",
        "question_asked~1",
        "question_asked~2",
    ]


def test_a_folder_that_cannot_be_written_to_is_named(two_classes: Table, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("here")
    with pytest.raises(InputError, match=r"file.*choose another"):
        write_figures(Results(tables=(two_classes,)), file, formats=["svg"])


def test_a_figure_is_the_same_each_time_whatever_the_users_settings(two_classes: Table) -> None:
    found = pictures(two_classes)[1]
    first = found.address()
    with matplotlib.rc_context({"lines.linewidth": 9.0, "svg.fonttype": "path"}):
        assert found.address() == first
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_names_stay_as_they_are(runs: Runs) -> None:
    names = ["$x_1$ <b>&amp;", "шпала 胸 1.2345"]
    for name, answers in zip(names, (PERFECT, ONE_WRONG), strict=True):
        runs.add(name, answers)
    (table,) = runs.tables()
    for each in pictures(table)[:4]:
        text = "".join(ElementTree.fromstring(content(each)).itertext())
        assert all(f"{name} ce" in text for name in names)
