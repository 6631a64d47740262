"""Completion in the shell of models, losses, configs and keys; imports neither torch nor timm."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from click import Context, Parameter

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    Completer = Callable[[Context, Parameter, str], list[CompletionItem]]


def models(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the registered networks."""
    from bench.registry import MODELS

    return _beginning(incomplete, ((entry.name, entry.description) for entry in MODELS))


def losses(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the registered losses."""
    from bench.registry import LOSSES

    return _beginning(incomplete, ((entry.name, entry.description) for entry in LOSSES))


def configs(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the shipped experiments; files where none begins so."""
    from click.shell_completion import CompletionItem

    from bench.config import shipped_names

    found = _beginning(incomplete, ((name, "") for name in shipped_names()))
    return found or [CompletionItem(incomplete, type="file")]


def settings(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Keys of the config, for ``KEY=VALUE``."""
    from bench.config import keys_of

    return _beginning(incomplete, ((f"{key.name}=", key.meaning) for key in keys_of()))


def listed(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the kind that ``bench list`` is asked for."""
    kinds: dict[str, Completer] = {"models": models, "losses": losses, "configs": configs}
    complete = kinds.get(str(context.params.get("kind")))
    return complete(context, parameter, incomplete) if complete else []


def runs(context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the runs in ``--runs`` or ``--out``; files and folders where none begins so."""
    from click.shell_completion import CompletionItem

    from bench.runs.find import known

    given = context.params.get("folder"), context.params.get("out")
    out = next((path for path in given if isinstance(path, Path)), Path("results/runs"))
    found = _beginning(incomplete, ((name, "") for name in known(out)))
    return found or [CompletionItem(incomplete, type="file")]


def _beginning(incomplete: str, items: Iterable[tuple[str, str]]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=text) for name, text in items if name.startswith(incomplete)]
