"""``bench run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import (
    ExecutorChoice,
    MatrixChoice,
    Watching,
    dry_run_option,
    executor_options,
    matrix_options,
    out_option,
    watching_options,
)

if TYPE_CHECKING:
    from bench.config import Experiment


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
@click.option(
    "--devices", type=click.IntRange(min=1), metavar="N",
    help="Divide each training among N devices (train.devices).",
)  # fmt: skip
@dry_run_option
@click.option(
    "--assume", "assumptions", multiple=True, metavar="KEY=VALUE",
    help="With --dry-run: another value of what its plan assumes, such as auc=0.8 or "
    "seed_deviation=0.005. Repeats.",
)  # fmt: skip
@executor_options
@watching_options
@click.pass_context
def run_command(
    context: click.Context,
    *,
    matrix: MatrixChoice,
    out: Path,
    more_models: tuple[str, ...],
    tasks: tuple[str, ...],
    devices: int | None,
    dry_run: bool,
    assumptions: tuple[str, ...],
    executor: ExecutorChoice,
    watching: Watching,
) -> None:
    """Train models and keep their predictions.

    A finished run is never done again; an interrupted matrix goes on where it was. Ends with
    exit code 1 where a cell failed or an earlier run is damaged. With --dry-run it trains nothing
    and says, from label files alone, what the comparison could show.

    A MODEL that ends in .yaml is a config: the cells of several experiments are run together, all
    of one seed before the next.
    """
    changes = _task_changes(tasks) | ({} if devices is None else {"train.devices": devices})
    experiments = matrix.experiments(*more_models, **changes)
    if dry_run:
        for experiment in experiments:
            _print_plan(experiment, matrix, out=out, assumptions=assumptions)
        return
    if assumptions:
        raise click.UsageError("--assume is about the plan of --dry-run")

    from bench.execute.experiment import run_experiments

    device = matrix.torch_device()
    with watching.progress(out) as progress:
        summary = run_experiments(
            experiments,
            out=out,
            device=device,
            progress=progress,
            executor=executor.choose(experiments),
        )
    watching.end(out)
    if summary.failed or summary.unusable:
        context.exit(1)


def _task_changes(tasks: tuple[str, ...]) -> dict[str, object]:
    """One task is the experiment's, several are levels of it."""
    if not tasks:
        return {}
    return {"task": tasks[0]} if len(tasks) == 1 else {"vary.task": list(dict.fromkeys(tasks))}


def _print_plan(
    experiment: Experiment, matrix: MatrixChoice, *, out: Path, assumptions: tuple[str, ...]
) -> None:
    """Print the cells with their time, and what their comparison can show."""
    from bench.cli.output import print_unusable
    from bench.config.load import parse_setting
    from bench.planning.tables import describe_tables, plan_tables
    from bench.registry import DATASETS
    from bench.runs.store import Store

    assumed = dict(parse_setting(text, option="--assume") for text in assumptions)
    if DATASETS.get(experiment.data.source).needs_root and experiment.data.root is None:
        lines = iter(["what the comparison can show is not known without labels (--data PATH)"])
    else:
        lines = describe_tables(plan_tables(experiment, out=out, assumed=assumed))
    if out.is_dir():
        print_unusable(Store(out).survey().unusable)  # the plan knows nothing of them
    matrix.print_plan(experiment)
    for line in lines:
        click.echo(line)
