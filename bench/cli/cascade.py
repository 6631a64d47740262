"""``bench cascade``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    MatrixChoice,
    given,
    make_folder_of,
    matrix_options,
    out_option,
    parse_seeds,
    tensorboard_option,
    watched,
)
from bench.cli.output import read_results

if TYPE_CHECKING:
    from bench.runs.run import Run
    from bench.runs.store import Store

# What says how to train, which --finished does not.
OF_TRAINING = {
    "take_all": "--all",
    "config": "--config",
    "root": "--data",
    "settings": "--set",
    "plugins": "--plugin",
    "device": "--device",
    "dry_run": "--dry-run",
    "tensorboard": "--tensorboard",
}


@click.command("cascade")
@matrix_options
@out_option
@click.option(
    "--finished", is_flag=True,
    help="Train nothing: judge the runs that --out holds, all of them or those of MODEL, --loss "
    "and --seeds. Needs neither a config nor images.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the cells and an estimate; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; progress goes to stderr.")
@click.option(
    "--answers", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.csv",
    help="Write each test image's route and answer.",
)  # fmt: skip
@tensorboard_option
@click.option("--quiet", is_flag=True, help="Print nothing but the tables and what failed.")
@click.pass_context
def cascade(
    context: click.Context,
    *,
    matrix: MatrixChoice,
    out: Path,
    finished: bool,
    dry_run: bool,
    as_json: bool,
    answers: Path | None,
    quiet: bool,
    tensorboard: Path | None,
) -> None:
    """Send every test image through m1 to m4, and compare with the flat network findings14.

    Trains whatever of the five tasks is not finished yet, for each model and loss, then prints
    the tables. Ends with exit code 1 where a run is missing or failed.
    """
    if finished and (extra := [text for name, text in OF_TRAINING.items() if given(name)]):
        raise click.UsageError(f"--finished trains nothing: leave out {', '.join(extra)}")
    if dry_run and (as_json or answers):
        raise click.UsageError("--dry-run judges nothing: leave out --json and --answers")

    from bench.runs.store import Store

    store = Store(out)
    if finished:
        from bench.cascade import narrow

        runs = narrow(
            store.runs(),
            models=matrix.models,
            losses=matrix.losses,
            seeds=[] if matrix.seeds is None else parse_seeds(matrix.seeds),
        )
    else:
        from bench.cascade import CASCADE_TASKS
        from bench.execute import run_experiment
        from bench.execute.estimate import describe_plan
        from bench.progress import show_progress

        # Its question is of one task; an average over the five would mean nothing.
        changes = {"vary.task": list(CASCADE_TASKS), "question": None}
        experiment = matrix.experiment(**changes)
        device = matrix.torch_device()
        if dry_run:
            for line in describe_plan(experiment, device=device):
                click.echo(line)
            return

        make_folder_of(answers)
        stream = sys.stderr if as_json else None
        with show_progress(quiet=quiet, stream=stream) as progress:
            progress = watched(progress, tensorboard)
            summary = run_experiment(experiment, out=out, device=device, progress=progress)
        if not quiet and not as_json:
            click.echo()
        runs = [run for run in store.runs() if run.folder.name in summary.runs]
    if not _assemble_and_print(runs, store, as_json=as_json, answers=answers):
        context.exit(1)


def _assemble_and_print(
    runs: Sequence[Run], store: Store, *, as_json: bool, answers: Path | None
) -> bool:
    """Assemble the cascades and print their table; False where a run is missing or failed."""
    from bench.cascade import FLAT, assemble, write_routes
    from bench.evaluate.load import Filters
    from bench.evaluate.results import Reference
    from bench.report import FORMATS

    assembled = assemble(runs, store=store)
    if answers is not None:
        make_folder_of(answers)
        write_routes(assembled.runs, answers, store=store)
        click.echo(f"wrote {answers}", err=True)
    # The flat network is what a cascade is compared with.
    flat = next((r.cell for r in runs if r.cell.kind == "network" and r.data.task == FLAT), None)
    reference = Reference(model=flat.model, loss=flat.loss) if flat else Reference()
    results = read_results(store.root, filters=Filters(tasks=(FLAT,)), reference=reference)
    click.echo(FORMATS["json" if as_json else "markdown"](results), nl=False)
    for line in assembled.missing:
        click.echo(line, err=True)
    return not assembled.incomplete
