"""``bench run``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bench.cli.options import DEFAULT_OUT, config_options, load_config, load_plugins, out_option


@click.command("run")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--all", "take_all", is_flag=True, help="Every model of the config.")
@config_options
@out_option
@click.option(
    "--model", "more_models", multiple=True, metavar="NAME|PATTERN",
    help="As MODEL; a pattern such as 'resnet*' narrows --all. Repeats.",
)  # fmt: skip
@click.option("--loss", "losses", multiple=True, metavar="NAME", help="A loss. Repeats.")
@click.option("--seeds", metavar="0,1,…", help="Seeds, one run each.")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True,
    help="Where networks are trained.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the cells and an estimate; train nothing.")
@click.option("--quiet", is_flag=True, help="Say only what failed.")
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
    seeds: str | None,
    device: str,
    dry_run: bool,
    quiet: bool,
    json_log: bool,
) -> None:
    """Train models and keep their predictions.

    A finished run is never done again; an interrupted matrix goes on where it was. Ends with
    exit code 1 where a cell failed.
    """
    if quiet and json_log:
        raise click.UsageError("--quiet and --json-log exclude one another")
    load_plugins(plugins)
    changes: dict[str, object] = {}
    if losses:
        changes["losses"] = list(dict.fromkeys(losses))
    if seeds is not None:
        changes["seeds"] = parse_seeds(seeds)
    experiment = load_config(config, root, settings, **changes)

    from bench.cells import select_models

    chosen = select_models((*models, *more_models), configured=experiment.models, take_all=take_all)
    experiment = load_config(config, root, settings, **changes, models=list(chosen))

    from bench.environment import pick_device

    torch_device = pick_device(device)
    if dry_run:
        from bench.execute.estimate import describe_plan

        for line in describe_plan(experiment, device=torch_device):
            click.echo(line)
        return

    from bench.execute import run_experiment
    from bench.progress import show_progress

    with show_progress(quiet=quiet, json_log=json_log) as progress:
        summary = run_experiment(experiment, out=out, device=torch_device, progress=progress)
    if not quiet and not json_log:
        where = "" if out == DEFAULT_OUT else f" --out {shlex.quote(str(out))}"
        click.echo(f"the table: bench report markdown{where}")
    if summary.failed:
        context.exit(1)


def parse_seeds(text: str) -> list[int]:
    """``0,1,2`` as numbers.

    Raises:
        click.BadParameter: a part is no whole number.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"{text!r}: whole numbers divided by commas, such as 0,1,2", param_hint="--seeds"
        ) from None
