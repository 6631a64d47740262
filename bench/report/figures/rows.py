"""Which rows of a table are drawn, what they are called and how they look in every picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.evaluate.measures import columns, leading
from bench.evaluate.results import Figure, Row, Table
from bench.report.figures.style import LINES, MARKERS, MUTED, SERIES
from bench.report.labels import labels


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A row in pictures.

    Attributes:
        row: with at least one finished run.
        label: tells it from every other row of its table.
        labels: of all of these.
        colour, marker, line: its own where it is ``told``, else gray.
        told: whether it can be told from the others; of many rows only the reference and the
            first can.
        reference: whether the others are held against it.
        best_control: whether it is a control that none of the same share of the training part
            is above.
    """

    row: Row
    label: str
    labels: tuple[str, ...]
    colour: str
    marker: str
    line: Any
    told: bool
    reference: bool
    best_control: bool

    @property
    def control(self) -> bool:
        """Whether it sees no lungs."""
        return self.row.kind == "control"

    def short(self, most: int) -> str:
        """The label where there is room for so many characters."""
        return shortened(self.labels, most)[self.label]


def drawn(table: Table) -> list[Drawn]:
    """The rows that have a finished run, in the table's order."""
    rows = [row for row in table.rows if row.runs]
    among = tuple(labels(rows))
    places = [place for place, row in enumerate(rows) if row.kind != "control"]
    # The reference looks the same in every table.
    places.sort(key=lambda place: not _is_reference(rows[place], table))
    if len(places) > len(SERIES):
        # What answers some of the images is not held against what answers all.
        first = min(places, key=lambda place: (rows[place].answered is not None, place))
        places = list(dict.fromkeys([*places[:1], first])) if table.reference else [first]
    looks = {place: look for look, place in enumerate(places)}
    return [
        Drawn(
            row=row,
            label=among[place],
            labels=among,
            colour=SERIES[looks[place]] if place in looks else MUTED,
            marker=MARKERS[looks[place]] if place in looks else "o",
            line=LINES[looks[place]] if place in looks else _line_of(row),
            told=place in looks,
            reference=_is_reference(row, table),
            best_control=row.kind == "control"
            and table.best_controls.get(row.train_share, ("", 0.0))[0] == row.model,
        )
        for place, row in enumerate(rows)
    ]


def some(rows: Sequence[Drawn], *, most: int) -> list[Drawn]:
    """Those that a picture has room for, in their order.

    The reference goes before the other networks, these before the best control, and that before
    other controls; among equals the first of the table.
    """

    def rank(place: int) -> tuple[bool, bool, bool]:
        one = rows[place]
        return not one.reference, one.control, not one.best_control

    return [rows[place] for place in sorted(sorted(range(len(rows)), key=rank)[:most])]


def left_out(rows: Sequence[Drawn], shown: Sequence[Drawn]) -> str:
    """A sentence on the rows that a picture has no room for; "" where it shows all."""
    names = [one.label for one in rows if not any(one is other for other in shown)]
    if not names:
        return ""
    return (
        f" {len(shown)} of {len(rows)} rows have room here: the reference, then the first of the "
        f"table. Left out: {list_in_words(names, most=8)}."
    )


def about_gray(rows: Sequence[Drawn]) -> str:
    """A sentence on what the colours are for, where not every row has one; else ""."""
    networks = [one for one in rows if not one.control]
    told = [one.label for one in networks if one.told]
    if len(told) == len(networks):
        return ""
    reference = any(one.reference for one in rows)
    which = f"{'the reference and ' if reference else ''}the row of the highest test value"
    return (
        f" In colour: {' and '.join(told)} ({which}); the others are thin and gray, "
        "with their first seed alone."
    )


def measured(table: Table) -> str:
    """The head of the measure that sorts the table: ``AUC`` or ``macro AUC``."""
    return columns(table.outputs)[leading(table.outputs)]


def figure_of(one: Drawn, table: Table) -> Figure:
    """The measure that sorts the table."""
    return one.row.metrics[leading(table.outputs)]


def in_words(figure: Figure | None) -> str:
    """``0.812 (0.801 to 0.823)``, ``0.812`` without an interval, ``n/a`` where undefined."""
    if figure is None or math.isnan(figure.mean):
        return "n/a"
    interval = figure.interval
    if interval is None or interval.reason:
        return f"{figure.mean:.3f}"
    return f"{figure.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def list_in_words(said: Sequence[str], *, most: int = 14) -> str:
    """``resnet18 ce 0.8; cxnet_m1 ce 0.7; 3 more``."""
    more = [f"{len(said) - most} more"] if len(said) > most else []
    return "; ".join([*said[:most], *more])


def short(label: str, most: int) -> str:
    """A label that fits beside axes; its middle is left out where it is longer."""
    if len(label) <= most:
        return label
    kept = most - 1
    return f"{label[: kept - kept // 2]}…{label[len(label) - kept // 2 :]}"


def shortened(labels: Sequence[str], most: int) -> dict[str, str]:
    """Labels of at most so many characters, by the whole ones; no two become the same.

    Of those that lack the same middle, what they have in common at the beginning is left out
    instead; where even this tells them no more apart, all stay whole.
    """
    cut = {label: short(label, most) for label in labels}
    for text, count in Counter(cut.values()).items():
        if count > 1:
            alike = [label for label, other in cut.items() if other == text]
            # One label may begin another: something of it has to be left.
            shortest = min(map(len, alike))
            common = next(
                (n for n in range(shortest) if len({a[n] for a in alike}) > 1), shortest - 1
            )
            cut |= {label: short(f"…{label[common:]}", most) for label in alike}
    return cut if len({*cut.values()}) == len(cut) else {label: label for label in labels}


def _is_reference(row: Row, table: Table) -> bool:
    # The table's rows are copies that also say how they compare.
    return table.reference is not None and row.runs[0].folder == table.reference.runs[0].folder


def _line_of(row: Row) -> Any:
    return (0, (4, 2)) if row.kind == "control" else "-"
