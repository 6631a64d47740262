"""The verdict on a table in words: twelve at most, and the reason in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from bench.evaluate.measures import leading, leading_head
from bench.evaluate.results import Row, Table
from bench.evaluate.verdict import TableVerdict, is_single_run, only_smallest, verdict
from bench.report.text import lines

MOST_WORDS = 12
PARTS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 10: "a tenth"}


@dataclass(frozen=True, kw_only=True)
class VerdictText:
    """The verdict on a table in words.

    Attributes:
        verdict: at most ``MOST_WORDS`` words, as far as the names of rows are of two words each.
    """

    verdict: str
    reason: str
    caveats: list[str]


def verdict_text(table: Table) -> VerdictText:
    """The verdict on a table in words, from the template ``verdict.j2``."""
    of_table = verdict(table)
    found: dict[str, list[str]] = {"verdict": [], "reason": [], "caveat": []}
    for line in lines("verdict", verdict=of_table, table=table, **_facts(table, of_table)):
        kind, _, text = line.partition(": ")
        found[kind].append(text)
    # From the fullest to the shortest.
    short = [text for text in found["verdict"] if len(text.split()) <= MOST_WORDS]
    return VerdictText(
        verdict=(short or found["verdict"][-1:])[0],
        reason=" ".join(found["reason"]),
        caveats=found["caveat"],
    )


def size_beside(row: Row, other: Row) -> str:
    """``a third the size``, ``smaller``, ``9 times the size``; "" where a size is not known."""
    if not row.parameters or not other.parameters:
        return ""
    times = row.parameters / other.parameters
    if 0.8 < times < 1.25:
        return "the same size" if times == 1.0 else "about the same size"
    if times > 1.0:
        return f"{times:.2g} times the size" if times < 10.0 else f"{times:,.0f} times the size"
    if times > 0.6:
        return "smaller"
    part = round(1.0 / times)
    return f"{PARTS.get(part, f'1/{part}')} the size"


def _facts(table: Table, of_table: TableVerdict) -> dict[str, object]:
    rows = [row for row in table.rows if row.kind != "control" and row.figures]
    models = [row.model for row in rows]

    def named(row: Row) -> str:
        if row.kind == "control":
            return f'the control "{row.model}"'
        return row.model if models.count(row.model) == 1 else row.label

    best = [*table.best_controls.values()]
    measure = leading(table.outputs)
    verdicts = [row.comparison.verdict for row in of_table.candidates if row.comparison]
    return {
        "named": named,
        "noun": "network" if all(row.kind == "network" for row in of_table.candidates) else "row",
        "control": f'the control "{best[0].name}"' if len(best) == 1 else "the best control",
        "measure": measure,
        "head": leading_head(table.outputs),
        "reference": table.reference,
        "size_beside": size_beside,
        "is_single_run": is_single_run,
        "smallest": only_smallest(of_table.rows) if of_table.rows else None,
        "counts": {each: verdicts.count(each) for each in dict.fromkeys(verdicts)},
        "all_single": all(map(is_single_run, of_table.candidates)),
        "shown": table.smallest_difference,
        "failed": sum(len(row.failures) for row in table.rows),
        "others": sum(not row.is_reference for row in of_table.candidates),
    }
