"""The reporting checklists: every item, once, with what is stored and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.card.checklist import Checklist, checklist_markdown, checklists
from bench.evaluate.heatmaps import HeatMaps
from bench.evaluate.results import Results

# The numbers of Collins and others, 2024, table 2.
PARTED = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef"}
PARTED |= {20: "abc", 23: "ab", 27: "abc"}
TRIPOD_AI = [
    f"{number}{letter}".strip() for number in range(1, 28) for letter in PARTED.get(number, " ")
]


@pytest.fixture(scope="module")
def both(results: Results) -> tuple[Checklist, Checklist]:
    claim, tripod = checklists(results)
    return claim, tripod


def test_every_item_is_there_once(both: tuple[Checklist, Checklist]) -> None:
    claim, tripod = both
    assert [item.number for item in claim.items] == [f"{number}" for number in range(1, 45)]
    assert [item.number for item in tripod.items] == TRIPOD_AI
    for each in both:
        assert sum(each.count(state) for state in ("stored", "authors", "missing")) == len(
            each.items
        )
        for item in each.items:
            assert item.asks
            assert item.answer or item.state == "authors", item


def test_answers_are_the_stored_facts(both: tuple[Checklist, Checklist], results: Results) -> None:
    claim = {item.number: item for item in both[0].items}
    (table,) = results.tables
    (row,) = [row for row in table.rows if row.kind == "network"]
    auc = row.figures["auc"]
    assert claim["37"].answer == (
        f"small_for_export ce: AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}), 1 seed"
    )
    train_part = table.data.parts["train"]
    wanted = f"train {train_part.images} images of {train_part.patients} patients"
    assert claim["10"].answer.split("; ")[1] == wanted
    assert "train and test share 0 patients and 0 identical images" in claim["20"].answer
    assert table.data.split.hash[:16] in claim["19"].answer
    assert (claim["30"].state, claim["30"].answer.split(";")[0]) == (
        "missing",
        "every row is a single seed",
    )
    assert claim["33"].state == claim["36"].state == "missing"
    assert claim["44"].answer == ""


def test_maps_that_were_measured_are_stored(results: Results) -> None:
    (table,) = results.tables
    maps = HeatMaps(boxes="phantom", method="Grad-CAM", seeds=(0,), measured=())
    rows = tuple(replace(row, heat_maps=(maps,)) for row in table.rows)
    before, after = (
        checklists(each)[0].items[30]
        for each in (results, replace(results, tables=(replace(table, rows=rows),)))
    )
    assert (before.state, after.state) == ("missing", "stored")
    assert before.answer == "bench explain draws maps; with --boxes it measures and records them"
    assert after.answer == (
        "small_for_export ce: agreement of heat maps (Grad-CAM) with the lesions of phantom "
        "(bench report)"
    )


def test_unknown_patients_are_missing(results: Results) -> None:
    (table,) = results.tables
    leakage = tuple(
        pair.model_copy(update={"shared_patients": None}) for pair in table.data.leakage
    )
    data = table.data.model_copy(update={"leakage": leakage})
    found = checklists(replace(results, tables=(replace(table, data=data),)))[0].items[19]
    assert found.state == "missing"
    assert "share an unknown number of patients" in found.answer
    assert found.answer.endswith("patient ids are missing")


def test_markdown_has_a_line_an_item(both: tuple[Checklist, Checklist]) -> None:
    text = checklist_markdown(both)
    assert text.count("\n## ") == 1
    assert text.startswith("## CLAIM 2024: manifest (")
    assert "| 44 | funding | authors | to be written by the authors |\n" in text
    assert "wording and numbers that count are those of Collins and others" in text


def test_controls_alone_have_none(results: Results) -> None:
    (table,) = results.tables
    controls = tuple(row for row in table.rows if row.kind == "control")
    assert checklists(replace(results, tables=(replace(table, rows=controls),))) == []
