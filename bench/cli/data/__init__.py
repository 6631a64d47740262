"""``bench data``: look at a data set before training on it, and make the synthetic one."""

from __future__ import annotations

import click

from bench.cli.data.labels import split, summary
from bench.cli.data.phantom import phantom
from bench.cli.data.pixels import check, sheet


@click.group()
def data() -> None:
    """Look at a data set and its splits, or write the synthetic one as files."""


for command in (check, phantom, sheet, split, summary):
    data.add_command(command)
