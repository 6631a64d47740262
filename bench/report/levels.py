"""Levels, contexts and differences as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.evaluate.design import NOT_APPLICABLE
from bench.evaluate.estimate import LEVEL, Interval
from bench.evaluate.question_result import ContextResult

PERCENT = f"{LEVEL:.0%}".replace("%", " %")
"""The confidence of all intervals."""


def key_name(key: str) -> str:
    """``image_size`` for ``data.image_size``."""
    return key.rsplit(".", 1)[-1]


def level_name(key: str, level: str) -> str:
    """``sin`` for a loss or model, ``image_size 512`` for a setting."""
    return level if key in ("model", "loss") else f"{key_name(key)} {level}"


def context_names(contexts: Sequence[ContextResult]) -> list[str]:
    """What tells contexts apart, one text each: ``cxnet_m1, image_size 512``.

    Where nothing does, the one context is called by its model, or by its loss.
    """
    first = list(contexts[0].context)[:1] if contexts else []
    return _names(contexts, _telling(contexts) or first)


def control_names(controls: Sequence[ContextResult]) -> list[str]:
    """The control's name, and what tells it from others of its name: ``metadata, task m1``."""
    return _names(controls, ["model", *(key for key in _telling(controls) if key != "model")])


def _telling(contexts: Sequence[ContextResult]) -> list[str]:
    keys = contexts[0].context if contexts else {}
    return [key for key in keys if len({one.context[key] for one in contexts}) > 1]


def _names(contexts: Sequence[ContextResult], keys: Sequence[str]) -> list[str]:
    return [
        ", ".join(
            level_name(key, one.context[key])
            for key in keys
            if one.context[key] not in ("", NOT_APPLICABLE)
        )
        for one in contexts
    ]


def difference(value: float) -> str:
    """``+0.012``, ``-0.0003`` (what would round to nothing has one digit), ``n/a``."""
    if math.isnan(value):
        return "n/a"
    return "0.000" if value == 0 else f"{'+' if value > 0 else '-'}{size(value)}"


def size(value: float) -> str:
    """A difference without its sign."""
    rounded = f"{abs(value):.3f}"
    return rounded if value == 0 or float(rounded) else f"{abs(value):.1g}"


def score(value: float) -> str:
    """``0.812``, or ``n/a``."""
    return "n/a" if math.isnan(value) else f"{value:.3f}"


def span(interval: Interval, *, signed: bool) -> str:
    """``-0.010 to +0.014`` of a difference, ``0.800 to 0.824`` of an AUC; ``n/a`` without."""
    show = difference if signed else score
    return "n/a" if interval.reason else f"{show(interval.low)} to {show(interval.high)}"


def between(counts: tuple[int, int]) -> str:
    """``3``, or ``1–3``."""
    fewest, most = counts
    return str(most) if fewest == most else f"{fewest}–{most}"
