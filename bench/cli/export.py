"""``bench export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import data_option, plugin_option, runs_option
from bench.cli.output import read_results

if TYPE_CHECKING:
    from bench.export.formats import Format


@click.command("export")
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@click.option(
    "--to", type=click.Choice(["onnx", "torchscript", "safetensors"]), default="onnx",
    show_default=True, help="Format of the network.",
)  # fmt: skip
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="A new folder for the network, its preprocessing, a sample and the model card.",
)  # fmt: skip
@runs_option
@data_option
@plugin_option
@click.option(
    "--subgroups", is_flag=True,
    help="Put figures by sex, age and view into the card; reads all of the run's data.",
)  # fmt: skip
@click.pass_context
def export_command(
    context: click.Context,
    *,
    run: str,
    to: Format,
    out: Path,
    folder: Path,
    root: Path | None,
    plugins: tuple[Path, ...],
    subgroups: bool,
) -> None:
    """Export a run's network as a folder that works without this package, with a model card.

    RUN is the run's folder, or its name in --runs. The exported file is run on
    test images of the run, where its data are there: probabilities must be those that are stored,
    within 1e-4, or nothing is written and the exit code is 1.
    """
    from bench.api import load_model
    from bench.audit.audit import subgroups_of
    from bench.audit.markdown import subgroups_markdown
    from bench.card.card import Exported, model_card
    from bench.evaluate.load import Filters
    from bench.evaluate.results import Reference
    from bench.export.export import DisagreementError, export
    from bench.progress import show_progress
    from bench.runs.find import find_runs

    (found, *others) = find_runs([run], out=folder)
    if others:
        raise click.UsageError(f"{run!r} is {1 + len(others)} runs: name one")
    model = load_model(found.folder, plugins=plugins)
    results = read_results(found.folder.parent, filters=Filters(), reference=Reference())
    looked_at = ""
    if subgroups:
        with show_progress(stream=sys.stderr) as progress:
            found_groups = subgroups_of(found, root=root, progress=progress)
        looked_at = subgroups_markdown(found_groups)
    try:
        check = export(
            model, out, to=to, root=root,
            card=lambda check: model_card(
                model.run, results, exported=Exported(to=to, check=str(check)), subgroups=looked_at
            ),
        )  # fmt: skip
    except DisagreementError as error:
        click.echo(f"error: {error}", err=True)
        context.exit(1)
    click.echo(f"{out}: {check}")
