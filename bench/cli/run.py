"""``bench run``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import complete
from bench.cli.options import (
    MatrixChoice,
    Watching,
    dry_run_option,
    matrix_options,
    out_option,
    watching_options,
)


@click.command("run")
@matrix_options
@out_option
@click.option(
    "--model", "more_models", multiple=True, metavar="NAME|PATTERN",
    help="As MODEL; a pattern such as 'resnet*' narrows --all. Repeats.",
    shell_complete=complete.models,
)  # fmt: skip
@click.option(
    "--task", "tasks", multiple=True, metavar="NAME",
    help="The question: m1 (normal?), m2 (one or several?), m3, m4, findings14 (which?). Repeats.",
)  # fmt: skip
@dry_run_option
@watching_options
@click.pass_context
def run_command(
    context: click.Context,
    *,
    matrix: MatrixChoice,
    out: Path,
    more_models: tuple[str, ...],
    tasks: tuple[str, ...],
    dry_run: bool,
    watching: Watching,
) -> None:
    """Train models and keep their predictions.

    A finished run is never done again; an interrupted matrix goes on where it was. Ends with
    exit code 1 where a cell failed.
    """
    experiment = matrix.experiment(*more_models, **_task_changes(tasks))
    if dry_run:
        matrix.print_plan(experiment)
        return

    from bench.execute import run_experiment

    device = matrix.torch_device()
    with watching.progress() as progress:
        summary = run_experiment(experiment, out=out, device=device, progress=progress)
    watching.end(out)
    if summary.failed:
        context.exit(1)


def _task_changes(tasks: tuple[str, ...]) -> dict[str, object]:
    """One task is the experiment's, several are levels of it."""
    if not tasks:
        return {}
    return {"task": tasks[0]} if len(tasks) == 1 else {"vary.task": list(dict.fromkeys(tasks))}
