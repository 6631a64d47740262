"""Which row the others are held against, where several have the wanted model and loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.evaluate.collect import collect
from bench.evaluate.results import Reference, Table
from bench.report.html.headline import headline
from bench.report.notes import notes
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, TRAINING, Runs
from tests.bench.report.test_tuned import tune

NET = Reference(model="net", loss="ce")


def trained(iterations: int) -> dict[str, object]:
    return {"train": TRAINING | {"max_iterations": iterations}}


def settings_of_reference(table: Table) -> str:
    assert table.reference is not None
    return table.reference.settings


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_it_is_trained_as_most_networks_were(runs: Runs) -> None:
    # Neither the better one nor the first by its text.
    runs.add("net", PERFECT, settings=trained(200))
    runs.add("net", ONE_WRONG, settings=trained(40))
    runs.add("wide", CHANCE, settings=trained(40))
    runs.add("deep", CHANCE, settings=trained(40))
    (table,) = collect(runs.store.runs(), reference=NET)
    assert settings_of_reference(table) == "train.max_iterations=40"


def test_it_has_the_most_seeds(runs: Runs) -> None:
    runs.add("net", ONE_WRONG, settings=trained(200))
    runs.add("net", ONE_WRONG, settings=trained(200), seed=1)
    runs.add("net", PERFECT, settings=trained(40))
    runs.add("wide", CHANCE, settings=trained(40))
    (table,) = collect(runs.store.runs(), reference=NET)
    assert settings_of_reference(table) == "train.max_iterations=200"


def test_the_legend_says_how_it_was_chosen(runs: Runs) -> None:
    runs.add("net", PERFECT, settings=trained(200))
    runs.add("net", ONE_WRONG, settings=trained(40))
    runs.add("wide", CHANCE, settings=trained(40))
    (table,) = collect(runs.store.runs(), reference=NET)
    assert notes(table, "comparison")[0] == (
        "Reference: net ce (max_iterations=40). It is one of 2 rows of this name: a tuned one, "
        "then one with the most seeds, then one trained as most networks were; it is never chosen "
        "by its figures."
    )


def test_rows_that_were_trained_otherwise_are_named(runs: Runs) -> None:
    runs.add("net", ONE_WRONG, settings=trained(40))
    runs.add("wide", PERFECT, settings=trained(200))
    runs.add("deep", CHANCE, settings=trained(40))
    runs.add("prior", CHANCE)
    (table,) = collect(runs.store.runs(), reference=NET)
    assert {row.model: row.trained_otherwise for row in table.rows} == {
        "wide": True,
        "net": False,
        "deep": False,
        "prior": False,
    }
    assert (
        "Trained with other settings than the reference: wide ce. Such a difference may be that of "
        "the settings."
    ) in notes(table, "comparison")
    # No difference was shown: there is nothing to explain.
    said = "net ce was trained with other settings than wide ce"
    assert not any(said in line for line in headline(table))
    better = [
        replace(row, comparison=replace(row.comparison, verdict="better"))
        if row.comparison
        else row
        for row in table.rows
    ]
    assert any(said in line for line in headline(replace(table, rows=tuple(better))))


def test_searched_settings_of_two_tuned_rows_are_no_other_training(runs: Runs) -> None:
    for model, lr in (("net", 0.1), ("wide", 0.2)):
        name = runs.add(model, ONE_WRONG, settings={"train": TRAINING | {"lr": lr}})
        tune(runs, model, runs_=[name])
    runs.add("deep", CHANCE, settings={"train": TRAINING})
    (table,) = runs.tables(reference=NET)
    found = {row.model: row.trained_otherwise for row in table.rows}
    assert found == {"net": False, "wide": False, "deep": True}


def test_rows_of_one_name_are_told_apart_in_sentences(runs: Runs) -> None:
    runs.add("net", ONE_WRONG, settings=trained(40))
    runs.add("net", PERFECT, settings=trained(200))
    runs.add("deep", CHANCE, settings=trained(40))
    runs.add("prior", CHANCE)
    (table,) = collect(runs.store.runs(), reference=NET)
    other = "net ce (max_iterations=200)"
    assert any(f"than the reference: {other}. Such" in line for line in notes(table, "comparison"))
    assert any("net ce (max_iterations=40)" in line for line in headline(table))
