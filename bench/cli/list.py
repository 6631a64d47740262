"""``bench list``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import click

from bench.cli import complete
from bench.cli.options import ConfigChoice, config_options
from bench.cli.output import json_option, print_json
from bench.text import plain_table

KINDS = ("models", "losses", "tasks", "datasets", "configs")
Facts = dict[str, Any]


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
    listed = {
        name: _models(patterns, config) if name == "models" else _described(name, patterns)
        for name in ([kind] if kind else KINDS)
    }
    if as_json:
        print_json(listed[kind] if kind else listed)
        return
    for name, facts in listed.items():
        if kind is None:
            click.echo(f"\n{name}\n")
        if not facts:
            click.echo(f"no {name} fit {' '.join(patterns)}", err=True)
        elif name == "models":
            _print_models(facts)
        else:
            rows = [{head: f[head] for head in ("name", "description")} for f in facts]
            click.echo(plain_table(rows))


def _models(patterns: tuple[str, ...], config: ConfigChoice) -> list[Facts]:
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
    facts = []
    for entry in entries:
        cost = costs[entry.name]
        refused = cost if isinstance(cost, str) else None
        facts.append(
            {
                "name": entry.name,
                "description": entry.description,
                "image_size": shape.image_size,
                "in_channels": shape.in_channels,
                "min_image_size": entry.min_image_size,
                "parameters": None if isinstance(cost, str) else cost.parameters,
                "multiply_adds": None if isinstance(cost, str) else cost.multiply_adds,
                "refused": refused,
                "weights_here": here[entry.name],
                "source": entry.source,
            }
        )
    return facts


def _described(kind: str, patterns: tuple[str, ...]) -> list[Facts]:
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
        {"name": name, "description": description, "source": source}
        for name, description, source in rows
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def _print_models(facts: list[Facts]) -> None:
    multiply_adds = f"multiply-adds at {facts[0]['image_size']} px"
    rows = [
        {
            "name": f["name"],
            "parameters": "–" if f["refused"] else f"{f['parameters']:,}",
            multiply_adds: "–" if f["refused"] else _big(f["multiply_adds"]),
            "weights here": {True: "yes", False: "no", None: "–"}[f["weights_here"]],
            "description": f["refused"] or f["description"],
        }
        for f in facts
    ]
    click.echo(plain_table(rows, numbers=("parameters", multiply_adds)))


def _big(number: int) -> str:
    """``3.1 G``, ``56 M``, ``870 k``."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            value = number / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return str(number)
