"""How settings were searched for, at what cost, and what won."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from bench.evaluate.results import Row, Table
from bench.evaluate.settings import setting_text
from bench.report.grid import Grid
from bench.report.words import number
from bench.runs.records import TuningRecord


def tunings(table: Table) -> Grid | None:
    """A row for each tuning whose winner is in the table; None where nothing was tuned."""
    rows = _tuned(table)
    if not rows:
        return None
    body = [
        [
            row.model,
            row.loss,
            budget(tuning),
            f"{tuning.spent.trials:,}",
            f"{tuning.spent.pruned:,}",
            f"{tuning.spent.failed:,}",
            f"{tuning.spent.iterations:,}",
            f"{tuning.spent.train_seconds:,.0f}",
            f"{tuning.validation_auc:.3f}",
            " ".join(map(str, tuning.seeds)),
            ", ".join(
                f"{key}={setting_text(value)}" for key, value in sorted(tuning.winner.items())
            ),
        ]
        for row, tuning in rows
    ]
    head = [
        "model", "loss", "budget", "trials", "pruned", "failed", "iterations", "device s",
        "validation AUC", "seeds", "winner",
    ]  # fmt: skip
    return Grid(title="Tuning", head=head, body=body, left=2, words=1)


def budget(tuning: TuningRecord) -> str:
    """``20 trials``, ``6,000 iterations``, ``1 minute``."""
    return _in_words(tuning.budget)


def _in_words(amounts: Mapping[str, float]) -> str:
    return " and ".join(
        f"{number(amount)} {unit.removesuffix('s') if amount == 1 else unit}"
        for unit, amount in amounts.items()
    )


def sentences(table: Table) -> list[str]:
    """What was searched, whether all had the same budget, and what its figures are worth."""
    rows = _tuned(table)
    if not rows:
        return []
    return [
        _budgets(table, rows),
        "Trials: all that ended, those that were pruned (stopped early, since others did better) "
        "or failed among them; device s: seconds in training steps of all of them. The validation "
        "AUC is that of the winning trial, the best of many and so never a result: the winner was "
        "run again with the seeds named, and the other tables are of these runs. The test part "
        "was not touched by the search.",
        *_searched(rows),
        *_ways(rows),
    ]


Tuned = list[tuple[Row, TuningRecord]]


def _tuned(table: Table) -> Tuned:
    return [(row, row.tuning) for row in table.rows if row.tuning is not None]


def _budgets(table: Table, rows: Tuned) -> str:
    by_budget = _grouped(rows, budget)
    untuned = [row.name for row in table.rows if row.kind == "network" and row.tuning is None]
    if len(by_budget) == 1 and all(_spent_its_budget(row, tuning) for row, tuning in rows):
        sentence = f"Every tuned row had the same budget: {next(iter(by_budget))}."
    elif len(by_budget) == 1:
        each = "; ".join(
            f"{', '.join(names)}: {used}" for used, names in _grouped(rows, _spent).items()
        )
        sentence = f"Every tuned row was given {next(iter(by_budget))}, but spent were: {each}."
    else:
        each = "; ".join(f"{', '.join(names)}: {given}" for given, names in by_budget.items())
        sentence = f"The budgets differ, so that the tuned rows do not compare fairly: {each}."
    if untuned:
        sentence += f" Not tuned, and held against tuned ones all the same: {', '.join(untuned)}."
    return sentence


def _spent_its_budget(row: Row, tuning: TuningRecord) -> bool:
    """Whether just the budget was spent; a trial that is cut ends at its next validation."""
    return all(
        beyond >= 0 and (beyond == 0 or beyond < _overshoot(row, tuning, unit))
        for unit, beyond in (
            (unit, tuning.spent.measured(unit) - amount) for unit, amount in tuning.budget.items()
        )
    )


def _overshoot(row: Row, tuning: TuningRecord, unit: str) -> float:
    # No seed of a row may have finished; then nothing is put down to the last validation.
    every = next((run.cell.network.train.validate_every for run in row.runs), 0)
    return tuning.spent.overshoot(unit, validate_every=every)


def _spent(tuning: TuningRecord) -> str:
    """What was spent of the budget, in its words."""
    return _in_words({unit: tuning.spent.measured(unit) for unit in tuning.budget})


def _searched(rows: Tuned) -> list[str]:
    def text(tuning: TuningRecord) -> str:
        return "; ".join(f"{key}: {values}" for key, values in sorted(tuning.searched.items()))

    by_space = _grouped(rows, text)
    if len(by_space) == 1:
        return [f"Searched: {next(iter(by_space))}."]
    return [f"Searched for {', '.join(names)}: {space}." for space, names in by_space.items()]


def _ways(rows: Tuned) -> list[str]:
    def text(tuning: TuningRecord) -> str:
        return (
            f"sampler {tuning.sampler}, pruner {tuning.pruner}, trials trained with seed "
            f"{tuning.seed}"
        )

    by_way = _grouped(rows, text)
    if len(by_way) == 1:
        return [f"By {next(iter(by_way))}."]
    return [f"{', '.join(names)}: by {way}." for way, names in by_way.items()]


def _grouped(rows: Tuned, text: Callable[[TuningRecord], str]) -> dict[str, list[str]]:
    """Names of the rows whose tunings have the same text."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for row, tuning in rows:
        names[text(tuning)].append(row.name)
    return names
