"""``bench runs``: which runs there are, what one holds, and taking some away."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import out_option

if TYPE_CHECKING:
    from bench.runs.records import Unusable
    from bench.runs.run import Run, Unfinished


@click.group("runs")
def runs() -> None:
    """List runs, show one, take some away."""


@runs.command("list")
@click.argument("patterns", nargs=-1, metavar="[RUN|PATTERN]...", shell_complete=complete.runs)
@out_option
def list_runs(patterns: tuple[str, ...], *, out: Path) -> None:
    """List the runs in DIR with their state, by patterns such as 'cxnet_m1-sin-*'."""
    from bench.runs.find import find_folders, known
    from bench.runs.store import Store
    from bench.text import plain_table

    folders = find_folders(patterns or known(out), out=out)
    if not folders:
        click.echo(f"no run in {out}", err=True)
        return
    by_store = groupby(folders, key=lambda folder: folder.parent)
    found = [Store(root).read_all(own) for root, own in by_store]
    rows = [_row(folder, run) for runs in found for folder, run in runs.items()]
    click.echo(plain_table(rows, numbers=["images", "MB"]))


@runs.command("show")
@click.argument("text", metavar="RUN", shell_complete=complete.runs)
@out_option
def show_run(text: str, *, out: Path) -> None:
    """Print the settings, data, environments, costs and files of one run."""
    import yaml

    from bench.runs.find import find_folders
    from bench.runs.store import Store

    folders = find_folders([text], out=out)
    if len(folders) > 1:
        raise click.UsageError(f"{text!r} names {len(folders)} runs: `bench runs list` lists them")
    (folder,) = folders
    run = Store(folder.parent).run(folder.name)
    click.echo(yaml.safe_dump(run.describe(), sort_keys=False, allow_unicode=True), nl=False)


@runs.command("remove")
@click.argument(
    "texts", nargs=-1, required=True, metavar="RUN|PATTERN...", shell_complete=complete.runs
)
@out_option
@click.pass_context
def remove_runs(context: click.Context, texts: tuple[str, ...], *, out: Path) -> None:
    """Take runs out of all tables: they are moved to DIR/removed, where you may delete them.

    Moved back, a run is what it was. The experiment that it belongs to, started again, makes it
    anew. A run that a process is at is left alone, and the exit code is 1.
    """
    from bench.runs.aside import REMOVED, move_aside
    from bench.runs.find import find_folders
    from bench.runs.store import Store

    left = False
    for folder in find_folders(texts, out=out):
        store = Store(folder.parent)
        with store.claim(folder) as claimed:
            if claimed:
                click.echo(f"{folder.name}: moved to {move_aside(store.root, folder, to=REMOVED)}")
            else:
                left = True
                click.echo(f"{folder.name}: left, a process is at it", err=True)
    if left:
        context.exit(1)


def _row(folder: Path, found: Run | Unfinished | Unusable) -> dict[str, str]:
    from bench.runs.run import Run, Unfinished

    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    row = {
        "run": folder.name, "state": "", "source": "", "task": "", "split": "", "images": "",
        "began": "", "MB": f"{size / 1e6:.1f}",
    }  # fmt: skip
    if isinstance(found, Unfinished):
        return row | {"state": "running" if found.running else "interrupted"}
    if not isinstance(found, Run):
        return row | {"state": found.state}
    data = found.data
    return row | {
        "state": found.outcome.state,
        "source": data.source,
        "task": data.task,
        "split": data.split.name,
        "images": f"{sum(part.images for part in data.parts.values()):,}",
        "began": found.attempts[0].date[:16].replace("T", " "),
    }
