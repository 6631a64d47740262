"""Commands and facts to run a row again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.evaluate.results import Row
from bench.report.formatting import count
from bench.runs.cells import NetworkSettings
from bench.runs.checksums import EXPERIMENT


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Recipe to run a row again.

    Attributes:
        command: to type in the folder above the runs, a line for each run; "" where the
            experiment is not kept.
        digest: SHA-256 of the file of imported predictions; "" for others.
        plugin: whether a plugin registered the model or the loss.
        facts: folders, commits, versions, devices and dates, by name.
    """

    row: Row
    command: str
    digest: str
    plugin: bool
    settings: str
    facts: dict[str, str]


def recipe(row: Row) -> Recipe:
    """The recipe of a row with at least one finished run."""
    first = row.runs[0]
    settings = first.cell.settings
    environments = [run.environment for run in row.runs]
    facts = {
        "runs": [run.name for run in row.runs],
        "commit": [each.commit or "unknown" for each in environments],
        "versions": [
            ", ".join(f"{name} {version}" for name, version in each.versions.items())
            for each in environments
        ],
        "device": [
            f"{each.device}, {count(each.threads, 'thread')}, {each.platform}"
            for each in environments
        ],
        "date": [each.date[:10] for each in environments],
    }
    return Recipe(
        row=row,
        command=_command(row),
        digest=first.imported.digest if first.imported else "",
        plugin=isinstance(settings, NetworkSettings)
        and bool(settings.model.code or settings.loss.code),
        settings=yaml.safe_dump(
            settings.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True
        ),
        facts={name: "; ".join(dict.fromkeys(values)) for name, values in facts.items()},
    )


def _command(row: Row) -> str:
    folder = row.runs[0].folder
    if not (folder / EXPERIMENT).is_file():
        return ""
    # An absolute path tells more of a machine than of a run.
    shown = Path(folder.parent.name, folder.name) if folder.is_absolute() else folder
    if row.kind in ("network", "control"):
        return "\n".join(
            shlex.join(["bench", "reproduce", str(shown.with_name(run.name))]) for run in row.runs
        )
    config = ["--config", str(shown / EXPERIMENT)]
    if (source := row.runs[0].imported) is not None:
        choices = {
            "--combine": source.combine,
            "--image-column": source.image_column,
            "--score-column": source.score_column,
        }
        given = [part for name, value in choices.items() if value for part in (name, value)]
        return shlex.join(["bench", "import", source.file, "--as", row.model, *given, *config])
    seeds = ",".join(map(str, row.seeds))
    # A cascade without a network comes with the others.
    choice = [row.model, "--loss", row.loss, "--seeds", seeds] if row.loss else ["--all"]
    return shlex.join(["bench", "cascade", *choice, *config])
