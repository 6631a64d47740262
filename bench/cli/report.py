"""``bench report``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import out_option


@click.command("report")
@click.argument("format_name", type=click.Choice(["markdown", "csv", "latex"]), metavar="FORMAT")
@out_option
def report(format_name: str, out: Path) -> None:
    """Print the comparison tables of all runs that ended, as markdown, csv or latex."""
    from bench.report import FORMATS, collect
    from bench.store import Store

    store = Store(out)
    text = FORMATS[format_name](collect(store.runs()), unfinished=store.unfinished())
    click.echo(text, nl=False)
