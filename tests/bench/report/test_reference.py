"""The reference is one row, where several have the wanted model and loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.evaluate.collect import collect
from bench.evaluate.reference import choose_reference
from bench.evaluate.results import Reference
from bench.report.notes import notes
from tests.bench.records import EXPERIMENT
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, TRAINING, Runs, imported
from tests.bench.report.test_tuned import tune

NET = Reference(model="net", loss="ce")


def trained(iterations: int) -> dict[str, object]:
    return {"train": TRAINING | {"max_iterations": iterations}}


@pytest.mark.parametrize(
    ("seeds", "chosen"),
    [
        # As most networks were trained: neither the better one nor the first by its text.
        (1, "net ce (max_iterations=40)"),
        # The one with the most seeds.
        (2, "net ce (max_iterations=200)"),
    ],
)
def test_the_reference_is_not_chosen_by_its_figures(runs: Runs, seeds: int, chosen: str) -> None:
    better, worse = (200, 40) if seeds == 1 else (40, 200)
    runs.add("net", PERFECT, settings=trained(better))
    runs.add("net", ONE_WRONG, settings=trained(worse))
    if seeds == 2:
        runs.add("net", ONE_WRONG, settings=trained(worse), seed=1)
    runs.add("wide", CHANCE, settings=trained(40))
    runs.add("deep", CHANCE, settings=trained(40))
    (table,) = runs.tables(reference=NET)
    assert table.reference is not None
    assert table.reference.label == chosen
    assert notes(table, "comparison")[0] == (
        f"Reference: {chosen}. It is one of 2 rows of this name: a tuned one, then one with the "
        "most seeds, then one trained as most networks were; it is never chosen by its figures."
    )


def test_rows_that_were_trained_otherwise_are_named(runs: Runs) -> None:
    runs.add("net", ONE_WRONG, settings=trained(40))
    runs.add("wide", PERFECT, settings=trained(200))
    runs.add("deep", CHANCE, settings=trained(40))
    runs.add("prior", CHANCE)
    (table,) = runs.tables(reference=NET)
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


def test_searched_settings_of_two_tuned_rows_are_no_other_training(runs: Runs) -> None:
    for model, lr in (("net", 0.1), ("wide", 0.2)):
        name = runs.add(model, ONE_WRONG, settings={"train": TRAINING | {"lr": lr}})
        tune(runs, model, runs_=[name])
    runs.add("deep", CHANCE, settings={"train": TRAINING})
    (table,) = runs.tables(reference=NET)
    found = {row.model: row.trained_otherwise for row in table.rows}
    assert found == {"net": False, "wide": False, "deep": True}


def stand_in(runs: Runs) -> str:
    """The label of the row that stands in for a reference which has not run."""
    (table,) = collect(runs.store.runs(), experiments=runs.store.experiments())
    assert table.stands_in == (table.reference is not None)
    return table.reference.label if table.reference else ""


def test_the_first_network_of_the_experiment_stands_in(runs: Runs) -> None:
    names = [
        runs.store.root / runs.add(model, answers, loss=loss)
        for model, loss, answers in (
            ("alpha", "ce", PERFECT),
            ("mine", "focal", PERFECT),
            ("mine", "ce", ONE_WRONG),
        )
    ]
    runs.add("prior", CHANCE)
    assert stand_in(runs) == "alpha ce"
    experiment = EXPERIMENT.model_copy(update={"models": ("mine", "alpha"), "losses": ("ce",)})
    runs.store.record_experiment(experiment, names)
    assert stand_in(runs) == "mine ce"


def test_without_a_network_imported_predictions_stand_in(runs: Runs) -> None:
    runs.add("prior", CHANCE)
    assert stand_in(runs) == ""
    runs.add("b_theirs", ONE_WRONG, imported=imported())
    some = {"validation": np.arange(4), "test": np.arange(4, 9)}
    runs.add("a_theirs", PERFECT[:5], imported=imported(test=5), parts=some)
    assert stand_in(runs) == "imported: b_theirs"


def test_a_control_stands_in_for_predictions_of_other_kinds(runs: Runs) -> None:
    runs.add("prior", CHANCE)
    runs.add("net", PERFECT)
    control, net = sorted(runs.tables()[0].rows, key=lambda row: row.kind)
    rows = [control, replace(net, kind="cascade")]
    absent = Reference(model="absent")
    assert choose_reference(rows, wanted=absent, control=control) is control
    assert choose_reference(rows, wanted=absent) is None
