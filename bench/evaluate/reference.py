"""The row of a table that all others are compared with; never chosen by its figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.evaluate.results import Reference, Row
from bench.evaluate.settings import training
from bench.runs.records import ExperimentRecord


def choose_reference(
    rows: Sequence[Row],
    *,
    wanted: Reference,
    experiments: Iterable[ExperimentRecord] = (),
    control: Row | None = None,
) -> Row | None:
    """The wanted row, or where it has not finished another that stands in for it.

    The figures are of the test part, so that no row is chosen by them. What stands in is the first
    network in the order of the experiments, those of no experiment last and by name; without a
    network the first imported predictions by name, those for all images first; else a control.

    Args:
        control: the best one on the validation part.

    Returns:
        None where the wanted row has not finished and there is nothing to compare: a single row,
        or controls alone.
    """
    finished = [row for row in rows if row.runs]
    found = [
        row
        for row in finished
        if row.kind in ("network", "control", "imported") and _names(row) == wanted
    ]
    if not found and len(finished) > 1:
        found = _stand_ins(finished, experiments, control)
    trained = Counter(_trained(row) for row in finished if row.kind == "network")
    return min(
        found,
        # Of several a tuned one, then of the most seeds, then trained as most networks were.
        key=lambda row: (
            row.tuning is None,
            -len(row.seeds),
            -trained[_trained(row)],
            row.settings,
        ),
        default=None,
    )


def _stand_ins(
    rows: Sequence[Row], experiments: Iterable[ExperimentRecord], control: Row | None
) -> list[Row]:
    """The rows of the name that stands in, at most one name."""
    networks = [row for row in rows if row.kind == "network"]
    if networks:
        order = _order(experiments, {run.name for row in networks for run in row.runs})
        first = min(
            map(_names, networks),
            key=lambda names: (order.get(names, len(order)), names.model, names.loss),
        )
        return [row for row in networks if _names(row) == first]
    imported = [row for row in rows if row.kind == "imported"]
    if imported:
        return [min(imported, key=lambda row: (row.answered is not None, row.model))]
    others = [row for row in rows if row.kind != "control"]
    return [control] if others and control is not None else []


def _order(experiments: Iterable[ExperimentRecord], runs: set[str]) -> dict[Reference, int]:
    """The models and losses of the experiments that some runs are of, each with its place."""
    listed = dict.fromkeys(
        Reference(model=model, loss=loss)
        for record in experiments
        if not runs.isdisjoint(record.runs)
        for model in record.experiment.models
        for loss in record.experiment.losses
    )
    return {names: place for place, names in enumerate(listed)}


def _trained(row: Row) -> str:
    """A text that is equal for rows that were trained with the same settings."""
    return json.dumps(training(row.runs[0].cell), sort_keys=True)


def _names(row: Row) -> Reference:
    return Reference(model=row.model, loss=row.loss)
