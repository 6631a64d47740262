"""Published figures stand beside the table that they concern, and a wrong file is not silent."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.evaluate.published import PublishedFigure, published_file, read_published
from tests.bench.report.runs import PERFECT, Runs, data
from tests.bench.report.test_per_finding import add_classes, add_labels


def test_the_shipped_figures_are_those_that_were_published() -> None:
    figures = read_published(published_file())
    assert [(each.task, each.metric, each.value, each.comparable) for each in figures] == [
        ("m1", "AUC", 0.783, "partly"),
        ("m1", "AUC", 0.982, "no"),
        ("findings14", "macro AUC", 0.745, "partly"),
        ("findings14", "macro AUC", 0.761, "partly"),
        ("findings14", "macro AUC", 0.806, "partly"),
        ("findings14", "macro AUC", 0.830, "partly"),
    ]
    assert [each.images for each in figures] == [22433, None, None, None, None, None]
    assert {each.source for each in figures} == {"nih"}
    assert {(each.split, each.taken_from) for each in figures[2:]} == {
        ("official", "Xiao 2022, arXiv:2210.12843, Table 6")
    }


def test_a_table_shows_those_of_its_task_and_source(runs: Runs) -> None:
    runs.add("net", PERFECT)
    runs.add("net", PERFECT, about=data(source="other", fingerprint="e" * 64))
    add_labels(runs, "net")
    add_classes(runs, "net")
    shown = {(table.data.source, table.data.task): len(table.published) for table in runs.tables()}
    assert shown == {
        ("nih", "m1"): 2,
        ("nih", "m4"): 0,
        ("nih", "findings14"): 4,
        ("other", "m1"): 0,
    }


def write(path: Path, *figures: PublishedFigure, **changes: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(figures[0].model_dump()))
        writer.writeheader()
        for figure in figures:
            given = {k: "" if v is None else str(v) for k, v in figure.model_dump().items()}
            writer.writerow(given | changes)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "78.3"}, "entry 1: value: Input should be less than or equal to 1"),
        ({"value": "nan"}, "entry 1: value: Input should be "),
        ({"comparable": "maybe"}, "entry 1: comparable: Input should be 'yes', 'no' or 'partly'"),
        ({"why": " "}, "entry 1: why: String should have at least 1 character"),
        ({"images": "many"}, "entry 1: images: Input should be a valid integer"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, str], message: str) -> None:
    first = read_published(published_file())[0]
    with pytest.raises(InputError) as caught:
        read_published(write(tmp_path / "reference.csv", first, **change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_its_columns_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reference.csv"
    with pytest.raises(InputError, match=r"published figures .* cannot be read"):
        read_published(path)
    path.write_text("task,value\nm1,0.5\n")
    with pytest.raises(InputError, match="entry 1: source: Field required"):
        read_published(path)
    path.write_text(published_file().read_text("utf-8") + "m1,nih\n")
    with pytest.raises(InputError, match="entry 7: split: Input should be a valid string"):
        read_published(path)


@given(st.binary() | st.text().map(str.encode))
def test_any_file_is_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("published") / "reference.csv"
    head = published_file().read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(head + content)
    message = ""
    try:
        figures = read_published(path)
    except InputError as error:
        figures, message = [], str(error)
    assert len(message.splitlines()) <= 1
    assert all(0.0 <= figure.value <= 1.0 for figure in figures)
