"""Agreement of maps with lesions as CSV, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isnan

import pandas as pd
from tabulate import tabulate

from bench.evaluate.estimate import Interval
from bench.evaluate.heatmaps import EVEN, NETWORK, RANDOM
from bench.explain.cases import ANY
from bench.explain.measure import DIFFERENCES, FIGURES, AgreementRow
from bench.report.formatting import difference, difference_interval, number
from bench.report.formatting import interval as interval_text

HEADS = {"hit": "hits", "energy": "energy in the boxes", "iou": "IoU"}


def agreement_frame(rows: Sequence[AgreementRow]) -> pd.DataFrame:
    """One line a row: each figure with the ends of its 95 % interval; NaN where there is none."""
    return pd.DataFrame([dict(_fields(row)) for row in rows])


def agreement_json(rows: Sequence[AgreementRow], about: Mapping[str, object]) -> str:
    """The rows as JSON, under what they rest on; null where a figure is missing."""
    records = [
        {
            key: None if isinstance(value, float) and isnan(value) else value
            for key, value in _fields(row)
        }
        for row in rows
    ]
    return json.dumps({**about, "rows": records}, indent=2) + "\n"


def agreement_markdown(rows: Sequence[AgreementRow], about: Sequence[str]) -> str:
    """A table of all makers over all findings, and one by finding, above what they rest on."""
    every = [row for row in rows if row.finding == ANY]
    makers = tabulate(
        [
            [
                row.maker,
                *(_cell(getattr(row, name)) for name in FIGURES),
                *(_difference(getattr(row, name)) for name in DIFFERENCES),
            ]
            for row in every
        ],
        headers=[
            "maps of",
            *HEADS.values(),
            *(f"hits above {each}" for each in DIFFERENCES.values()),
        ],
        tablefmt="pipe",
        disable_numparse=True,
    )
    by_finding = {(row.finding, row.maker): row for row in rows if row.finding != ANY}
    findings = tabulate(
        [
            [
                finding,
                row.images,
                row.patients,
                _cell(row.hit),
                _cell(by_finding[finding, RANDOM].hit),
                number(by_finding[finding, EVEN].hit.value),
                _difference(row.above_random),
            ]
            for (finding, maker), row in by_finding.items()
            if maker == NETWORK
        ],
        headers=[
            "finding",
            "images",
            "patients",
            NETWORK,
            RANDOM,
            "chance",
            "above random weights",
        ],
        tablefmt="pipe",
        disable_numparse=True,
    )
    bullets = "\n".join(f"- {line}" for line in about)
    return f"### {ANY.capitalize()}\n\n{makers}\n\n### Hits by finding\n\n{findings}\n\n{bullets}\n"


def _fields(row: AgreementRow) -> Iterator[tuple[str, object]]:
    yield from ((name, getattr(row, name)) for name in ("maker", "finding", "images", "patients"))
    for name in (*FIGURES, *DIFFERENCES):
        measured: Interval | None = getattr(row, name)
        nan = float("nan")
        yield name, nan if measured is None else measured.value
        yield f"{name}_low", nan if measured is None else measured.low
        yield f"{name}_high", nan if measured is None else measured.high


def _cell(measured: Interval) -> str:
    ends = interval_text(measured)
    return f"{number(measured.value)} ({ends})" if ends else number(measured.value)


def _difference(measured: Interval | None) -> str:
    if measured is None:
        return ""
    return f"{difference(measured.value)} ({difference_interval(measured)})"
