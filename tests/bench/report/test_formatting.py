"""Values as text."""

from __future__ import annotations

import math

import pytest

from bench.evaluate.estimate import Figure, Interval
from bench.evaluate.labels import coverage
from bench.report import formatting


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["Mass"], "Mass"),
        (["Mass", "Hernia"], "Mass or Hernia"),
        (["Mass", "Nodule", "Hernia"], "Mass, Nodule or Hernia"),
    ],
)
def test_names_are_joined_by_a_word(names: list[str], text: str) -> None:
    assert formatting.any_of(names) == text
    assert formatting.all_of(names) == text.replace(" or ", " and ")


@pytest.mark.parametrize(
    ("answered", "text"),
    [(None, ""), ((4, 6), " (4 of 6 images)"), ((1, 2500), " (1 of 2,500 images)")],
)
def test_a_row_says_how_much_it_answers(answered: tuple[int, int] | None, text: str) -> None:
    assert coverage(answered) == text


@pytest.mark.parametrize(
    ("figure", "value", "interval"),
    [
        (
            Figure(value=0.81234, deviation=0.0041, low=0.8, high=0.824),
            "0.812 ± 0.004",
            "0.800–0.824",
        ),
        (Figure(value=0.5), "0.500", ""),
        (Figure(value=math.nan, reason="no image"), "n/a", ""),
        (None, "n/a", ""),
    ],
)
def test_a_figure_is_shown_with_what_is_known_of_it(
    figure: Figure | None, value: str, interval: str
) -> None:
    assert formatting.figure(figure) == value
    assert formatting.interval(figure) == interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (-7e-19, "0.000"),
        (0.0123, "+0.012"),
        (-0.0003, "-0.0003"),
        (math.nan, "n/a"),
    ],
)
def test_a_difference_that_is_not_zero_is_not_shown_as_zero(value: float, text: str) -> None:
    assert formatting.difference(value) == text


def test_the_ends_of_a_difference_have_signs() -> None:
    interval = Interval(value=0.01, low=-0.0003, high=0.02)
    assert formatting.difference_interval(interval) == "-0.0003 to +0.020"
    assert formatting.difference_interval(Interval(value=0.01, reason="one patient")) == ""


@pytest.mark.parametrize(
    ("amounts", "text"),
    [
        ({"trials": 20}, "20 trials"),
        ({"minutes": 1.0}, "1 minute"),
        ({"iterations": 6000}, "6,000 iterations"),
    ],
)
def test_a_budget_is_in_its_own_units(amounts: dict[str, float], text: str) -> None:
    assert formatting.amounts(amounts) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (math.nan, "n/a"),
        (0.0001, "<0.001"),
        (0.0005, "0.001"),
        (0.0312, "0.031"),
        (0.04996, "0.0500"),
        (0.0499, "0.0499"),
        (0.0503, "0.0503"),
        (1.0, "1.000"),
    ],
)
def test_p_is_shown_so_that_it_fits_its_verdict(p: float, text: str) -> None:
    assert formatting.p_value(p) == text
