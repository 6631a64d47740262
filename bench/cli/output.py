"""Tables and JSON on standard output, alike in every command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click

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
