"""Results as pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.evaluate.measures import leading
from bench.runs.checksums import HISTORY

if TYPE_CHECKING:
    from bench.evaluate.estimate import Figure, Interval
    from bench.evaluate.external import ExternalTable
    from bench.evaluate.results import Row, ScoredRun, Table

# Columns of whole numbers, which may lack some.
WHOLE = (
    "image_size", "seeds", "failed", "parameters", "multiply_adds", "support",
    "answered_images", "test_images", "compared_images", "tuning_trials", "left_out",
)  # fmt: skip
# What rows of all kinds have, and attributes of rows and comparisons that are columns as they are.
NAMED = ("model", "loss", "settings", "weights")
COSTS = (
    "parameters", "multiply_adds", "train_seconds", "images_per_second",
    "inference_images_per_second",
)  # fmt: skip
TESTED = ("p", "p_holm", "margin", "p_equivalent", "p_not_worse", "verdict")
SHORT = (
    "source", "task", "split", "kind", "model", "loss", "settings", "seeds", "auc", "auc_low",
    "auc_high", "macro_auc", "macro_auc_low", "macro_auc_high", "difference", "difference_low",
    "difference_high", "p_holm", "verdict",
)  # fmt: skip


def rows(tables: Sequence[Table]) -> pd.DataFrame:
    """One line for each row of each table."""
    return _frame(
        {
            **_identity(table),
            **_names(row),
            **_figures(row.figures),
            **{f"macro_{name}_findings": count for name, count in row.macro_over.items()},
            **_comparison(table, row),
            **_costs(row),
        }
        for table, row in _each(tables)
    )


def findings(tables: Sequence[Table]) -> pd.DataFrame:
    """One line for each finding of each row, indexed by the row's position in :func:`rows`."""
    every = [
        (position, table, row, finding, figures)
        for position, (table, row) in enumerate(_each(tables))
        for finding, figures in row.findings.items()
    ]
    frame = _frame(
        {
            **_identity(table),
            **_names(row),
            "finding": finding,
            "support": row.support[finding],
            **_figures(figures),
        }
        for _, table, row, finding, figures in every
    )
    return frame.set_axis([position for position, *_ in every])


def ensembles(tables: Sequence[Table]) -> pd.DataFrame:
    """One line for each ensemble of each table."""
    return _frame(
        {
            **_identity(table),
            "kind": "ensemble",
            **_attributes(each, NAMED),
            "state": "finished",
            "seeds": len(each.seeds),
            **_interval(leading(table.outputs), each.auc),
            **_interval("gain", each.gain),
            **_interval("difference", each.difference),
        }
        for table in tables
        for each in table.ensembles
    )


def external_rows(tables: Sequence[ExternalTable]) -> pd.DataFrame:
    """One line for each row of each table of other data."""
    return _frame(
        {
            "source": table.data.source,
            "task": table.task,
            "split": table.part,
            "split_hash": table.selection,
            "image_size": table.image_size,
            "data": table.data.fingerprint,
            "kind": "external ensemble" if row.is_ensemble else "external",
            **_attributes(row, NAMED),
            "state": "finished",
            "seeds": len(row.seeds),
            **_figures(row.figures),
            "home_source": row.home.source,
            "home_split": row.home.split,
            "home_data": row.home.fingerprint,
            **_interval(f"home_{leading(table.outputs)}", row.home_auc),
            **_interval("drop", row.drop),
            "left_out": row.left_out,
        }
        for table in tables
        for row in table.rows
    )


def runs(tables: Sequence[Table]) -> pd.DataFrame:
    """One line for each finished run."""
    return _frame(
        {
            "run": scored.name,
            **_identity(table),
            **_attributes(row, ("kind", "model", "loss", "settings")),
            "seed": scored.seed,
            **scored.values,
        }
        for table, row, scored in _runs(tables)
    )


def predictions(tables: Sequence[Table]) -> pd.DataFrame:
    """The stored predictions of all finished runs."""
    by_run = {scored.name: scored.predictions_frame() for _, _, scored in _runs(tables)}
    return _together(by_run)


