"""Axes of the bars in cells."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bench.report.html.bars import WIDTH, Scale

NUMBERS = st.floats(-1e3, 1e3, allow_nan=False)


@given(values=st.lists(NUMBERS, min_size=1, max_size=5), line=st.none() | NUMBERS)
def test_an_axis_holds_all_its_values_in_their_order(
    values: list[float], line: float | None
) -> None:
    scale = Scale.around([*values, math.nan], line=line)
    assert scale is not None
    every = sorted([*values, *([] if line is None else [line])])
    assert all(scale.holds(value) for value in every)
    positions = [scale.x(value) for value in every]
    assert positions == sorted(positions)
    assert positions[0] >= 0
    assert positions[-1] <= WIDTH


def test_there_is_no_axis_without_a_value_and_no_line_at_nan() -> None:
    assert Scale.around([math.nan], line=math.nan) is None
    scale = Scale.around([0.5, 0.7], line=math.nan)
    assert scale is not None
    assert scale.line is None


def test_values_beyond_the_axis_are_at_its_ends() -> None:
    scale = Scale(low=0.0, high=1.0)
    positions = [scale.x(value) for value in (-1.0, 0.0, 0.25, 1.0, 2.0)]
    assert positions == [4.0, 4.0, 32.0, 116.0, 116.0]
    assert not scale.holds(-0.1)
