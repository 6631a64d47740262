"""``bench list``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

import click

from bench.cli import complete
from bench.cli.options import ConfigChoice, config_options
from bench.cli.output import json_option, print_json
from bench.text import plain_table

KINDS = ("models", "losses", "tasks", "datasets", "configs")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A registered thing, or a task or config."""

    name: str
    description: str
    source: str


@dataclass(frozen=True, kw_only=True)
class ListedModel(Listed):
    """A network at an input size; where it is refused, the reason stands for its costs."""

    image_size: int
    in_channels: int
    min_image_size: int
    parameters: int | None
    multiply_adds: int | None
    refused: str | None
    weights_here: bool | None


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...", shell_complete=complete.listed)
@config_options
@json_option
def list_command(
    kind: str | None, patterns: tuple[str, ...], *, config: ConfigChoice, as_json: bool
) -> None:
    """List what is registered, by shell patterns such as 'resnet*'; without KIND, all of it.

    'timm:resnet3*' picks among all of timm's networks. Parameters and multiply-adds of models are
    those at the config's image size; a model that cannot take it says why.
    """
    from bench.registry.plugins import load_plugins

    load_plugins(config.plugins)
    listed: dict[str, Sequence[Listed]] = {
        name: _models(patterns, config) if name == "models" else _described(name, patterns)
        for name in ([kind] if kind else KINDS)
    }
    if as_json:
        found = {name: [asdict(each) for each in all_] for name, all_ in listed.items()}
        print_json(found[kind] if kind else found)
        return
    for name, entries in listed.items():
        if kind is None:
            click.echo(f"\n{name}\n")
        if not entries:
            click.echo(f"no {name} fit {' '.join(patterns)}", err=True)
            continue
        rows = [_row(entry) for entry in entries]
        numbers = [head for head in rows[0] if head.startswith(("parameters", "multiply-adds"))]
        click.echo(plain_table(rows, numbers=numbers))


def _models(patterns: tuple[str, ...], config: ConfigChoice) -> list[ListedModel]:
    import sys

    from bench.progress import show_progress
    from bench.registry.costs import listed_costs, weights_here
    from bench.registry.models import NetworkShape, match_models

    experiment = config.experiment()
    shape = NetworkShape(
        in_channels=experiment.model.in_channels, outputs=2, image_size=experiment.data.image_size
    )
    entries = match_models(patterns)
    with show_progress(stream=sys.stderr) as progress:
        costs = listed_costs(
            entries,
            shape,
            on_counted=lambda done: progress.advance("models counted", done, len(entries)),
        )
    here = weights_here(entries, weights_dir=experiment.model.weights_dir)
    return [
        ListedModel(
            name=entry.name,
            description=entry.description,
            source=entry.source,
            image_size=shape.image_size,
            in_channels=shape.in_channels,
            min_image_size=entry.min_image_size,
            parameters=None if isinstance(cost, str) else cost.parameters,
            multiply_adds=None if isinstance(cost, str) else cost.multiply_adds,
            refused=cost if isinstance(cost, str) else None,
            weights_here=here[entry.name],
        )
        for entry in entries
        for cost in (costs[entry.name],)
    ]


def _described(kind: str, patterns: tuple[str, ...]) -> list[Listed]:
    """Names, descriptions and sources of what is no model."""
    from bench.config import load_experiment, shipped_names
    from bench.data.tasks import TASKS, make_task
    from bench.registry import DATASETS, LOSSES

    rows: list[tuple[str, str, str]]
    if kind == "configs":
        rows = [(name, load_experiment(name).description, "built in") for name in shipped_names()]
    elif kind == "tasks":
        rows = [(name, make_task(name).question, "built in") for name in TASKS]
    else:
        entries = LOSSES if kind == "losses" else DATASETS
        rows = [(entry.name, entry.description, entry.source) for entry in entries]
    return [
        Listed(name=name, description=description, source=source)
        for name, description, source in rows
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def _row(entry: Listed) -> dict[str, str]:
    if not isinstance(entry, ListedModel):
        return {"name": entry.name, "description": entry.description}
    return {
        "name": entry.name,
        "parameters": "–" if entry.parameters is None else f"{entry.parameters:,}",
        f"multiply-adds at {entry.image_size} px": (
            "–" if entry.multiply_adds is None else _big(entry.multiply_adds)
        ),
        "weights here": {True: "yes", False: "no", None: "–"}[entry.weights_here],
        "description": entry.refused or entry.description,
    }


def _big(number: int) -> str:
    """``3.1 G``, ``56 M``, ``870 k``."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            value = number / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return str(number)
