"""Counts and values as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.evaluate.settings import setting_text

RECONSTRUCTED = (
    "sin, sin_hump: the paper's equation (9), which defines the weight, could not be found; both "
    "are reconstructions."
)
"""Said wherever a figure of these losses stands."""


def many(count: int, noun: str) -> str:
    """``1 patient``, ``2,000 patients``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def number(value: Any) -> str:
    """A setting's value for a sentence: ``6,000``, ``5`` for 5.0; others as ``--set``."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if type(value) is int else setting_text(value)


def coverage(answered: tuple[int, int] | None) -> str:
    """What a row's name is followed by: `` (4 of 6 images)``, or "" where it answers all.

    Args:
        answered: as :class:`bench.evaluate.collect.Row` has it.
    """
    return "" if answered is None else f" ({answered[0]:,} of {many(answered[1], 'image')})"


def any_of(names: Sequence[str]) -> str:
    """``Mass``, ``Mass or Hernia``, ``Mass, Nodule or Hernia``."""
    return _joined(names, "or")


def all_of(names: Sequence[str]) -> str:
    """``Mass``, ``Mass and Hernia``, ``Mass, Nodule and Hernia``."""
    return _joined(names, "and")


def _joined(names: Sequence[str], word: str) -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
