"""Options that several commands share, each group passed to the command as one object."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from bench.cli import complete

if TYPE_CHECKING:
    import torch

    from bench.config import DataConfig, Experiment
    from bench.execute.executors import Executor
    from bench.progress import Progress

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_OUT = Path("results/runs")


def given(parameter: str) -> bool:
    """Whether the user gave an option of the present command."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is not ParameterSource.DEFAULT


def refuse_all_but(needed: Collection[str], reason: str) -> None:
    """Refuse options of the present command that would be without effect.

    Args:
        needed: parameters that have one.
        reason: why the others have none.
    """
    needless = [
        "MODEL" if parameter.name == "models" else parameter.opts[0]
        for parameter in click.get_current_context().command.params
        if parameter.name not in needed and given(str(parameter.name))
    ]
    if needless:
        raise click.UsageError(f"{reason}: leave out {', '.join(needless)}")


@dataclass(frozen=True, kw_only=True)
class ConfigChoice:
    """``--config``, ``--data``, ``--set`` and ``--plugin``."""

    config: str
    root: Path | None
    settings: tuple[str, ...]
    plugins: tuple[Path, ...]

    def experiment(self, **changes: Any) -> Experiment:
        """The experiment, with further changes by dotted key; plugins are loaded first."""
        from bench.config import load_experiment
        from bench.registry.plugins import load_plugins

        load_plugins(self.plugins)
        if self.root is not None:
            changes["data.root"] = self.root
        return load_experiment(self.config, settings=self.settings, changes=changes)

    def data(self) -> DataConfig:
        """The experiment's data; of one level where it varies them."""
        from bench.config import one_data_config

        return one_data_config(self.experiment())


@dataclass(frozen=True, kw_only=True)
class LabelsChoice(ConfigChoice):
    """As :class:`ConfigChoice`; ``--data`` alone means ``nih_official``."""

    def experiment(self, **changes: Any) -> Experiment:
        """The experiment, with further changes by dotted key; plugins are loaded first."""
        if self.root is None or given("config"):
            return super().experiment(**changes)
        return ConfigChoice(**{**vars(self), "config": "nih_official"}).experiment(**changes)


@dataclass(frozen=True, kw_only=True)
class MatrixChoice(ConfigChoice):
    """A config, and what of it is trained: MODEL, ``--all``, ``--loss``, ``--seeds``, where."""

    models: tuple[str, ...]
    take_all: bool
    losses: tuple[str, ...]
    seeds: str | None
    device: str

    def experiment(self, *more_models: str, **changes: Any) -> Experiment:
        """The experiment with the models, losses and seeds that were chosen."""
        from bench.registry.models import select_models

        if self.losses:
            changes["losses"] = list(dict.fromkeys(self.losses))
        if self.seeds is not None:
            changes["seeds"] = parse_seeds(self.seeds)
        whole = super().experiment(**changes)
        models = select_models(
            (*self.models, *more_models), configured=whole.models, take_all=self.take_all
        )
        return whole.model_copy(update={"models": models})

    def experiments(self, *more_models: str, **changes: Any) -> list[Experiment]:
        """An experiment for each config: a MODEL that ends in ``.yaml`` or ``.yml`` is one."""
        files = [name for name in self.models if name.endswith((".yaml", ".yml"))]
        models = tuple(name for name in self.models if name not in files)
        configs = [self.config, *files] if not files or given("config") else files
        return [
            replace(self, config=config, models=models).experiment(*more_models, **changes)
            for config in dict.fromkeys(configs)
        ]

    def torch_device(self) -> torch.device:
        """The device to train on."""
        from bench.environment import pick_device

        return pick_device(self.device)

    def print_plan(self, experiment: Experiment) -> None:
        """Print the cells of an experiment with an estimate of their time."""
        from bench.planning.estimate import describe_plan

        for line in describe_plan(experiment, device=self.device):
            click.echo(line)


@dataclass(frozen=True, kw_only=True)
class ExecutorChoice:
    """``--executor``, ``--jobs`` and ``--address``."""

    executor: str
    jobs: int | None
    address: str | None

    def choose(self, experiments: Sequence[Experiment]) -> Executor:
        """The executor that was chosen, with the resources of the experiments."""
        from bench.execute.executors import Executor

        resources = experiments[0].execution
        if any(experiment.execution != resources for experiment in experiments):
            raise click.UsageError("the configs differ in execution: give it with --set")
        name: Any = self.executor
        return Executor(name=name, jobs=self.jobs, address=self.address, resources=resources)


@dataclass(frozen=True, kw_only=True)
class Trackers:
    """``--tensorboard``, ``--wandb`` and ``--mlflow``."""

    tensorboard: Path | None
    wandb: str | None
    mlflow: str | None

    @contextmanager
    def show(self, out: Path, **display: Any) -> Iterator[Progress]:
        """Display of the progress of work on the runs in ``out``, which the tools are told of.

        Args:
            out: where ``bench status`` finds how far it is.
        """
        from bench.progress import show_progress
        from bench.tracking.heartbeat import beating

        command = click.get_current_context().info_name or ""
        with (
            show_progress(**display) as progress,
            beating(progress, out, command=command) as beat,
        ):
            yield self._tracked(beat)

    def _tracked(self, progress: Progress) -> Progress:
        from bench.tracking import tracker

        if self.tensorboard is not None:
            progress = tracker.TensorBoard(progress, self.tensorboard)
        if self.wandb is not None:
            progress = tracker.WeightsAndBiases(progress, self.wandb)
        return progress if self.mlflow is None else tracker.MLflow(progress, self.mlflow)