def history(tables: Sequence[Table]) -> pd.DataFrame:
    """The validations of all finished runs."""
    by_run = {}
    for _, _, scored in _runs(tables):
        # It is no result: a report without it stands.
        with suppress(OSError, ValueError):
            by_run[scored.name] = pd.read_csv(scored.folder / HISTORY)
    return _together(by_run)


def short(frame: pd.DataFrame) -> pd.DataFrame:
    """The few columns of :func:`rows` that say who is better, those that hold something."""
    shown = frame[[name for name in SHORT if name in frame]]
    return shown.loc[:, [bool((shown[name].notna() & (shown[name] != "")).any()) for name in shown]]


def _each(tables: Iterable[Table]) -> Iterator[tuple[Table, Row]]:
    return ((table, row) for table in tables for row in table.rows)


def _runs(tables: Iterable[Table]) -> Iterator[tuple[Table, Row, ScoredRun]]:
    return ((table, row, scored) for table, row in _each(tables) for scored in row.runs)


def _frame(lines: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(list(lines))
    whole = [name for name in frame if name in WHOLE or str(name).endswith("_findings")]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def _together(by_run: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    if not by_run:
        return pd.DataFrame({"run": []})
    return pd.concat(by_run, names=["run"]).reset_index(level="run").reset_index(drop=True)


def _identity(table: Table) -> dict[str, Any]:
    data = table.data
    return {
        "source": data.source,
        "task": data.task,
        "split": data.split.name,
        "split_seed": data.split.seed,
        "split_hash": data.split.hash,
        "image_size": data.image_size,
        "data": data.fingerprint,
    }


def _names(row: Row) -> dict[str, Any]:
    reasons = [f"seed {seed}: {reason}" for seed, reason in row.failures]
    return {
        **_attributes(row, ("kind", *NAMED, "train_share", "state")),
        "reason": row.unavailable or "; ".join(reasons),
        "seeds": len(row.seeds),
        "failed": len(row.failures),
    }


def _attributes(record: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _interval(name: str, measured: Interval | None) -> dict[str, float | None]:
    if measured is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: measured.value, f"{name}_low": measured.low, f"{name}_high": measured.high}


def _figures(figures: Mapping[str, Figure]) -> dict[str, float | None]:
    return {
        column: value
        for name, figure in figures.items()
        for column, value in (
            (name, figure.value),
            (f"{name}_sd", figure.deviation),
            (f"{name}_low", figure.low),
            (f"{name}_high", figure.high),
        )
    }


def _comparison(table: Table, row: Row) -> dict[str, Any]:
    """The row against the reference; ``p`` is before the correction."""
    answered = row.answered or (table.data.parts["test"].images,) * 2
    found: dict[str, Any] = {
        "answered_images": answered[0] if row.runs else None,
        "test_images": answered[1],
        # Of controls, and of a row that was not compared with them, there is none.
        "below_controls": row.below_controls
        if row.kind != "control" and row.answered is None
        else None,
        "reference": table.reference.name if table.reference else "",
    }
    comparison = row.comparison
    if comparison is None:  # the same columns whatever was compared
        none = dict.fromkeys((*TESTED, "smallest_difference", "compared_images"))
        verdict = "reference" if row.is_reference else ""
        return found | _interval("difference", None) | none | {"verdict": verdict}
    return {
        **found,
        **_interval("difference", comparison.difference),
        **_attributes(comparison, TESTED),
        "smallest_difference": comparison.smallest,
        "compared_images": comparison.images,
    }


def _costs(row: Row) -> dict[str, Any]:
    tuning = row.tuning
    return {
        **_attributes(row, COSTS),
        "devices": "; ".join(row.devices),
        "tuning_budget": "; ".join(f"{amount:g} {unit}" for unit, amount in tuning.budget.items())
        if tuning
        else "",
        "tuning_trials": tuning.spent.trials if tuning else None,
        "tuning_train_seconds": tuning.spent.train_seconds if tuning else None,
    }
