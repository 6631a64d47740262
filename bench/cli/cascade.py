"""``bench cascade``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    MatrixChoice,
    Trackers,
    dry_run_option,
    grouped,
    matrix_options,
    out_option,
    refuse_all_but,
    tracker_options,
)
from bench.cli.output import print_unusable, read_results

if TYPE_CHECKING:
    from bench.config import Experiment
    from bench.runs.run import Run
    from bench.runs.store import Store

# Parameters that --finished has a use for.
OF_FINISHED = ("finished", "out", "as_json", "quiet")


@dataclass(frozen=True, kw_only=True)
class OutputChoice(Trackers):
    """``--json``, ``--quiet`` and the trackers."""

    as_json: bool
    quiet: bool


output_options = grouped(
    OutputChoice, "output",
    click.option("--json", "as_json", is_flag=True, help="Print JSON; progress goes to stderr."),
    *tracker_options,
    click.option("--quiet", is_flag=True, help="Print nothing but the tables and what failed."),
)  # fmt: skip


@click.command("cascade")
@matrix_options
@out_option
@click.option(
    "--finished", is_flag=True,
    help="Train nothing: judge all runs that --out holds. Needs neither a config nor images.",
)  # fmt: skip
@dry_run_option
@output_options
@click.pass_context
def cascade(
    context: click.Context,
    *,
    matrix: MatrixChoice,
    out: Path,
    finished: bool,
    dry_run: bool,
    output: OutputChoice,
) -> None:
    """Send every test image through m1 to m4, and compare with the flat network findings14.

    Trains whatever of the five tasks is not finished yet, for each model and loss, then prints
    the tables. Ends with exit code 1 where a run is missing, failed or damaged.
    """
    if finished:
        refuse_all_but(OF_FINISHED, "--finished trains nothing")
    if dry_run and output.as_json:
        raise click.UsageError("--dry-run judges nothing: leave out --json")

    from bench.cascade.stages import CASCADE_TASKS
    from bench.runs.store import Store

    store = Store(out)
    if finished:
        runs = store.runs()
    else:
        # Its question is of one task; an average over the five would mean nothing.
        changes = {"vary.task": list(CASCADE_TASKS), "question": None}
        experiment = matrix.experiment(**changes)
        if dry_run:
            matrix.print_plan(experiment)
            return
        runs = _train(experiment, matrix, store, output)
    if not _assemble_and_print(runs, store, output):
        context.exit(1)


def _train(
    experiment: Experiment, matrix: MatrixChoice, store: Store, output: OutputChoice
) -> list[Run]:
    """The runs of the five tasks, those trained now and those finished before."""
    from bench.execute.experiment import run_experiments

    device = matrix.torch_device()
    stream = sys.stderr if output.as_json else None
    with output.show(store.root, quiet=output.quiet, stream=stream) as progress:
        summary = run_experiments([experiment], out=store.root, device=device, progress=progress)
    if not output.quiet and not output.as_json:
        click.echo()
    return [run for run in store.runs() if run.name in summary.runs]


def _assemble_and_print(runs: Sequence[Run], store: Store, output: OutputChoice) -> bool:
    """Assemble the cascades and print their table; False where a run is missing or failed."""
    from bench.cascade.assemble import assemble
    from bench.cascade.stages import FLAT
    from bench.evaluate.load import Filters
    from bench.evaluate.results import Reference
    from bench.report import FORMATS

    assembled = assemble(runs, store=store)
    # Networks of the same task that were not chosen are no rows of this table.
    names = {run.name for run in runs} | set(assembled.runs)
    models = {run.cell.model for run in store.runs() if run.name in names}
    # The flat network is what a cascade is compared with.
    flat = next((r.cell for r in runs if r.cell.kind == "network" and r.data.task == FLAT), None)
    results = read_results(
        store.root,
        filters=Filters(tasks=(FLAT,), models=sorted(models)),
        reference=Reference(model=flat.model, loss=flat.loss) if flat else Reference(),
    )
    click.echo(FORMATS["json" if output.as_json else "markdown"](results), nl=False)
    for line in assembled.missing:
        click.echo(line, err=True)
    return not (print_unusable(results.unusable) or assembled.incomplete)
