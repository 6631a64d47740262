"""Medians of the rounds and ratios within them, and both as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

OURS = "bench"
PEERS = {"timm": "timm", "lightning": "Lightning"}


class Measure(NamedTuple):
    """What is measured of a run: its key, its heading, and digits after the point."""

    key: str
    text: str
    digits: int


MEASURES = (
    Measure("seconds", "whole process, s", 1),
    Measure("first_step_s", "to the end of the first step, s", 1),
    Measure("images_per_second", "training images/s", 0),
    Measure("largest_mib", "largest process, MiB", 0),
    Measure("together_mib", "all processes, MiB", 0),
)

Round = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Minimum, median and maximum over the rounds."""

    low: float
    middle: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of some values, one at least."""
    return Spread(low=min(values), middle=median(values), high=max(values))


def ratios(rounds: Sequence[Round], measure: str, peer: str) -> list[float]:
    """Ours over the peer's in each round: what disturbs a whole round cancels out."""
    return [one[OURS][measure] / one[peer][measure] for one in rounds]


def ratios_to_best(rounds: Sequence[Round], measure: str) -> list[float]:
    """Ours over the better peer's in each round: the smaller figure, of rates the larger."""
    best = max if measure == "images_per_second" else min
    return [one[OURS][measure] / best(one[peer][measure] for peer in PEERS) for one in rounds]


def markdown(rounds: Sequence[Round]) -> str:
    """Two tables: medians, and ratios with their spread.

    Args:
        rounds: for each, by program, the figures of :data:`MEASURES`.
    """
    lines = [
        f"Medians of {len(rounds)} rounds:",
        "",
        "| program | " + " | ".join(measure.text for measure in MEASURES) + " |",
        "|:--" + "|--:" * len(MEASURES) + "|",
    ]
    for program, name in {OURS: "bench run", **PEERS}.items():
        figures = [
            f"{median(one[program][measure.key] for one in rounds):,.{measure.digits}f}"
            for measure in MEASURES
        ]
        lines.append(f"| {name} | " + " | ".join(figures) + " |")
    lines += [
        "",
        "Ratios within a round, median (minimum to maximum); above 1 `bench run` has more:",
        "",
        "| | " + " | ".join(f"bench / {name}" for name in PEERS.values()) + " | bench / better |",
        "|:--" + "|--:" * (len(PEERS) + 1) + "|",
    ]
    for measure in MEASURES:
        columns = [ratios(rounds, measure.key, peer) for peer in PEERS]
        columns.append(ratios_to_best(rounds, measure.key))
        cells = [_text(spread(values)) for values in columns]
        lines.append(f"| {measure.text.rpartition(',')[0] or measure.text} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _text(of: Spread) -> str:
    return f"{of.middle:.2f} ({of.low:.2f} to {of.high:.2f})"
