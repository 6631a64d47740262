"""Counts and names as text."""

from __future__ import annotations

import pytest

from bench.report.words import all_of, any_of, coverage


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["Mass"], "Mass"),
        (["Mass", "Hernia"], "Mass or Hernia"),
        (["Mass", "Nodule", "Hernia"], "Mass, Nodule or Hernia"),
    ],
)
def test_names_are_joined_by_a_word(names: list[str], text: str) -> None:
    assert any_of(names) == text
    assert all_of(names) == text.replace(" or ", " and ")


@pytest.mark.parametrize(
    ("answered", "text"),
    [(None, ""), ((4, 6), " (4 of 6 images)"), ((1, 2500), " (1 of 2,500 images)")],
)
def test_a_row_says_how_much_it_answers(answered: tuple[int, int] | None, text: str) -> None:
    assert coverage(answered) == text
