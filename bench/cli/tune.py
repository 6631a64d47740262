"""``bench tune``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from bench.cli.options import MatrixChoice, Watching, matrix_options, out_option, watching_options

if TYPE_CHECKING:
    from bench.tune.sampling import PrunerName, SamplerName

DEFAULT_SEEDS = "0,1,2"
# What says how to tune, which --show does not.
OF_TUNING = {
    "take_all": "--all",
    "config": "--config",
    "root": "--data",
    "settings": "--set",
    "plugins": "--plugin",
    "seeds": "--seeds",
    "device": "--device",
    "budget": "--budget",
    "tuning_seed": "--tuning-seed",
    "sampler": "--sampler",
    "pruner": "--pruner",
    "quiet": "--quiet",
    "json_log": "--json-log",
    "tensorboard": "--tensorboard",
}


@click.command("tune")
@matrix_options
@out_option
@click.option(
    "--budget", default="trials=20", show_default=True, metavar="UNIT=N",
    help="What each model and loss gets: trials=20, iterations=50000 (of all its trials) or "
    "minutes=90 (in training steps on the device). The last trial ends at its next validation.",
)  # fmt: skip
@click.option(
    "--tuning-seed", type=click.IntRange(min=0, max=10**6), default=0, show_default=True,
    help="Seed of the search; all trials are trained with seed 1000 + this.",
)  # fmt: skip
@click.option(
    "--storage", metavar="URL",
    help="Database of the studies, such as postgresql+psycopg://USER:PASSWORD@HOST/DATABASE. "
    "[default: SQLite in --out]",
)  # fmt: skip
@click.option(
    "--sampler", type=click.Choice(["tpe", "random"]), default="tpe", show_default=True,
    help="How settings are suggested.",
)  # fmt: skip
@click.option(
    "--pruner", type=click.Choice(["median", "hyperband", "none"]), default="median",
    show_default=True, help="Which trials end early, by their validation AUC.",
)  # fmt: skip
@click.option(
    "--show", is_flag=True,
    help="Train nothing: list the studies that are stored, all of them or those of MODEL and "
    "--loss. Needs neither a config nor images.",
)  # fmt: skip
@click.option(
    "--figures", "folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Draw each study's history, parameter importance and parallel coordinates into DIR.",
)  # fmt: skip
@watching_options
@click.pass_context
def tune(
    context: click.Context,
    *,
    matrix: MatrixChoice,
    out: Path,
    budget: str,
    tuning_seed: int,
    storage: str | None,
    sampler: SamplerName,
    pruner: PrunerName,
    show: bool,
    folder: Path | None,
    watching: Watching,
) -> None:
    """Search settings for each model and loss within the same budget, and run what won.

    Each model's registration says what is searched: learning rate, decay factor, patience, weight
    decay and momentum by default. The first trial has the config's own settings, or the nearest
    in the space; a key given with --set is not searched.

    Trials are judged by validation AUC and never see the test part. The winner is run again with
    fresh seeds (0,1,2 without --seeds), and the report shows these runs.

    Started again after an interruption, it goes on where it was; with a larger budget, too.
    Several at once, with the same options, share the work. Ends with exit code 1 where a model
    has no winner or a run failed.
    """
    if show:
        given = [
            option
            for name, option in OF_TUNING.items()
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        ]
        if given:
            raise click.UsageError(f"--show trains nothing: leave out {', '.join(given)}")
        _show(out, storage, folder, models=matrix.models, losses=matrix.losses)
        return
    if matrix.seeds is None:
        matrix = replace(matrix, seeds=DEFAULT_SEEDS)
    experiment = matrix.experiment()

    from bench.config.load import parse_setting
    from bench.tune import Plan, parse_budget, tune_experiment

    plan = Plan(
        budget=parse_budget(budget),
        seed=tuning_seed,
        sampler=sampler,
        pruner=pruner,
        fixed=tuple(parse_setting(setting)[0] for setting in matrix.settings),
        storage=storage,
    )
    with watching.progress() as progress:
        tuned = tune_experiment(
            experiment, plan, out=out, device=matrix.torch_device(), progress=progress
        )
    if folder is not None:
        _draw(out, storage, folder, names=tuned.studies)
    watching.end(out)
    if tuned.failed or tuned.runs.failed:
        context.exit(1)


def _show(
    out: Path,
    storage: str | None,
    folder: Path | None,
    *,
    models: tuple[str, ...],
    losses: tuple[str, ...],
) -> None:
    from bench.runs.store import Store
    from bench.tune.show import described, stored_studies

    with stored_studies(Store(out), storage, models=models, losses=losses) as studies:
        click.echo("\n\n".join(map(described, studies)))
    if folder is not None:
        _draw(out, storage, folder, names=[one.study.study_name for one in studies])


def _draw(out: Path, storage: str | None, folder: Path, *, names: Sequence[str]) -> None:
    from bench.runs.store import Store
    from bench.tune.pictures import draw
    from bench.tune.show import stored_studies

    with stored_studies(Store(out), storage, names=names) as studies:
        for line in draw(studies, folder):
            click.echo(line, err=True)