@dataclass(frozen=True, kw_only=True)
class Watching(Trackers):
    """``--quiet``, ``--json-log`` and the trackers."""

    quiet: bool
    json_log: bool

    def __post_init__(self) -> None:
        if self.quiet and self.json_log:
            raise click.UsageError("--quiet and --json-log exclude one another")

    def progress(self, out: Path) -> AbstractContextManager[Progress]:
        """Display of the progress of work on the runs in ``out``."""
        return self.show(out, quiet=self.quiet, json_log=self.json_log)

    def end(self, out: Path) -> None:
        """Say where the table is to be had."""
        if not self.quiet and not self.json_log:
            click.echo(f"the table: {report_command(out)}")


def grouped(group: type, name: str, *options: Callable[[F], F]) -> Callable[[F], F]:
    """Decorator that adds options to a command, which gets them as one keyword.

    Args:
        group: dataclass whose fields are the options' names.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            chosen = group(**{field.name: keywords.pop(field.name) for field in fields(group)})
            return function(*arguments, **{name: chosen}, **keywords)

        for option in reversed(options):
            call = option(call)
        return call  # type: ignore[return-value]

    return decorate


def device_option(help: str) -> Callable[[F], F]:
    """The option ``--device``, with what it is of."""
    devices = click.Choice(["auto", "cpu", "cuda"])
    return click.option("--device", type=devices, default="auto", show_default=True, help=help)


plugin_option = click.option(
    "--plugin", "plugins", multiple=True, metavar="FILE", type=click.Path(path_type=Path),
    help="A Python file that registers models, losses or data sources. Repeats.",
)  # fmt: skip
data_option = click.option(
    "--data", "root", type=click.Path(path_type=Path), metavar="PATH",
    help="Folder or file of the images and labels (data.root).",
)  # fmt: skip
set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Change a key of the config (bench config show), such as train.lr=0.02. Repeats.",
    shell_complete=complete.settings,
)  # fmt: skip
_CONFIG = (
    click.option(
        "--config", default="demo", show_default=True, metavar="NAME|FILE",
        help="A shipped experiment (bench list configs) or a YAML file.",
        shell_complete=complete.configs,
    ),
    data_option,
    set_option,
    plugin_option,
)  # fmt: skip
loss_option = click.option(
    "--loss", "losses", multiple=True, metavar="NAME", help="A loss. Repeats.",
    shell_complete=complete.losses,
)  # fmt: skip
models_argument = click.argument(
    "models", nargs=-1, metavar="[MODEL]...", shell_complete=complete.models
)
tracker_options = (
    click.option(
        "--tensorboard", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
        help="Also write the curves into DIR, for tensorboard --logdir DIR.",
    ),
    click.option(
        "--wandb", metavar="PROJECT", help="Also log the curves to Weights & Biases."
    ),
    click.option(
        "--mlflow", metavar="URI",
        help="Also log the curves to MLflow, such as sqlite:///mlflow.db or http://HOST:5000.",
    ),
)  # fmt: skip
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print the cells and an estimate of the time; train nothing."
)
out_option = click.option(
    "--out", default=DEFAULT_OUT, show_default=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False), help="Folder of the runs.",
)  # fmt: skip

runs_option = click.option(
    "--runs", "folder", default=DEFAULT_OUT, show_default=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the runs, where --out is of something else.",
)  # fmt: skip

config_options = grouped(ConfigChoice, "config", *_CONFIG)
labels_options = grouped(LabelsChoice, "config", *_CONFIG)
matrix_options = grouped(
    MatrixChoice, "matrix", models_argument, *_CONFIG,
    click.option("--all", "take_all", is_flag=True, help="Every model of the config."),
    loss_option,
    click.option("--seeds", metavar="0,1,…", help="Seeds, one run each."),
    device_option("Device that networks are trained on."),
)  # fmt: skip
executor_options = grouped(
    ExecutorChoice, "executor",
    click.option(
        "--executor", type=click.Choice(["local", "processes", "ray", "slurm"]), default="local",
        show_default=True,
        help="Who trains: this process, one process a GPU (on a CPU --jobs of them), a Ray "
        "cluster, a job array of Slurm (docs/scaling.md).",
    ),
    click.option(
        "--jobs", type=click.IntRange(min=1), metavar="N",
        help="Workers at most. [default: one a GPU, or one a core; as many as there is room for "
        "with ray, one with slurm]",
    ),
    click.option(
        "--address", metavar="ADDRESS",
        help="Of a running Ray cluster, such as auto; with slurm, local tries the array on this "
        "machine. [default: a cluster that starts here]",
    ),
)  # fmt: skip
watching_options = grouped(
    Watching, "watching",
    click.option("--quiet", is_flag=True, help="Show only what failed."),
    *tracker_options,
    click.option("--json-log", is_flag=True, help="One JSON object a line instead of progress."),
)  # fmt: skip


def report_command(out: Path) -> str:
    """The command that prints the table of the runs in a folder."""
    where = "" if out == DEFAULT_OUT else f" --out {shlex.quote(str(out))}"
    return f"bench report markdown{where}"


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
