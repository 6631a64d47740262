"""``bench reproduce``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bench.cli.options import DEFAULT_OUT, data_option, plugin_option


@click.command("reproduce")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Keep the new run in DIR; without it, it is deleted.",
)  # fmt: skip
@data_option
@plugin_option
@click.pass_context
def reproduce_command(
    context: click.Context,
    *,
    run: Path,
    out: Path | None,
    root: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Run a finished run again from its folder, and compare the predictions.

    RUN is the run's folder, or its name where it lies in results/runs. Settings, seed, threads and
    kind of device are those that were recorded. Prints "identical", or the largest difference of a
    probability and what has changed since; then it ends with exit code 1.
    """
    from bench.execute.reproduce import reproduce
    from bench.progress import show_progress
    from bench.registry.plugins import load_plugins

    load_plugins(plugins)
    # A page names a run by its last two folders, which are not always here.
    known = DEFAULT_OUT / run.name
    folder = known if not run.is_dir() and known.is_dir() else run
    kept = nullcontext(out) if out else TemporaryDirectory(prefix="bench-reproduce-")
    with kept as new, show_progress(stream=sys.stderr) as progress:
        found = reproduce(folder, out=Path(new), root=root, progress=progress)
    click.echo(found)
    if not found.identical:
        context.exit(1)
