"""``bench run``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import (
    config_options,
    load_matrix,
    load_plugins,
    matrix_options,
    out_option,
    report_command,
    tensorboard_option,
    watched,
)


@click.command("run")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@config_options
@matrix_options
@out_option
@click.option(
    "--model", "more_models", multiple=True, metavar="NAME|PATTERN",
    help="As MODEL; a pattern such as 'resnet*' narrows --all. Repeats.",
)  # fmt: skip
@click.option(
    "--task", "tasks", multiple=True, metavar="NAME",
    help="The question: m1 (normal?), m2 (one or several?), m3, m4, findings14 (which?). Repeats.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the cells and an estimate; train nothing.")
@click.option("--quiet", is_flag=True, help="Say only what failed.")
@tensorboard_option
@click.option("--json-log", is_flag=True, help="One JSON object a line instead of progress.")
@click.pass_context
def run_command(
    context: click.Context,
    *,
    models: tuple[str, ...],
    take_all: bool,
    config: str,
    root: Path | None,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
    out: Path,
    more_models: tuple[str, ...],
    losses: tuple[str, ...],
    tasks: tuple[str, ...],
    seeds: str | None,
    device: str,
    dry_run: bool,
    quiet: bool,
    json_log: bool,
    tensorboard: Path | None,
) -> None:
    """Train models and keep their predictions.

    A finished run is never done again; an interrupted matrix goes on where it was. Ends with
    exit code 1 where a cell failed.
    """
    if quiet and json_log:
        raise click.UsageError("--quiet and --json-log exclude one another")
    load_plugins(plugins)
    experiment = load_matrix(
        config,
        root,
        settings,
        models=(*models, *more_models),
        take_all=take_all,
        losses=losses,
        seeds=seeds,
        **_asked(tasks),
    )

    from bench.environment import pick_device
    from bench.execute import run_experiment
    from bench.execute.estimate import describe_plan
    from bench.progress import show_progress

    torch_device = pick_device(device)
    if dry_run:
        for line in describe_plan(experiment, device=torch_device):
            click.echo(line)
        return

    with show_progress(quiet=quiet, json_log=json_log) as progress:
        summary = run_experiment(
            experiment, out=out, device=torch_device, progress=watched(progress, tensorboard)
        )
    if not quiet and not json_log:
        click.echo(f"the table: {report_command(out)}")
    if summary.failed:
        context.exit(1)


def _asked(tasks: tuple[str, ...]) -> dict[str, object]:
    """One task is the experiment's, several are levels of it."""
    if not tasks:
        return {}
    return {"task": tasks[0]} if len(tasks) == 1 else {"vary.task": list(dict.fromkeys(tasks))}
