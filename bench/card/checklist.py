"""Two reporting checklists, CLAIM 2024 and TRIPOD+AI, answered from what runs have stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.card.card import external_rows
from bench.config.frozen import Frozen
from bench.evaluate.measures import column_heads, leading, leading_head
from bench.evaluate.results import Results, Row, Table
from bench.report import facts
from bench.report.markdown import fill
from bench.report.text import lines

State = Literal["stored", "authors", "missing"]
"""The holder of an answer: runs (``stored``), the ``authors``, or nobody yet (``missing``)."""

CHECKLISTS = {
    "claim": (
        "CLAIM 2024",
        "Tejani and others, Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 "
        "Update, Radiology: Artificial Intelligence 6, 2024, e240300",
    ),
    "tripod_ai": (
        "TRIPOD+AI",
        "Collins and others, TRIPOD+AI statement, BMJ 385, 2024, e078378",
    ),
}
"""Name and source of each, by its template."""


class Item(Frozen):
    """An item of a checklist."""

    number: str  # in the original
    asks: str  # what for, in our own words
    state: State  # who has the answer
    answer: str  # from what is stored, and what is missing; "" where the authors have it


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """A checklist about one table."""

    name: str
    cited: str  # its source
    title: str  # of the table that it is about
    items: tuple[Item, ...]  # in the original's order

    def count(self, state: State) -> int:
        """Number of its items in a state."""
        return sum(item.state == state for item in self.items)


def checklists(results: Results) -> list[Checklist]:
    """Both checklists for each table that has a network's or imported figures."""
    return [
        Checklist(
            name=name, cited=cited, title=facts.title(table), items=_items(template, table, results)
        )
        for table in results.tables
        if _judged(table)
        for template, (name, cited) in CHECKLISTS.items()
    ]


def checklist_markdown(found: Sequence[Checklist]) -> str:
    """The checklists as Markdown, a table each."""
    return fill("checklist.md.j2", checklists=found) + "\n"


def _judged(table: Table) -> list[Row]:
    return [row for row in table.rows if row.kind != "control" and row.figures]


def _items(template: str, table: Table, results: Results) -> tuple[Item, ...]:
    rows = _judged(table)
    heads = column_heads(table.outputs)
    found = lines(
        template,
        table=table,
        data=table.data,
        rows=rows,
        weights=list(
            dict.fromkeys(f"{row.label or row.name}: {row.weights or '–'}" for row in rows)
        ),
        losses=sorted({row.loss for row in rows if row.loss}) or ["unknown"],
        tuned=[row for row in rows if row.tuning is not None],
        ensembles=[each.label for each in table.ensembles],
        external=external_rows(results, {run.name for row in rows for run in row.runs}),
        maps=[(row.label or row.name, maps) for row in rows for maps in row.heat_maps],
        several=sum(len(row.seeds) > 1 for row in rows),
        below=sum(row.below_controls for row in rows),
        training=facts.training(table.settings),
        heads=list(heads.values()),
        leading=leading(table.outputs),
        head=leading_head(table.outputs),
        unknown_patients=any(pair.shared_patients is None for pair in table.data.leakage),
    )
    return tuple(map(_item, found))


def _item(line: str) -> Item:
    texts = (text.strip() for text in f"{line} ".split(" | ", 3))
    return Item.model_validate(dict(zip(Item.model_fields, texts, strict=True)))
