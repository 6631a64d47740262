"""The headline of tables whose result is known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.evaluate.comparison import Comparison
from bench.evaluate.estimate import Interval
from bench.evaluate.results import Table
from bench.report.html.headline import headline
from bench.runs.records import Outcome
from tests.bench.report.html.pages import IMPORTED
from tests.bench.report.runs import CHANCE, PERFECT, Runs, data

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


def compared(verdict: Any, value: float, low: float, high: float) -> Comparison:
    return Comparison(
        difference=Interval(value=value, low=low, high=high),
        p=0.01,
        p_holm=0.02,
        margin=0.01,
        p_equivalent=0.4,
        p_not_worse=0.2,
        verdict=verdict,
        smallest=0.03,
        images=6,
        delong_p=None,
    )


NOTHING = replace(
    compared("n/a", math.nan, math.nan, math.nan),
    difference=Interval(value=math.nan, reason="they have no image in common"),
    smallest=math.nan,
)


@pytest.mark.parametrize(
    ("resnet18", "tiny", "sentences"),
    [
        (
            compared("worse", -0.02, -0.03, -0.01),
            compared("cannot tell", 0.001, -0.01, 0.012),
            [
                f"{HERE}, no row is better than cxnet_m1 sin beyond chance.",
                "resnet18 ce is worse by 0.020 (0.010 to 0.030).",
                "tiny ce and cxnet_m1 sin cannot be told apart.",
                "This test set shows a true difference of 0.030 four times in five (p below 0.05, "
                "corrected for 3 comparisons), and smaller ones less often.",
            ],
        ),
        (
            compared("better", 0.02, 0.01, 0.03),
            compared("better", 0.04, 0.02, 0.06),
            [
                f"{HERE}, tiny ce and resnet18 ce are better than cxnet_m1 sin by 0.040 (0.020 to "
                "0.060) and 0.020 (0.010 to 0.030)."
            ],
        ),
        (
            NOTHING,
            NOTHING,
            [
                f"{HERE}, no row is better than cxnet_m1 sin beyond chance.",
                "resnet18 ce and tiny ce cannot be compared: they have no image in common.",
            ],
        ),
    ],
)
def test_rows_are_named_by_their_verdict_the_largest_difference_first(
    runs: Runs, resnet18: Comparison, tiny: Comparison, sentences: list[str]
) -> None:
    for seed in (0, 1):
        for model, loss in (("cxnet_m1", "sin"), ("resnet18", "ce"), ("tiny", "ce")):
            runs.add(model, PERFECT, loss=loss, seed=seed)
    table, found = only(runs), {"resnet18": resnet18, "tiny": tiny}
    rows = [replace(row, comparison=found.get(row.model, row.comparison)) for row in table.rows]
    assert headline(replace(table, rows=tuple(rows))) == sentences


def test_many_rows_are_counted(runs: Runs) -> None:
    runs.add("cxnet_m1", PERFECT, loss="sin")
    for number in range(4):
        runs.add(f"net{number}", PERFECT)
    table = only(runs)
    found = {f"net{n}": compared("worse", -n / 100, -n / 50, -n / 1000) for n in range(4)}
    rows = [replace(row, comparison=found.get(row.model, row.comparison)) for row in table.rows]
    sentence = headline(replace(table, rows=tuple(rows)))[1]
    assert sentence.startswith("4 of 4 rows are worse")
    assert "net3 ce, 0.030 (0.003 to 0.060)" in sentence


def test_networks_that_learned_nothing_come_first(runs: Runs) -> None:
    runs.add("cxnet_m1", WRONG, loss="sin")
    runs.add("resnet18", CHANCE)
    first, second = headline(only(runs))
    assert first.startswith(
        f"{HERE}, no network is shown to be above the best control (prior, AUC 0.500)"
    )
    assert "single run" in second


def test_imported_predictions_are_named_where_no_network_learned_anything(runs: Runs) -> None:
    runs.add("cxnet_m1", WRONG, loss="sin")
    runs.add("theirs", PERFECT, imported=IMPORTED)
    assert "theirs has the highest AUC, 1.000 (1.000 to 1.000)" in headline(only(runs))[1]


def test_a_network_that_learned_nothing_is_named(runs: Runs) -> None:
    runs.add("cxnet_m1", PERFECT, loss="sin")
    runs.add("resnet18", WRONG)
    first = headline(only(runs))[0]
    assert first.startswith(
        "1 of 2 networks is not shown to be above the best control (prior, AUC 0.500)"
    )
    assert first.endswith("resnet18 ce.")


def test_without_a_control_it_is_unknown_whether_anything_was_learned(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("cxnet_m1", PERFECT, loss="sin")
    assert headline(only(runs))[0].startswith("No control has finished")


def test_where_nothing_can_stand_in_no_difference_is_claimed(runs: Runs) -> None:
    runs.add("resnet18", PERFECT)
    table = only(runs)
    rows = tuple(replace(row, comparison=None, is_reference=False) for row in table.rows)
    first, second, _ = headline(replace(table, rows=rows, reference=None))
    assert first == f"{HERE}, resnet18 ce has the highest AUC, 1.000 (1.000 to 1.000)."
    assert "no difference was tested" in second


def test_the_reference_alone_is_compared_with_nothing(runs: Runs) -> None:
    runs.add("cxnet_m1", PERFECT, loss="sin")
    assert headline(only(runs))[0] == f"{HERE}, no other row can be compared with cxnet_m1 sin."


def test_what_limits_the_result_is_told(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("cxnet_m1", PERFECT, loss="sin", about=data(source="phantom"))
    failed = Outcome(state="failed", reason="no memory")
    runs.add("cxnet_m1", loss="sin", seed=1, outcome=failed, about=data(source="phantom"))
    found = headline(replace(only(runs), hidden=2))
    assert "synthetic" in found[0]
    assert any(sentence.startswith("1 run failed") for sentence in found)
    assert found[-1].startswith("2 rows")


def test_without_a_network_the_data_are_named(runs: Runs) -> None:
    (sentence,) = headline(only(runs))
    assert sentence == f"No network has finished {HERE.replace('On', 'on')}."
