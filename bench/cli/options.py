"""Options that several commands share."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from bench.config import DataConfig, Experiment
    from bench.progress import Progress

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_OUT = Path("results/runs")


def config_options(function: F) -> F:
    """``--config``, ``--data``, ``--set`` and ``--plugin``."""
    for option in reversed(
        (
            click.option(
                "--config", default="demo", show_default=True, metavar="NAME|FILE",
                help="A shipped experiment (bench list configs) or a YAML file.",
            ),
            click.option(
                "--data", "root", type=click.Path(path_type=Path), metavar="PATH",
                help="Where the images and labels are (data.root).",
            ),
            click.option(
                "--set", "settings", multiple=True, metavar="KEY=VALUE",
                help="Change a key of the config, such as train.lr=0.02. Repeats.",
            ),
            plugin_option,
        )
    ):  # fmt: skip
        function = option(function)
    return function


def plugin_option(function: F) -> F:
    """``--plugin``."""
    return click.option(
        "--plugin", "plugins", multiple=True, metavar="FILE",
        type=click.Path(path_type=Path),
        help="A Python file that registers models, losses or data sources. Repeats.",
    )(function)  # fmt: skip


def out_option(function: F) -> F:
    """``--out``."""
    return click.option(
        "--out", default=DEFAULT_OUT, show_default=True, metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the runs.",
    )(function)  # fmt: skip


def matrix_options(function: F) -> F:
    """``--all``, ``--loss``, ``--seeds`` and ``--device``."""
    for option in reversed(
        (
            click.option("--all", "take_all", is_flag=True, help="Every model of the config."),
            click.option(
                "--loss", "losses", multiple=True, metavar="NAME", help="A loss. Repeats."
            ),
            click.option("--seeds", metavar="0,1,…", help="Seeds, one run each."),
            click.option(
                "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto",
                show_default=True, help="Where networks are trained.",
            ),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def config_or_nih(context: click.Context, config: str, root: Path | None) -> str:
    """The config; nih_official where files are named and no config is."""
    unnamed = context.get_parameter_source("config") is ParameterSource.DEFAULT
    return "nih_official" if root and unnamed else config


def report_command(out: Path) -> str:
    """The command that prints the table of the runs in a folder."""
    where = "" if out == DEFAULT_OUT else f" --out {shlex.quote(str(out))}"
    return f"bench report markdown{where}"


def tensorboard_option(function: F) -> F:
    """``--tensorboard``."""
    return click.option(
        "--tensorboard", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
        help="Also write the curves into DIR, for tensorboard --logdir DIR.",
    )(function)  # fmt: skip


def watched(progress: Progress, tensorboard: Path | None) -> Progress:
    """The progress, with TensorBoard told of every run where that is wanted."""
    if tensorboard is None:
        return progress
    from bench.tracking import TensorBoard

    return TensorBoard(progress, tensorboard)


def make_folder_of(path: Path | None) -> None:
    """Make the folder of a file that is written last, so that a wrong path is found first."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)


def load_plugins(plugins: tuple[Path, ...]) -> None:
    """Load the installed plugins and those named on the command line."""
    from bench.registry.plugins import load_entry_points, load_plugin

    load_entry_points()
    for path in plugins:
        load_plugin(path)


def load_config(
    config: str, root: Path | None, settings: tuple[str, ...], **changes: Any
) -> Experiment:
    """The experiment that the shared options and further changes (by dotted key) describe."""
    from bench.config import load_experiment

    if root is not None:
        changes["data.root"] = root
    return load_experiment(config, settings=settings, changes=changes)


def load_data_config(config: str, root: Path | None, settings: tuple[str, ...]) -> DataConfig:
    """What :func:`load_config` says of the data, of one level where it varies them."""
    from bench.config import one_data_config

    return one_data_config(load_config(config, root, settings))


def load_matrix(
    config: str,
    root: Path | None,
    settings: tuple[str, ...],
    *,
    models: tuple[str, ...],
    take_all: bool,
    losses: tuple[str, ...],
    seeds: str | None,
    **changes: Any,
) -> Experiment:
    """What :func:`load_config` gives, with the models, losses and seeds asked for."""
    from bench.runs.cells import select_models

    if losses:
        changes["losses"] = list(dict.fromkeys(losses))
    if seeds is not None:
        changes["seeds"] = parse_seeds(seeds)
    configured = load_config(config, root, settings, **changes).models
    chosen = select_models(models, configured=configured, take_all=take_all)
    return load_config(config, root, settings, **changes, models=list(chosen))


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
