"""Counts and names as text."""

from __future__ import annotations

import pytest

from bench.report.words import all_of, any_of


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
