"""Budgets and costs of the tuned rows of a table, and the rows that were not tuned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.evaluate.results import Table
from bench.report.formatting import amounts

# Searches that differ by more than a tenth in what they spent are called unequal.
UNEQUAL = 1.1


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Budgets of a table's tuned rows, as texts.

    Attributes:
        given: labels of the rows that had a budget, by the budget (``600 iterations``).
        spent: what one search spent, each with its unit (``590 to 600 iterations``).
        unequal: what one search spent more of than another by above a tenth.
        untuned: labels of networks that stand beside the tuned ones.
    """

    given: dict[str, list[str]]
    spent: list[str]
    unequal: list[str]
    untuned: list[str]


def budgets(table: Table) -> Budgets | None:
    """The budgets of a table's rows; None where no row was tuned."""
    given: defaultdict[str, list[str]] = defaultdict(list)
    spent = []
    for row in table.rows:
        if row.tuning is not None:
            given[amounts(row.tuning.budget)].append(row.label)
            spent.append(row.tuning.spent)
    if not spent:
        return None
    measured = {
        "trials": [each.trials for each in spent],
        "iterations": [each.iterations for each in spent],
        "s in training": [round(each.train_seconds) for each in spent],
    }
    return Budgets(
        given=given,
        spent=[f"{_range(values)} {unit}" for unit, values in measured.items()],
        unequal=[
            {"s in training": "training time"}.get(unit, unit)
            for unit, values in measured.items()
            if max(values) > UNEQUAL * min(values)
        ],
        untuned=[row.label for row in table.rows if row.kind == "network" and row.tuning is None],
    )


def _range(values: Sequence[int]) -> str:
    """``1,990 to 2,020``, or the number that all have."""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
