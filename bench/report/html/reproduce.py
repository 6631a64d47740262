"""How to make a row of a table again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.environment import EnvironmentRecord
from bench.evaluate.results import Row


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to make a row again.

    Attributes:
        name: the row's.
        command: to type in the folder that the runs lie below; "" where there is none.
        note: what the command needs, or why there is none.
        settings: of its runs, as YAML.
        facts: name and value: folders, commits, versions, devices, dates.
    """

    name: str
    command: str
    note: str
    settings: str
    facts: tuple[tuple[str, str], ...]


def recipe(row: Row) -> Recipe:
    """How to make a row again.

    Args:
        row: with at least one run that finished.
    """
    first = row.runs[0]
    command, note = _command(row, first.folder)
    environments = [run.environment for run in row.runs]
    return Recipe(
        name=f"{row.name}{', ' if row.settings else ''}{row.settings}",
        command=command,
        note=note,
        settings=yaml.safe_dump(
            first.cell.settings.model_dump(mode="json", exclude_none=True),
            sort_keys=False,
            allow_unicode=True,
        ),
        facts=(
            ("runs", _distinct(run.folder.name for run in row.runs)),
            ("commit", _distinct(one.commit or "unknown" for one in environments)),
            ("versions", _distinct(_versions(one) for one in environments)),
            ("device", _distinct(f"{one.device}, {one.platform}" for one in environments)),
            ("date", _distinct(one.date[:10] for one in environments)),
        ),
    )


def _command(row: Row, folder: Path) -> tuple[str, str]:
    experiment = folder / "experiment.yaml"
    if not experiment.is_file():
        return "", "The experiment that it was part of is not kept with its run."
    # An absolute path says more of a machine than of a run.
    shown = Path(folder.parent.name, folder.name) if folder.is_absolute() else folder
    config = ["--config", str(shown / experiment.name)]
    if (told := row.runs[0].imported) is not None:
        options = ["--combine", told.combine] if told.combine else []
        options += ["--on", told.on]
        return (
            shlex.join(["bench", "import", told.file, "--as", row.model, *options, *config]),
            f"With the file whose SHA-256 is {told.digest}.",
        )
    if row.kind == "control":
        return shlex.join(
            ["bench", "run", "--all", *config]
        ), "Controls are made with every network."
    seeds = ",".join(map(str, row.seeds))
    note = "Add --data DIR where the images lie elsewhere."
    network = row.runs[0].cell.network
    if network.model.code or network.loss_code:
        note += " Add --plugin FILE with the plugin that registered it."
    return (
        shlex.join(["bench", "run", row.model, "--loss", row.loss, "--seeds", seeds, *config]),
        note,
    )


def _versions(environment: EnvironmentRecord) -> str:
    return ", ".join(f"{name} {version}" for name, version in environment.versions.items())


def _distinct(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))
