"""``bench checklist``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import out_option
from bench.cli.output import read_results


@click.command("checklist")
@out_option
def checklist_command(*, out: Path) -> None:
    """Print the reporting checklists CLAIM 2024 and TRIPOD+AI, answered from the runs in DIR.

    Markdown: each item with the answer that is stored, what is missing, or that the authors are to
    write it.
    """
    from bench.card.checklist import checklist_markdown, checklists
    from bench.errors import InputError
    from bench.evaluate.load import Filters
    from bench.evaluate.results import Reference

    found = checklists(read_results(out, filters=Filters(), reference=Reference()))
    if not found:
        raise InputError(f"no network has finished in {str(out)!r}: run one first (bench run)")
    click.echo(checklist_markdown(found), nl=False)
