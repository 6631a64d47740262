"""The verdict on tables of made-up rows."""

from __future__ import annotations

from typing import Any

import pytest

from bench.evaluate.results import Row
from bench.evaluate.verdict import verdict
from tests.bench.evaluate.made_rows import made_control, made_row, made_table

PIXELS = made_control()
REFERENCE = made_row("net")
BIG, SMALL = 5000, 300
ONE_RUN: dict[str, Any] = {"seeds": (0,)}


def found(*rows: Row, **changes: Any) -> tuple[str, str, str]:
    """Conclusion, and the names of the row that it is about and of the one to take."""
    found = verdict(made_table(*rows, **changes))
    names = [row.model if row else "" for row in (found.row, found.take)]
    return found.conclusion, names[0], names[1]


def test_without_predictions_nothing_has_finished() -> None:
    failed = made_row("broken", "n/a", figures={}, seeds=())
    some = made_row("theirs", "better", kind="imported", answered=(4, 6))
    nobody = made_row("net", "better", kind="always normal")
    assert found(PIXELS, failed, some, nobody) == ("nothing finished", "", "")


def test_a_control_that_nobody_beats_comes_first() -> None:
    near = made_row("near", "better", over=-0.05)
    assert found(made_row("net", over=-0.1), near, PIXELS) == ("not above control", "near", "")


@pytest.mark.parametrize(
    ("better", "expected"),
    [
        ([made_row("big", "better", parameters=BIG)], ("better", "big", "big")),
        # The higher one would be a lucky choice.
        (
            [
                made_row("big", "better", value=0.09, parameters=BIG),
                made_row("mid", "better", parameters=2000),
            ],
            ("better", "mid", "mid"),
        ),
        (
            [made_row("twin", "better"), made_row("other", "better")],
            ("better", "twin", ""),
        ),
        ([made_row("a", "better", parameters=None, kind="imported")], ("better", "a", "")),
    ],
)
def test_of_better_ones_the_smallest_is_taken(
    better: list[Row], expected: tuple[str, str, str]
) -> None:
    assert found(REFERENCE, *better, made_row("tiny", "equivalent", parameters=1), PIXELS) == (
        expected
    )


def test_a_better_one_that_no_control_stands_below_is_not_taken() -> None:
    doubtful = made_row("doubtful", "better", over=-0.01, parameters=1)
    assert found(REFERENCE, doubtful, PIXELS)[0::2] == ("above control", "net")


@pytest.mark.parametrize(
    "reference", [made_row("net", over=-0.1), made_control(comparison=None, is_reference=True)]
)
def test_where_the_reference_is_no_measure_the_control_is(reference: Row) -> None:
    one = made_row("one", "cannot tell", parameters=BIG)
    two = made_row("two", "equivalent", parameters=SMALL)
    none = made_row("none", "cannot tell", over=-0.1, parameters=1)
    rows = [reference, one, none, PIXELS]
    assert found(*rows) == ("above control", "one", "one")
    assert found(two, *rows) == ("above control", "two", "two")


def test_a_row_alone_is_compared_with_the_control_or_with_nothing() -> None:
    assert found(REFERENCE, PIXELS) == ("above control", "net", "")
    assert found(made_row("net", over=None)) == ("nothing to compare", "net", "")


def test_the_reference_can_be_the_only_one_above_the_control() -> None:
    rows = [made_row("a", "cannot tell", over=-0.1), made_row("b", "worse", over=-0.2)]
    assert found(REFERENCE, *rows, PIXELS) == ("above control", "net", "net")
    assert found(REFERENCE, rows[1], PIXELS) == ("others worse", "b", "net")


@pytest.mark.parametrize("shown", ["equivalent", "not worse"])
def test_a_smaller_one_that_is_as_good_is_taken(shown: Any) -> None:
    rows = [
        made_row("small", shown, parameters=500),
        made_row("smaller", shown, parameters=SMALL),
        made_row("smallest", "cannot tell", parameters=1),
        made_row("below", shown, over=-0.1, parameters=2),
        PIXELS,
    ]
    assert found(REFERENCE, *rows) == ("as good", "smaller", "smaller")


def test_imported_predictions_have_no_size_to_choose_by() -> None:
    theirs = made_row("theirs", kind="imported", loss="", parameters=None, over=None)
    ours = made_row("ours", "equivalent", kind="imported", loss="", parameters=None, over=None)
    assert found(theirs, ours) == ("as good", "ours", "")


def test_single_runs_decide_nothing() -> None:
    reference = made_row("net", **ONE_RUN)
    lower = made_row("lower", "differs", **ONE_RUN)
    unclear = made_row("unclear", "cannot tell", parameters=SMALL, **ONE_RUN)
    assert found(reference, lower, unclear, PIXELS) == ("single runs", "net", "")
    # Against several runs as well, and where one run is the higher.
    assert found(REFERENCE, lower, unclear, PIXELS) == ("single runs", "net", "")
    higher = made_row("higher", "differs", value=0.02, **ONE_RUN)
    several = made_row("several", "worse")
    assert found(REFERENCE, several, higher, PIXELS) == ("single runs", "higher", "")


def test_the_reference_is_taken_where_all_others_are_worse() -> None:
    rows = [made_row("far", "worse", value=-0.2), made_row("close", "worse", value=-0.02)]
    assert found(REFERENCE, *rows, PIXELS) == ("others worse", "close", "net")


@pytest.mark.parametrize(
    ("shown", "parameters", "expected"),
    [
        ("cannot tell", BIG, ("none better", "net", "net")),
        ("equivalent", BIG, ("none better", "net", "net")),
        # As large: nothing speaks for either.
        ("cannot tell", 1000, ("none better", "net", "")),
        ("cannot tell", SMALL, ("undecided", "rival", "")),
        ("cannot tell", None, ("none better", "net", "")),
        ("n/a", BIG, ("none better", "net", "net")),
    ],
)
def test_what_cannot_be_told_is_never_taken(
    shown: Any, parameters: int | None, expected: tuple[str, str, str]
) -> None:
    rival = made_row("rival", shown, parameters=parameters)
    worse = made_row("worse", "worse", parameters=1)
    assert found(REFERENCE, rival, worse, PIXELS) == expected


def test_without_an_interval_nothing_can_be_told() -> None:
    other = made_row("other", "n/a", parameters=SMALL)
    assert found(REFERENCE, other, PIXELS) == ("no interval", "net", "")
