"""``bench list``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from bench.cli.options import config_options, load_config, load_plugins

KINDS = ("models", "losses", "tasks", "datasets", "configs")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(
    kind: str | None,
    patterns: tuple[str, ...],
    *,
    config: str,
    root: Path | None,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """List what is registered, by shell patterns such as 'resnet*'; without KIND, all of it.

    Parameters and multiply-adds of models are those at the config's image size; a model that
    cannot take it says why.
    """
    load_plugins(plugins)
    listed = {
        one: _models(patterns, config, root, settings)
        if one == "models"
        else _others(one, patterns)
        for one in ([kind] if kind else KINDS)
    }
    if as_json:
        click.echo(json.dumps(listed[kind] if kind else listed, indent=2))
        return
    for one, facts in listed.items():
        if kind is None:
            click.echo(f"\n{one}\n")
        if facts:
            _print_table(facts)
        else:
            click.echo(f"no {one} fit {' '.join(patterns)}", err=True)


def _models(
    patterns: tuple[str, ...], config: str, root: Path | None, settings: tuple[str, ...]
) -> list[dict[str, Any]]:
    from bench.costs import listed_costs, weights_here
    from bench.registry.models import match_models

    experiment = load_config(config, root, settings)
    size, channels = experiment.data.image_size, experiment.model.in_channels
    entries = match_models(patterns)
    costs = listed_costs(entries, in_channels=channels, outputs=2, image_size=size)
    here = weights_here(entries, weights_dir=experiment.model.weights_dir)
    facts = []
    for entry in entries:
        cost = costs[entry.name]
        refused = cost if isinstance(cost, str) else None
        facts.append(
            {
                "name": entry.name,
                "description": entry.description,
                "image_size": size,
                "in_channels": channels,
                "min_image_size": entry.min_image_size,
                "parameters": None if isinstance(cost, str) else cost.parameters,
                "multiply_adds": None if isinstance(cost, str) else cost.multiply_adds,
                "refused": refused,
                "weights_here": here[entry.name],
                "source": entry.source,
            }
        )
    return facts


def _others(kind: str, patterns: tuple[str, ...]) -> list[dict[str, Any]]:
    from bench.registry import DATASETS, LOSSES

    if kind == "configs":
        return _configs(patterns)
    if kind == "tasks":
        return _tasks(patterns)
    entries = LOSSES.match(patterns) if kind == "losses" else DATASETS.match(patterns)
    return [
        {"name": entry.name, "description": entry.description, "source": entry.source}
        for entry in entries
    ]


def _configs(patterns: tuple[str, ...]) -> list[dict[str, Any]]:
    from fnmatch import fnmatchcase

    from bench.config import load_experiment, shipped_names

    names = [n for n in shipped_names() if not patterns or any(fnmatchcase(n, p) for p in patterns)]
    return [
        {"name": name, "description": load_experiment(name).description, "source": "built in"}
        for name in names
    ]


def _tasks(patterns: tuple[str, ...]) -> list[dict[str, Any]]:
    from fnmatch import fnmatchcase

    from bench.data.tasks import TASKS, make_task

    names = [n for n in TASKS if not patterns or any(fnmatchcase(n, p) for p in patterns)]
    return [
        {"name": name, "description": make_task(name).question, "source": "built in"}
        for name in names
    ]


def _print_table(facts: list[dict[str, Any]]) -> None:
    from tabulate import tabulate

    if "parameters" not in facts[0]:
        rows = [[f["name"], f["description"]] for f in facts]
        click.echo(tabulate(rows, headers=["name", "description"], tablefmt="simple"))
        return
    size = facts[0]["image_size"]
    yes_or_no = {True: "yes", False: "no", None: "–"}
    rows = [
        [
            f["name"],
            "–" if f["refused"] else f"{f['parameters']:,}",
            "–" if f["refused"] else _big(f["multiply_adds"]),
            yes_or_no[f["weights_here"]],
            f["refused"] or f["description"],
        ]
        for f in facts
    ]
    heads = ["name", "parameters", f"multiply-adds at {size} px", "weights here", "description"]
    click.echo(
        tabulate(
            rows,
            headers=heads,
            tablefmt="simple",
            disable_numparse=True,
            colalign=("left", "right", "right", "left", "left"),
        )
    )


def _big(number: int) -> str:
    """``3.1 G``, ``56 M``, ``870 k``."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            value = number / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return str(number)
