"""``bench share``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import complete
from bench.cli.options import out_option


@click.command("share")
@click.argument(
    "names", nargs=-1, required=True, metavar="RUN|PATTERN...", shell_complete=complete.runs
)
@click.option(
    "--to", required=True, metavar="FILE.zip", type=click.Path(path_type=Path, dir_okay=False),
    help="The bundle.",
)  # fmt: skip
@click.option(
    "--public", is_flag=True,
    help="The names of images and patients may be known: keep them as they are.",
)  # fmt: skip
@out_option
def share_command(names: tuple[str, ...], *, to: Path, public: bool, out: Path) -> None:
    """Pack runs for another lab, whose `bench import FILE.zip` puts them into its own table.

    A bundle holds settings, predictions, environments, hashes and the table; no pixels and no
    weights. Names of images and patients are hashes that only who has the same images can turn
    back; with --public, and of the phantom, they stay as they are.
    """
    from bench.runs.find import find_runs
    from bench.share.send import share

    sent = share(find_runs(names, out=out), to, public=public)
    for name in sent.left_out:
        click.echo(f"left out, since it did not finish: {name}", err=True)
    if sent.options:
        click.echo(f"shared as they are: data.options {', '.join(sent.options)}", err=True)
    size = sent.path.stat().st_size / 1e6
    click.echo(
        f"wrote {sent.path}: {len(sent.runs)} runs, {size:.1f} MB, names of images and patients "
        f"{'as they are' if sent.names == 'plain' else 'as hashes'}"
    )
