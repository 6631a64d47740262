"""Results, tables and JSON, alike in every command."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.evaluate.load import Filters
    from bench.evaluate.results import Reference, Results

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: object) -> None:
    """Print a value of JSON, indented."""
    click.echo(json.dumps(value, indent=2))


def print_table(rows: Sequence[Mapping[str, str]], *, numbers: Sequence[str] = ()) -> None:
    """Print rows with the same columns as a plain table.

    Args:
        rows: text by the column's head; one row at least.
        numbers: the heads of columns that are aligned to the right.
    """
    from tabulate import tabulate

    heads = list(rows[0])
    table = tabulate(
        [[row[head] for head in heads] for row in rows],
        headers=heads,
        tablefmt="simple",
        disable_numparse=True,
        colalign=["right" if head in numbers else "left" for head in heads],
    )
    click.echo(table)


def read_results(
    out: Path, *, filters: Filters, reference: Reference, margin: float | None = None
) -> Results:
    """Results of the runs in a folder, with the user's cache and progress on standard error."""
    from bench.cache import cache_dir
    from bench.evaluate.load import load_results
    from bench.evaluate.scorer import Scorer
    from bench.progress import show_progress

    with show_progress(stream=sys.stderr) as progress:
        return load_results(
            out,
            scorer=Scorer(kept=cache_dir() / "scores"),
            filters=filters,
            reference=reference,
            margin=margin,
            on_scored=lambda done, total: progress.advance("runs scored", done, total),
        )
