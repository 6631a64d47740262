"""What a table says at first sight: held against tables whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench.evaluate.comparison import Comparison
from bench.evaluate.comparison import Verdict as Said
from bench.evaluate.estimate import Interval
from bench.evaluate.results import Row, Table
from bench.report.html.headline import headline
from bench.runs.records import Outcome
from tests.bench.report.html.pages import IMPORTED
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs, data

WRONG = [0.9, 0.8, 0.7, 0.3, 0.2, 0.1]
HERE = "On nih (image split, 6 test images of 3 patients)"


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    made = Runs(tmp_path)
    made.add("prior", CHANCE)
    return made


def only(runs: Runs) -> Table:
    (table,) = runs.tables()
    return table


def versus(verdict: Said, value: float, low: float, high: float) -> Comparison:
    return Comparison(
        difference=Interval(value=value, low=low, high=high),
        p=0.01,
        p_holm=0.02,
        verdict=verdict,
        smallest=0.03,
        images=6,
        delong_p=None,
    )


def told(table: Table, said: dict[str, Comparison]) -> list[str]:
    """The headline, had the comparisons of these models come out so."""

    def row(one: Row) -> Row:
        return replace(one, comparison=said.get(one.model, one.comparison))

    return headline(replace(table, rows=tuple(row(one) for one in table.rows)))


def with_two_others(runs: Runs) -> Table:
    for seed in (0, 1):
        for model, loss in (("cxnet_m1", "sin"), ("resnet18", "ce"), ("tiny", "ce")):
            runs.add(model, ONE_WRONG, loss=loss, seed=seed)
    return only(runs)


def test_nobody_better_is_said_before_who_is_worse(runs: Runs) -> None:
    said = {
        "resnet18": versus("worse", -0.02, -0.03, -0.01),
        "tiny": versus("cannot tell", 0.001, -0.01, 0.012),
    }
    assert told(with_two_others(runs), said) == [
        f"{HERE} none is better than cxnet_m1 sin beyond chance; resnet18 ce is worse, by 0.020 "
        "(0.010 to 0.030).",
        "Whether tiny ce differs from cxnet_m1 sin cannot be told: a true difference of about "
        "0.030 would have been shown on this test set four times in five (p below 0.05 after the "
        "correction for 3 comparisons), a smaller one less often.",
    ]


def test_the_better_ones_are_named_with_how_much_the_furthest_first(runs: Runs) -> None:
    said = {
        "resnet18": versus("better", 0.02, 0.01, 0.03),
        "tiny": versus("better", 0.04, 0.02, 0.06),
    }
    assert told(with_two_others(runs), said) == [
        f"{HERE} tiny ce and resnet18 ce are better than cxnet_m1 sin, by 0.040 (0.020 to 0.060) "
        "and 0.020 (0.010 to 0.030)."
    ]


def test_many_are_counted(runs: Runs) -> None:
    runs.add("cxnet_m1", ONE_WRONG, loss="sin")
    for place in range(4):
        runs.add(f"net{place}", ONE_WRONG)
    said = {f"net{n}": versus("worse", -n / 100, -n / 50, -n / 1000) for n in range(4)}
    first = told(only(runs), said)[0]
    assert first == (
        f"{HERE} none is better than cxnet_m1 sin beyond chance; 4 of 4 are worse, net3 ce the "
        "furthest, by 0.030 (0.003 to 0.060)."
    )


def test_a_single_run_is_said_to_be_one(runs: Runs) -> None:
    runs.add("cxnet_m1", ONE_WRONG, loss="sin")
    runs.add("resnet18", PERFECT)
    assert headline(only(runs))[-1].startswith("One run each: ")


def test_networks_that_learned_nothing_come_first_and_alone(runs: Runs) -> None:
    runs.add("cxnet_m1", WRONG, loss="sin")
    runs.add("resnet18", CHANCE)
    assert headline(only(runs))[:2] == [
        f"{HERE} no network is above the best control (prior, AUC 0.500), which sees no lungs: "
        "differences between the networks say nothing.",
        "One run each: this is about these runs, and another seed may turn it round.",
    ]


def test_what_was_imported_is_told_where_no_network_learned_anything(runs: Runs) -> None:
    runs.add("cxnet_m1", WRONG, loss="sin")
    runs.add("theirs", PERFECT, imported=IMPORTED)
    assert headline(only(runs))[1] == (
        "Of what was imported, theirs has the highest AUC, 1.000 (1.000 to 1.000)."
    )


def test_one_that_learned_nothing_is_named(runs: Runs) -> None:
    runs.add("cxnet_m1", PERFECT, loss="sin")
    runs.add("resnet18", WRONG)
    assert headline(only(runs))[0] == (
        "1 of 2 networks is not above the best control (prior, AUC 0.500), which sees no lungs: "
        "resnet18 ce."
    )


def test_without_a_control_nothing_is_known_of_learning(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("cxnet_m1", PERFECT, loss="sin")
    assert headline(only(runs))[0].startswith("No control has finished: ")


def test_without_the_reference_no_difference_is_claimed(runs: Runs) -> None:
    runs.add("resnet18", PERFECT)
    assert headline(only(runs))[0] == (
        f"{HERE} the highest AUC is that of resnet18 ce, 1.000 (1.000 to 1.000); the row to hold "
        "all others against has not finished, so that no difference was tested."
    )


def test_the_reference_alone_is_held_against_nothing(runs: Runs) -> None:
    runs.add("cxnet_m1", PERFECT, loss="sin")
    assert headline(only(runs))[0] == f"{HERE} there is nothing to hold against cxnet_m1 sin."


def test_what_cannot_be_compared_says_why(runs: Runs) -> None:
    nothing = Comparison(
        difference=Interval(value=math.nan, reason="they have no image in common"),
        p=math.nan,
        p_holm=math.nan,
        verdict="n/a",
        smallest=math.nan,
        images=0,
        delong_p=None,
    )
    sentences = told(with_two_others(runs), {"resnet18": nothing, "tiny": nothing})
    assert sentences[-1] == (
        "Of resnet18 ce and tiny ce nothing can be said: they have no image in common."
    )


def test_synthetic_images_are_said_to_be_so_at_once(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("cxnet_m1", PERFECT, loss="sin", about=data(source="phantom"))
    first = headline(only(runs))[0]
    assert first == "The images are synthetic: this says nothing about real X-rays."


def test_failed_runs_are_counted(runs: Runs) -> None:
    runs.add("cxnet_m1", PERFECT, loss="sin")
    runs.add("cxnet_m1", loss="sin", seed=1, outcome=Outcome(state="failed", reason="no memory"))
    assert headline(only(runs))[-1] == "1 run failed and is in no figure."


def test_hidden_rows_are_counted(runs: Runs) -> None:
    runs.add("cxnet_m1", PERFECT, loss="sin")
    assert headline(replace(only(runs), hidden=2))[-1] == "2 rows are not shown here."


def test_no_network_at_all_is_said(runs: Runs) -> None:
    assert headline(only(runs)) == [
        "No network has finished on nih (image split, 6 test images of 3 patients)."
    ]
