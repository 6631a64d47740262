"""Search space of one model in one experiment, and the settings at a point of it."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, IntDistribution
from pydantic import ValidationError

from bench.config import Experiment
from bench.config.problems import one_line
from bench.data.tasks import Task
from bench.errors import InputError
from bench.registry import ModelEntry, find_model
from bench.registry.costs import check_answer
from bench.registry.search import OPTIONS, POLICY, Scalar

if TYPE_CHECKING:
    from bench.registry.search import Distribution, SearchSpace


@dataclass(frozen=True, kw_only=True)
class Space:
    """The search space of one model with one loss.

    Attributes:
        base: the experiment of that model and loss alone, whose settings hold where none are
            searched.
        distributions: by dotted key, at least one, in the order in which they are drawn.
    """

    base: Experiment
    distributions: SearchSpace

    @property
    def name(self) -> str:
        """``cxnet_m1 sin``, for people."""
        return f"{self.base.models[0]} {self.base.losses[0]}"

    def at(self, point: Mapping[str, Scalar]) -> Experiment:
        """The experiment with the settings of a point.

        Raises:
            InputError: the settings do not go together.
        """
        tree = self.base.model_dump(mode="python")
        for key, value in point.items():
            *parents, name = self._path(key)
            branch = tree
            for parent in parents:
                branch = branch.setdefault(parent, {})
            branch[name] = value
        try:
            return Experiment.model_validate(tree)
        except ValidationError as error:
            raise InputError(
                f"{self.base.models[0]}: searching {', '.join(point)}: "
                f"{one_line(error, Experiment)}"
            ) from None

    def start(self) -> dict[str, Scalar]:
        """First point of the search: the experiment's own settings, or the nearest to them."""
        model = self.base.models[0]
        parameters = inspect.signature(find_model(model).factory).parameters
        options = {name: parameter.default for name, parameter in parameters.items()}
        tree = self.base.model_dump(mode="python")
        tree["model"]["options"][model] = options | tree["model"]["options"].get(model, {})
        return {
            key: nearest(distribution, reduce(getitem, self._path(key), tree))
            for key, distribution in self.distributions.items()
        }

    def _path(self, key: str) -> list[str]:
        """Nested keys of a dotted one; a model's name may hold dots, an option's may not."""
        if key.startswith(OPTIONS):
            return ["model", "options", self.base.models[0], key.rpartition(".")[2]]
        return key.split(".")

    def described(self) -> dict[str, str]:
        """Each distribution as text, by its key."""
        return {key: described(value) for key, value in self.distributions.items()}


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
    declared = entry.search_space
    distributions = {
        key: distribution
        for key, distribution in declared.items()
        if not any(key == name or key.startswith(f"{name}.") for name in fixed)
        and (key != POLICY or (entry.timm_name and experiment.model.pretrained))
    }
    if not distributions:
        raise InputError(
            f"nothing is left to search for {model}: fix fewer of its keys "
            f"({', '.join(declared) or 'it declares none'})"
        )
    space = Space(base=base, distributions=distributions)
    for key, distribution in distributions.items():
        _check(space, key, distribution, entry, task)
    return space


def nearest(distribution: Distribution, value: Any) -> Scalar:
    """The value of a distribution that is nearest to a setting.

    Of choices it is the setting itself, or the first of them.
    """
    if isinstance(distribution, CategoricalDistribution):
        choices = distribution.choices
        return next((choice for choice in choices if choice == value), choices[0])
    low, high, step = distribution.low, distribution.high, distribution.step
    number = min(max(float(value) if isinstance(value, int | float) else low, low), high)
    if step:
        number = low + round((number - low) / step) * step
    return round(number) if isinstance(distribution, IntDistribution) else float(number)


def described(distribution: Distribution) -> str:
    """A distribution in words: ``0.0001 to 0.1, log``, ``1 to 4, whole`` or ``2.0 or 5.0``."""
    if isinstance(distribution, CategoricalDistribution):
        *others, last = map(str, distribution.choices)
        return f"{', '.join(others)} or {last}" if others else last
    text = f"{distribution.low:g} to {distribution.high:g}"
    if isinstance(distribution, IntDistribution):
        text = f"{distribution.low} to {distribution.high}, whole"
    if distribution.step and distribution.step != 1:
        text += f", in steps of {distribution.step:g}"
    return text + (", log" if distribution.log else "")


def _check(
    space: Space, key: str, distribution: Distribution, entry: ModelEntry, task: Task
) -> None:
    """Try the ends of a range, or all choices, so that no trial fails for a wrong key or value."""
    if isinstance(distribution, CategoricalDistribution):
        values = distribution.choices
    else:
        values = (distribution.low, distribution.high)
    for value in values:
        experiment = space.at({key: value})
        if not key.startswith(OPTIONS):
            continue
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
