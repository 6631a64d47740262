"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bench.config import Experiment

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
