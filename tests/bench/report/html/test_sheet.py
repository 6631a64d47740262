"""Tables for the page: what a cell is sorted by, and where a bar's marks stand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.grid import Grid
from bench.report.html.sheet import WIDTH, Bar, Cell, Scale, sheet, strong

NUMBERS = st.floats(-1e3, 1e3, allow_nan=False)


def cell(text: str) -> Cell:
    """As a number of a table of text."""
    grid = Grid(head=["row", "figure"], body=[["a", text]], left=1)
    return sheet(grid, "caption").body[0][1]


@pytest.mark.parametrize(
    ("text", "value", "detail", "key"),
    [
        ("0.812 ± 0.004 (0.800–0.824)", "0.812 ± 0.004", "0.800–0.824", "0.812"),
        ("-0.012 (-0.030 to +0.006)", "-0.012", "-0.030 to +0.006", "-0.012"),
        ("+6e-16", "+6e-16", "", "+6e-16"),
        ("11,171,266", "11,171,266", "", "11171266"),
        ("<0.001", "<0.001", "", "0.001"),
        ("3 (1 failed)", "3 (1 failed)", "", "3"),
        ("25 (8.3 %)", "25 (8.3 %)", "", "25"),
        ("n/a", "n/a", "", ""),
        ("–", "–", "", ""),
        ("mixed", "mixed", "", ""),
    ],
)
def test_a_number_is_sorted_by_itself(text: str, value: str, detail: str, key: str) -> None:
    assert cell(text) == Cell(text=value, detail=detail, key=key)


def test_the_best_of_a_column_is_marked_and_says_the_same() -> None:
    assert cell(f"{strong('0.9')} (0.8–1.0)") == Cell(
        text="0.9", detail="0.8–1.0", key="0.9", mark="best"
    )


def test_texts_are_sorted_as_they_are_and_a_dash_is_none() -> None:
    grid = Grid(head=["row", "note"], body=[["b", "–"], ["a", "9 lives"]], left=2)
    keys = [[one.key for one in row] for row in sheet(grid, "caption").body]
    assert keys == [["b", ""], ["a", "9 lives"]]


@given(values=st.lists(NUMBERS, min_size=1, max_size=5), line=st.none() | NUMBERS)
def test_a_scale_holds_all_its_values_in_their_order(
    values: list[float], line: float | None
) -> None:
    scale = Scale.of([*values, math.nan], line=line)
    assert scale is not None
    every = sorted([*values, *([] if line is None else [line])])
    assert scale.low <= every[0]
    assert every[-1] <= scale.high
    places = [scale.at(value) for value in every]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= WIDTH


def test_a_scale_has_round_ends() -> None:
    scale = Scale.of([0.812, 0.944], line=0.85)
    assert scale is not None
    assert (scale.low, scale.high) == pytest.approx((0.8, 0.95))


def test_there_is_no_scale_without_a_value() -> None:
    assert Scale.of([math.nan]) is None


def test_a_line_at_nothing_is_not_drawn() -> None:
    scale = Scale.of([0.5, 0.7], line=math.nan)
    assert scale is not None
    assert Bar.of(scale, value=0.5, low=math.nan, high=math.nan).line is None


def test_a_bar_spans_its_interval_and_has_none_where_there_is_none() -> None:
    scale = Scale(low=0.0, high=1.0, line=0.5)
    bar = Bar.of(scale, value=0.75, low=0.25, high=1.0)
    assert (bar.low, bar.line, bar.value, bar.high) == (32.0, 60.0, 88.0, 116.0)
    bare = Bar.of(scale, value=0.75, low=math.nan, high=math.nan)
    assert (bare.low, bare.high) == (None, None)
