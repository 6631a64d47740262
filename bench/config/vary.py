"""The plain experiments that an experiment with varied settings consists of."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

from pydantic import ValidationError

from bench.config.dotted import path_of, value_at, with_value
from bench.config.problems import one_line
from bench.config.recipes import switched
from bench.config.schema import DataConfig, Experiment
from bench.errors import InputError


def expand(experiment: Experiment) -> tuple[Experiment, ...]:
    """One experiment without ``vary`` for each combination of the levels, in their order."""
    if not experiment.vary:
        return (experiment,)
    for key, levels in experiment.vary.items():
        texts = [repr(level) for level in levels]
        if not levels or len(set(texts)) < len(texts):
            raise InputError(
                f"vary.{key}: "
                + ("give at least one level" if not levels else "a level is there twice")
            )
    tree = experiment.model_dump(mode="python", exclude={"vary", "question"})
    expanded = []
    for levels in product(*experiment.vary.values()):
        changes = dict(zip(experiment.vary, levels, strict=True))
        recipe = changes.get("train.recipe", experiment.train.recipe)
        changed = {**tree, "train": switched(tree["train"], recipe)}
        for key, level in changes.items():
            changed = with_value(changed, path_of(key, level), level)
        try:
            plain = Experiment.model_validate(changed)
        except ValidationError as error:
            raise InputError(f"vary: {one_line(error, Experiment)}") from None
        expanded.append(plain)
    return tuple(expanded)


def one_data_config(experiment: Experiment) -> DataConfig:
    """The data of an experiment that has one level of them."""
    found = [plain.data for plain in expand(experiment)]
    if any(data != found[0] for data in found):
        varied = [
            key
            for key, levels in experiment.vary.items()
            if key.startswith("data.") and len(levels) > 1
        ]
        data = found[0].model_dump(mode="json")
        first = " ".join(
            f"--set 'vary.{key}={json.dumps([value_at(data, key.split('.')[1:])])}'"
            for key in varied
        )
        raise InputError(
            f"config {experiment.name} varies {' and '.join(varied)}: choose one level, such as "
            f"{first}"
        )
    return found[0]


def missing_references(experiment: Experiment) -> list[str]:
    """A line for each factor of the question whose reference is none of the levels.

    No error: a command may run some of the levels now and another the reference later.
    """
    levels: dict[str, tuple[Any, ...]] = {
        "model": experiment.models,
        "loss": experiment.losses,
        **experiment.vary,
    }
    return [
        f"question: {factor.key} is compared with {factor.reference}, which is none of its levels "
        f"here ({', '.join(map(str, levels[factor.key]))}): there is no answer before it is run too"
        for factor in (experiment.question.factors if experiment.question else ())
        if factor.reference not in levels[factor.key]
    ]


def levels_of(experiment: Experiment, plain: Experiment) -> dict[str, Any]:
    """Levels that tell a plain experiment from its siblings: ``{"data.image_size": 64}``.

    Args:
        experiment: with ``vary``; what it does not vary is left out.
        plain: one of those that :func:`expand` made of it.
    """
    tree = plain.model_dump(mode="json")
    return {key: value_at(tree, path_of(key)) for key in experiment.vary}
