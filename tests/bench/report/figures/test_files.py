"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from bench.errors import InputError
from bench.evaluate.results import Table
from bench.report.figures import Picture, pictures, write_figures


@pytest.fixture(autouse=True)
def _two_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the pictures are enough."""

    def first(table: Table) -> list[Picture]:
        return pictures(table)[:2]

    monkeypatch.setattr("bench.report.figures.files.pictures", first)


def test_files_are_written_in_every_format_and_the_same_each_time(
    two_classes: Table, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "figures"
    written = write_figures([two_classes], folder, formats=["png", "svg", "pdf"])
    names = [
        f"{name}.{ending}" for name in ("intervals", "roc") for ending in ("png", "svg", "pdf")
    ]
    assert written == [folder / name for name in names]
    with Image.open(folder / "roc.png") as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    ElementTree.fromstring((folder / "roc.svg").read_bytes())
    assert (folder / "roc.pdf").read_bytes().startswith(b"%PDF")
    again = write_figures([two_classes], tmp_path / "again", formats=["png", "svg", "pdf"])
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_files_of_several_tables_have_different_names(
    two_classes: Table, labels: Table, tmp_path: Path
) -> None:
    written = write_figures([two_classes, labels, labels], tmp_path, formats=["svg"])
    assert [path.name for path in written[::2]] == [
        "nih_m1_image_64_intervals.svg",
        "nih_findings14_image_64~1_intervals.svg",
        "nih_findings14_image_64~2_intervals.svg",
    ]


def test_an_unknown_format_is_an_error_before_anything_is_written(
    two_classes: Table, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="'gif': take png, pdf or svg"):
        write_figures([two_classes], tmp_path / "figures", formats=["png", "gif"])
    assert not (tmp_path / "figures").exists()


def test_a_folder_that_cannot_be_written_to_is_named(two_classes: Table, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("here")
    with pytest.raises(InputError, match=r"file.*choose another"):
        write_figures([two_classes], file, formats=["svg"])
