"""What is searched for one model in one experiment, and what a point of it means."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bench.config import Experiment
from bench.config.problems import one_line
from bench.costs import check_answer
from bench.data.tasks import Task
from bench.errors import InputError
from bench.registry import Dimension, ModelEntry, SearchSpace, find_model
from bench.registry.search import OPTIONS, POLICY, Scalar


@dataclass(frozen=True, kw_only=True)
class Space:
    """The search space of one model with one loss.

    Attributes:
        base: the experiment of that model and loss alone, whose settings hold where none are
            searched.
        dimensions: by dotted key, at least one, in the order in which they are drawn.
    """

    base: Experiment
    dimensions: SearchSpace

    def at(self, point: Mapping[str, Scalar]) -> Experiment:
        """The experiment at a point of the space.

        Raises:
            InputError: the settings do not go together.
        """
        tree = self.base.model_dump(mode="python")
        for key, value in point.items():
            # An option's own name may hold no dot, a model's may (`timm:resnet18.a1_in1k`).
            path = [*OPTIONS.split(".")[:2], self.base.models[0]] if _is_option(key) else []
            path += key.split(".")[:-1] if not path else []
            branch = tree
            for part in path:
                branch = branch.setdefault(part, {})
            branch[key.rpartition(".")[2]] = value
        try:
            return Experiment.model_validate(tree)
        except ValidationError as error:
            keys = ", ".join(point)
            raise InputError(
                f"{self.base.models[0]}: searching {keys}: {one_line(error, Experiment)}"
            ) from None

    def start(self) -> dict[str, Scalar]:
        """Where the search begins: the experiment's own settings, or what is nearest to them."""
        entry = find_model(self.base.models[0])
        tree = self.base.model_dump(mode="python")
        return {
            key: dimension.nearest(_present_value(tree, key, entry))
            for key, dimension in self.dimensions.items()
        }

    def in_words(self) -> dict[str, str]:
        """Each dimension as text, by its key."""
        return {key: str(dimension) for key, dimension in self.dimensions.items()}


def make_space(
    experiment: Experiment, *, model: str, loss: str, fixed: Collection[str], task: Task
) -> Space:
    """The search space of one model and loss of an experiment, checked at its ends.

    Args:
        experiment: without ``vary``.
        model, loss: among its own.
        fixed: dotted keys that stay as they are, such as ``train.momentum`` or ``model.options``.
        task: the experiment's.

    Raises:
        InputError: the model declares a key or value that its settings do not take, or nothing
            is left to search.
    """
    entry = find_model(model)
    base = experiment.model_copy(update={"models": (model,), "losses": (loss,), "question": None})
    dimensions = {
        key: dimension
        for key, dimension in entry.search_space.items()
        if not any(key == one or key.startswith(f"{one}.") for one in fixed)
        and (key != POLICY.key or (entry.timm_name and experiment.model.pretrained))
    }
    if not dimensions:
        raise InputError(
            f"nothing is left to search for {model}: fix fewer of its keys with --set "
            f"({', '.join(entry.search_space) or 'it declares none'})"
        )
    space = Space(base=base, dimensions=dimensions)
    for key, dimension in dimensions.items():
        _check(space, key, dimension, entry, task)
    return space


def _check(space: Space, key: str, dimension: Dimension, entry: ModelEntry, task: Task) -> None:
    """Try the ends of a dimension, so that no trial fails for a misspelt key or a wrong range."""
    for value in dimension.examples:
        experiment = space.at({key: value})
        if _is_option(key):
            try:
                check_answer(
                    entry,
                    in_channels=experiment.model.in_channels,
                    outputs=len(task.classes),
                    image_size=experiment.data.image_size,
                    options=experiment.model.options[entry.name],
                )
            except InputError as error:
                raise InputError(f"{entry.name}: searching {key}={value}: {error}") from None


def _is_option(key: str) -> bool:
    return key.startswith(OPTIONS)


def _present_value(tree: Mapping[str, Any], key: str, entry: ModelEntry) -> Any:
    if _is_option(key):
        name = key.rpartition(".")[2]
        options = tree["model"]["options"].get(entry.name, {})
        parameter = inspect.signature(entry.factory).parameters.get(name)
        return options.get(name, parameter.default if parameter else None)
    branch: Any = tree
    for part in key.split("."):
        branch = branch[part]
    return branch
