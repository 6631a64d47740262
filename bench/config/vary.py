"""From an experiment that varies settings to the plain experiments it consists of."""

from __future__ import annotations

from itertools import product
from typing import Any

from pydantic import ValidationError

from bench.config.problems import one_line
from bench.config.schema import Experiment
from bench.errors import InputError


def expand(experiment: Experiment) -> tuple[Experiment, ...]:
    """One experiment without ``vary`` for each combination of the levels, in their order.

    Raises:
        InputError: a key that is no setting, a level that its setting does not take, a level
            given twice, or none at all.
    """
    if not experiment.vary:
        return (experiment,)
    for key, levels in experiment.vary.items():
        texts = [repr(level) for level in levels]
        if not levels or len(set(texts)) < len(texts):
            raise InputError(
                f"vary.{key}: give each level once, such as --set 'vary.{key}=[{', '.join(texts)}]'"
            )
    tree = experiment.model_dump(mode="python", exclude={"vary", "question"})
    expanded = []
    for levels in product(*experiment.vary.values()):
        changed = tree
        for key, level in zip(experiment.vary, levels, strict=True):
            changed = _with(changed, key.split("."), level)
        try:
            plain = Experiment.model_validate(changed)
        except ValidationError as error:
            raise InputError(f"vary: {one_line(error, Experiment)}") from None
        expanded.append(plain)
    return tuple(expanded)


def _with(tree: Any, path: list[str], value: Any) -> dict[str, Any]:
    """A copy of nested mappings with one value set; mappings that are missing are made."""
    key, *rest = path
    branch = dict(tree) if isinstance(tree, dict) else {}
    branch[key] = _with(branch.get(key), rest, value) if rest else value
    return branch


def levels_of(experiment: Experiment, plain: Experiment) -> dict[str, Any]:
    """What tells a plain experiment from its siblings: ``{"data.image_size": 64}``.

    Args:
        experiment: with ``vary``; what it does not vary is left out.
        plain: one of those that :func:`expand` made of it.
    """
    tree = plain.model_dump(mode="json")
    return {key: _at(tree, key) for key in experiment.vary}


def _at(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree[part]
    return tree
