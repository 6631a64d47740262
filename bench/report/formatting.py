"""Values as text: figures, intervals, differences, p values, counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.evaluate.comparison import SIGNIFICANCE
from bench.evaluate.estimate import LEVEL, Figure, Interval
from bench.evaluate.settings import setting_text

DECIMALS = 3
PERCENT = f"{LEVEL:.0%}".replace("%", " %")
"""The confidence of all intervals: ``95 %``."""
MISSING = "–"
UNDEFINED = "n/a"


def figure(measured: Interval | None, *, decimals: int = DECIMALS) -> str:
    """``0.812 ± 0.004``; ``0.812`` for one seed; ``n/a`` where undefined or there is none."""
    if measured is None or math.isnan(measured.value):
        return UNDEFINED
    value = number(measured.value, decimals=decimals)
    deviation = measured.deviation if isinstance(measured, Figure) else None
    return value if deviation is None else f"{value} ± {deviation:.{decimals}f}"


def number(value: float, *, decimals: int = DECIMALS) -> str:
    """``0.812``, or ``n/a``."""
    return UNDEFINED if math.isnan(value) else f"{value:.{decimals}f}"


def interval(measured: Interval | None, *, decimals: int = DECIMALS) -> str:
    """``0.800–0.824``, ``-0.30 to 0.10``; "" where there is none."""
    if measured is None or math.isnan(measured.low):
        return ""
    low, high = (f"{end:.{decimals}f}" for end in (measured.low, measured.high))
    return f"{low} to {high}" if low.startswith("-") else f"{low}–{high}"


def difference(value: float) -> str:
    """``+0.012``, ``-0.0003`` (what would round to nothing has one digit), ``n/a``."""
    if math.isnan(value):
        return UNDEFINED
    # A mean of differences that cancel is rarely 0 to the last bit.
    return "0.000" if abs(value) < 1e-12 else f"{'+' if value > 0 else '-'}{size(value)}"


def size(value: float) -> str:
    """A difference without its sign."""
    vanishes = value != 0 and round(float(value), DECIMALS) == 0
    return f"{abs(value):.1g}" if vanishes else f"{abs(value):.{DECIMALS}f}"


def difference_interval(measured: Interval) -> str:
    """``-0.010 to +0.014``; "" where there is none."""
    if math.isnan(measured.low):
        return ""
    return f"{difference(measured.low)} to {difference(measured.high)}"


def p_value(p: float) -> str:
    """``0.031``; ``<0.001``; ``n/a``; ``0.0499`` where three digits would hide the verdict."""
    if math.isnan(p):
        return UNDEFINED
    if p < 0.0005:
        return "<0.001"
    hides_verdict = round(float(p), DECIMALS) == SIGNIFICANCE
    return f"{p:.4f}" if hides_verdict else f"{p:.{DECIMALS}f}"


def count(number: int | None, noun: str = "") -> str:
    """``2,000``; ``1 patient`` and ``2,000 patients`` with a noun; ``unknown`` for None."""
    if number is None:
        return "unknown"
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if noun else f"{number:,}"


def count_range(counts: tuple[int, int]) -> str:
    """``3``, or ``1–3``."""
    fewest, most = counts
    return str(most) if fewest == most else f"{fewest}–{most}"


def share(part: int, whole: int) -> str:
    """``12.5 %``."""
    return f"{100 * part / whole:.1f} %"


def setting(value: Any) -> str:
    """A setting's value for a sentence: ``6,000``, ``5`` for 5.0; others as ``--set`` takes it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if type(value) is int else setting_text(value)


def settings(values: dict[str, Any]) -> str:
    """``train.lr=0.02, train.momentum=0.5``, sorted by key."""
    return ", ".join(f"{key}={setting_text(value)}" for key, value in sorted(values.items()))


def amounts(by_unit: Mapping[str, float]) -> str:
    """``20 trials``, ``6,000 iterations``, ``1 minute``."""
    return " and ".join(
        f"{setting(amount)} {unit.removesuffix('s') if amount == 1 else unit}"
        for unit, amount in by_unit.items()
    )


def any_of(names: Sequence[str]) -> str:
    """``Mass``, ``Mass or Hernia``, ``Mass, Nodule or Hernia``."""
    return _joined(names, "or")


def all_of(names: Sequence[str]) -> str:
    """``Mass``, ``Mass and Hernia``, ``Mass, Nodule and Hernia``."""
    return _joined(names, "and")


def one_line(text: str) -> str:
    """A text without line breaks; a library's message can have several lines."""
    return " ".join(text.split())


def _joined(names: Sequence[str], word: str) -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
