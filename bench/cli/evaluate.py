"""``bench evaluate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import ConfigChoice, config_options, device_option, given, out_option

if TYPE_CHECKING:
    from bench.runs.cells import Part


@click.command("evaluate")
@click.argument("names", metavar="RUN...", nargs=-1, required=True, shell_complete=complete.runs)
@config_options
@out_option
@click.option(
    "--part", type=click.Choice(["all", "test"]), default="all", show_default=True,
    help="All images of the data, or the test part of their own split.",
)  # fmt: skip
@click.option(
    "--same-patients/--other-patients", default=None,
    help="Whether equal patient ids of the two data are one person, whose images are left out "
    "[default: where both are ChestX-ray14].",
)  # fmt: skip
@device_option("Device that networks compute on.")
def evaluate_command(
    *,
    names: tuple[str, ...],
    config: ConfigChoice,
    out: Path,
    part: Part,
    same_patients: bool | None,
    device: str,
) -> None:
    """External validation: judge networks on data that they were not trained on.

    RUN is a run's folder, its name in --out, or a pattern such as 'cxnet_m1-sin-*'. --config and
    --data say what it is tested on. Thresholds and temperatures stay those of the run; findings
    are matched by name; images that are in the run's own data too are left out. Prints a table
    with the drop of each row, and keeps the predictions, so that reports have it too.
    """
    if config.root is None and not given("config"):
        raise click.UsageError("say what to test on: --config NAME, and --data PATH")
    experiment = config.experiment()

    from bench.environment import pick_device
    from bench.evaluate.external import external_tables
    from bench.evaluate.scorer import Scorer
    from bench.external.evaluate import OtherData, evaluate_elsewhere
    from bench.progress import show_progress
    from bench.report.markdown import markdown_external
    from bench.runs.find import find_runs

    runs = find_runs(names, out=out)
    other = OtherData(experiment=experiment, part=part, same_patients=same_patients)
    with show_progress(stream=sys.stderr) as progress:
        evaluated = evaluate_elsewhere(runs, other, device=pick_device(device), progress=progress)
    already = sum(each.already for each in evaluated)
    click.echo(f"{len(evaluated) - already} evaluated, {already} evaluated before", err=True)
    scorer = Scorer.with_cache()
    tables = external_tables([each.run for each in evaluated], scorer=scorer)
    click.echo(markdown_external(tables))
    click.echo("research software, not a medical device", err=True)
