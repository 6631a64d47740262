"""``bench tune``, and ``bench tunings``, which lists what it did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    ExecutorChoice,
    MatrixChoice,
    Watching,
    executor_options,
    grouped,
    loss_option,
    matrix_options,
    models_argument,
    out_option,
    watching_options,
)

if TYPE_CHECKING:
    from bench.config import Experiment
    from bench.tuning import Plan

DEFAULT_SEEDS = "0,1,2"

storage_option = click.option(
    "--storage", metavar="URL",
    help="Database of the studies, such as postgresql+psycopg://USER@HOST/DATABASE, or a journal "
    "on a shared file system, FILE.journal. [default: SQLite in --out]",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SearchChoice:
    """``--budget`` and ``--storage``."""

    budget: str | None
    storage: str | None

    def plan(self, experiment: Experiment, settings: tuple[str, ...]) -> Plan:
        """The plan of a tuning.

        Args:
            settings: of ``--set``, whose keys are not searched.
        """
        from bench.config.load import split_setting
        from bench.tuning import Plan, default_budget, parse_budget

        return Plan(
            budget=parse_budget(self.budget) if self.budget else default_budget(experiment),
            fixed=tuple(split_setting(setting)[0] for setting in settings),
            storage=self.storage,
        )


search_options = grouped(
    SearchChoice, "search",
    click.option(
        "--budget", metavar="UNIT=N",
        help="What each model and loss gets: iterations=50000 (of all its trials), trials=20 or "
        "minutes=90 (in training steps on the device). The last trial ends at its next validation. "
        "[default: iterations, of ten trainings]",
    ),
    storage_option,
)  # fmt: skip


@click.command("tune")
@matrix_options
@out_option
@search_options
@executor_options
@watching_options
@click.pass_context
def tune(
    context: click.Context,
    *,
    matrix: MatrixChoice,
    out: Path,
    search: SearchChoice,
    executor: ExecutorChoice,
    watching: Watching,
) -> None:
    """Search settings for each model and loss within the same budget, and run what won.

    The config's key `search` says what is searched. By default that is the recipe (paper or
    modern), and the learning rate, weight decay and more of each. The first trial has the config's
    own settings, the second those of the other recipe. A key given with --set is not searched.

    Trials are judged by validation AUC and never see the test part. The best three are trained
    again with fresh seeds, and the one with the best mean wins. It is run with seeds 0,1,2 (or
    --seeds), and the report shows these runs.

    Started again after an interruption, it goes on where it was; with a larger budget, too.
    Several at once, with the same options, share the work; so do the workers of an --executor.
    Ends with exit code 1 where a model has no winner or a run failed. `bench tunings` lists what
    was tried.
    """
    if matrix.seeds is None:
        matrix = replace(matrix, seeds=DEFAULT_SEEDS)
    experiment = matrix.experiment()

    from bench.tuning import tune_experiment

    plan = search.plan(experiment, matrix.settings)
    with watching.progress(out) as progress:
        tuned = tune_experiment(
            experiment,
            plan,
            out=out,
            device=matrix.torch_device(),
            progress=progress,
            executor=executor.choose([experiment]),
        )
    watching.end(out)
    if tuned.failed or tuned.runs.failed or tuned.runs.unusable:
        context.exit(1)


@click.command("tunings")
@models_argument
@loss_option
@out_option
@storage_option
@click.option(
    "--figures", "folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Draw each study's history, parameter importance and parallel coordinates into DIR.",
)  # fmt: skip
@click.pass_context
def tunings(
    context: click.Context,
    *,
    models: tuple[str, ...],
    losses: tuple[str, ...],
    out: Path,
    storage: str | None,
    folder: Path | None,
) -> None:
    """List what `bench tune` tried, spent and found: all studies, or those of MODEL and --loss.

    Trains nothing, and needs neither a config nor images. A tuning that is running is listed as
    far as it is. Ends with exit code 1 where a record of a tuning is damaged.
    """
    from bench.cli.output import print_unusable
    from bench.runs.store import FAILED_TUNINGS, TUNINGS, Store
    from bench.tuning.show import described, draw, stored_studies

    store = Store(out)
    with stored_studies(store, storage, models=models, losses=losses) as studies:
        click.echo("\n\n".join(map(described, studies)))
        for line in draw(studies, folder) if folder else ():
            click.echo(line, err=True)
    if print_unusable(store.unusable_records((TUNINGS, FAILED_TUNINGS))):
        context.exit(1)
