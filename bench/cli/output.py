"""Results, tables and JSON, alike in every command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.evaluate.load import Filters
    from bench.evaluate.results import Reference, Results
    from bench.runs.records import Unusable

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: object) -> None:
    """Print a value of JSON, indented."""
    click.echo(json.dumps(value, indent=2))


def print_unusable(unusable: Iterable[Unusable]) -> bool:
    """Name runs and records that cannot be used on standard error; whether there are any."""
    lines = [str(each) for each in unusable]
    for line in lines:
        click.echo(line, err=True)
    return bool(lines)


def read_results(
    out: Path, *, filters: Filters, reference: Reference, margin: float | None = None
) -> Results:
    """Results of the runs in a folder, with the user's cache and progress on standard error."""
    from bench.evaluate.load import load_results
    from bench.evaluate.scorer import Scorer
    from bench.progress import show_progress

    with show_progress(stream=sys.stderr) as progress:
        return load_results(
            out,
            scorer=Scorer.with_cache(),
            filters=filters,
            reference=reference,
            margin=margin,
            on_scored=lambda done, total: progress.advance("runs scored", done, total),
        )
