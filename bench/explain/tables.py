"""Agreement of maps with lesions as CSV, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isnan

import pandas as pd

from bench.evaluate.estimate import Interval
from bench.evaluate.heatmaps import EVEN, NETWORK, RANDOM, MeasuredMaps
from bench.explain.cases import ANY
from bench.explain.measure import DIFFERENCES, FIGURES
from bench.report.columns import NONE as NO_DIFFERENCE
from bench.report.columns import Section, column, counts, difference, measured, numbers, texts
from bench.report.formatting import number
from bench.report.markdown import pipe_table

HEADS = {"hit": "hits", "energy": "energy in the boxes", "iou": "IoU"}


def agreement_frame(rows: Sequence[MeasuredMaps]) -> pd.DataFrame:
    """One line a row: each figure with the ends of its 95 % interval; NaN where there is none."""
    return pd.DataFrame([dict(_fields(row)) for row in rows])


def agreement_json(rows: Sequence[MeasuredMaps], about: Mapping[str, object]) -> str:
    """The rows as JSON, under what they rest on; null where a figure is missing."""
    records = [
        {
            key: None if isinstance(value, float) and isnan(value) else value
            for key, value in _fields(row)
        }
        for row in rows
    ]
    return json.dumps({**about, "rows": records}, indent=2) + "\n"


def agreement_markdown(rows: Sequence[MeasuredMaps], about: Sequence[str]) -> str:
    """A table of all makers over all findings, and one by finding, above what they rest on."""
    of_all = _of_all([row for row in rows if row.finding == ANY])
    of_each = _by_finding([row for row in rows if row.finding != ANY])
    bullets = "\n".join(f"- {line}" for line in about)
    return (
        "\n\n".join(
            f"### {section.title}\n\n{pipe_table(section)}" for section in (of_all, of_each)
        )
        + f"\n\n{bullets}\n"
    )


def _of_all(rows: Sequence[MeasuredMaps]) -> Section:
    columns = [texts("maker", "maps of", [row.maker for row in rows], kind="name")]
    for name, head in HEADS.items():
        columns.append(column(name, head, [measured(row.figures[name]) for row in rows]))
    for name, other in DIFFERENCES.items():
        found = [row.figures.get(name) for row in rows]
        gaps = [difference(gap) if gap else NO_DIFFERENCE for gap in found]
        columns.append(column(name, f"hits above {other}", gaps))
    return Section(id="all", title=ANY.capitalize(), columns=columns)


def _by_finding(rows: Sequence[MeasuredMaps]) -> Section:
    own, random, even = (
        [row for row in rows if row.maker == maker] for maker in (NETWORK, RANDOM, EVEN)
    )
    chance = [row.figures["hit"].value for row in even]
    gaps = [difference(row.figures["above_random"]) for row in own]
    return Section(
        id="findings",
        title="Hits by finding",
        columns=[
            texts("finding", "finding", [row.finding for row in own], kind="name"),
            counts("images", [row.images for row in own]),
            counts("patients", [row.patients for row in own]),
            column("hit", NETWORK, [measured(row.figures["hit"]) for row in own]),
            column("random", RANDOM, [measured(row.figures["hit"]) for row in random]),
            numbers("chance", "chance", [(number(value), value) for value in chance]),
            column("above_random", "above random weights", gaps),
        ],
    )


def _fields(row: MeasuredMaps) -> Iterator[tuple[str, object]]:
    yield from ((name, getattr(row, name)) for name in ("maker", "finding", "images", "patients"))
    for name in (*FIGURES, *DIFFERENCES):
        each = row.figures.get(name, Interval(value=float("nan")))
        yield name, each.value
        yield f"{name}_low", each.low
        yield f"{name}_high", each.high
