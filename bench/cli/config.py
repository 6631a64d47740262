"""``bench config``: the keys of an experiment."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bench.cli import complete
from bench.cli.options import ConfigChoice, data_option, plugin_option, set_option
from bench.cli.output import json_option, print_json


@click.group()
def config() -> None:
    """Show the keys of a config: value, default and meaning."""


@config.command()
@click.argument("name", required=False, metavar="[NAME|FILE]", shell_complete=complete.configs)
@data_option
@set_option
@plugin_option
@json_option
def show(
    name: str | None,
    *,
    root: Path | None,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Print every key with its value, its default where that differs, and its meaning.

    NAME is a shipped experiment (bench list configs) or a YAML file; without it, the defaults.
    """
    from bench.config import keys_of

    if name is None and (root or settings):
        raise click.UsageError("--data and --set change a config: name one")
    chosen = ConfigChoice(config=name or "", root=root, settings=settings, plugins=plugins)
    keys = keys_of(chosen.experiment() if name else None)
    if as_json:
        print_json([asdict(key) for key in keys])
        return
    for key in keys:
        value = "" if key.required and name is None else f" = {_yaml(key.value)}"
        note = ""
        if key.required:
            note = "  (required)"
        elif key.value != key.default:
            note = f"  (default {_yaml(key.default)})"
        click.echo(f"{key.name}{value}{note}")
        click.echo(textwrap.indent(textwrap.fill(key.meaning, 92), "    "))


def _yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()
