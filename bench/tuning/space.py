"""Search space of one model with one loss, and the settings at a point of it.

The recipe is drawn first, then its own dimensions, under names that carry it:
``{"train.recipe": "modern", "modern: train.lr": 0.0003}``.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from optuna import Trial
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import ValidationError

from bench.config import Experiment, TrainConfig
from bench.config.dotted import path_of, value_at, with_value
from bench.config.problems import one_line
from bench.config.recipes import Recipe, switched
from bench.config.search import SHIPPED, Dimension
from bench.data.tasks import Task
from bench.errors import InputError
from bench.execute.preflight import network_shape
from bench.registry import LOSSES, ModelEntry, find_model
from bench.registry.costs import check_answer
from bench.registry.models import is_pattern
from bench.registry.search import LOSS_OPTIONS, OPTIONS, POLICY, Scalar
from bench.tuning.sampling import RECIPE, suggest

if TYPE_CHECKING:
    from bench.registry.search import Distribution, SearchSpace

# Keys that mean nothing to a network that starts from scratch.
FINE_TUNING = (POLICY, "train.layer_decay")


@dataclass(frozen=True, kw_only=True)
class Space:
    """The search space of one model with one loss."""

    # The experiment of that model and loss alone, whose settings hold where none are searched.
    base: Experiment
    # Distributions by recipe and dotted key; the experiment's own recipe first, where it is
    # searched.
    dimensions: Mapping[Recipe, SearchSpace]
    fixed: Sequence[str] = ()  # dotted keys that keep the experiment's value under every recipe

    @property
    def name(self) -> str:
        """``cxnet_m1 sin``, for people."""
        return f"{self.base.models[0]} {self.base.losses[0]}"

    @property
    def distributions(self) -> dict[str, Distribution]:
        """All parameters of a study by name, though a trial has those of one recipe."""
        recipes = tuple(self.dimensions)
        found: dict[str, Distribution] = {}
        if len(recipes) > 1:
            found[RECIPE] = CategoricalDistribution(recipes)
        for recipe, dimensions in self.dimensions.items():
            found |= {f"{recipe}: {key}": value for key, value in dimensions.items()}
        return found

    def draw(self, trial: Trial) -> None:
        """Draw the recipe, then its parameters, where a trial does not have them yet."""
        recipes = tuple(self.dimensions)
        recipe = recipes[0]
        if len(recipes) > 1:
            recipe = cast("Recipe", trial.suggest_categorical(RECIPE, recipes))
        own = self.dimensions[recipe].items()
        suggest(trial, {f"{recipe}: {key}": distribution for key, distribution in own})

    def at(self, point: Mapping[str, Scalar]) -> Experiment:
        """The experiment with the settings of a point, in the names of a trial."""
        settings = settings_at(point)
        tree = self.base.model_dump(mode="python")
        base_train = tree["train"]
        recipe = settings.pop(RECIPE, next(iter(self.dimensions)))
        tree["train"] = switched(base_train, recipe)
        if recipe != self.base.train.recipe:
            for key in self.fixed:
                if key.startswith("train."):
                    path = key.split(".")
                    tree = with_value(tree, path, value_at(base_train, path[1:]))
        for key, value in settings.items():
            tree = with_value(tree, path_of(key), value)
        try:
            return Experiment.model_validate(tree)
        except ValidationError as error:
            raise InputError(
                f"{self.base.models[0]}: searching {', '.join(settings)}: "
                f"{one_line(error, Experiment)}"
            ) from None

    def starts(self) -> tuple[list[dict[str, Scalar]], list[str]]:
        """First point of each recipe, and a line for each value that is not in the space.

        The experiment's own settings are the first point of its recipe; another recipe starts
        from its own values. Where one is outside its range or choices, the nearest is taken.
        """
        points, notes = [], []
        if self.base.train.recipe not in self.dimensions:
            notes.append(
                f"the config's recipe {self.base.train.recipe} is not searched: the first trial "
                f"has the values of {next(iter(self.dimensions))}"
            )
        for recipe, dimensions in self.dimensions.items():
            point: dict[str, Scalar] = {RECIPE: recipe} if len(self.dimensions) > 1 else {}
            for key, distribution in dimensions.items():
                name, path = f"{recipe}: {key}", path_of(key)
                value = self._value({RECIPE: recipe}, path)
                if isinstance(distribution, CategoricalDistribution):
                    near = next(
                        (
                            choice
                            for choice in distribution.choices
                            if self._value({RECIPE: recipe, name: choice}, path) == value
                        ),
                        None,
                    )
                    is_inside = near is not None or value is None
                    near = near if is_inside else distribution.choices[0]
                else:
                    near = nearest(distribution, value)
                    is_inside = near == value
                point[name] = near
                if not is_inside:
                    notes.append(
                        f"search: the first trial of {recipe} has {key}={near} instead of {value}, "
                        f"which is outside {described(distribution)}"
                    )
            points.append(point)
        return points, notes

    def described(self) -> dict[str, str]:
        """Each distribution as text, by its name."""
        return {name: described(value) for name, value in self.distributions.items()}

    def _value(self, point: Mapping[str, Scalar], path: Sequence[str]) -> Any:
        """A setting at a point; of options that are not set, the default of what takes them."""
        tree = self.at(point).model_dump(mode="python")
        model, loss = self.base.models[0], self.base.losses[0]
        for branch, name, factory in (
            ("model", model, find_model(model).factory),
            ("loss", loss, LOSSES.get(loss).factory),
        ):
            parameters = inspect.signature(factory).parameters.values()
            defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
            options = tree[branch]["options"]
            options[name] = defaults | options.get(name, {})
        with suppress(KeyError):
            return value_at(tree, path)
        return None


def settings_at(point: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The settings of a point by dotted key, without the recipe in their names."""
    return {name.rpartition(": ")[2]: value for name, value in point.items()}


def declare_space(
    experiment: Experiment, *, model: str, loss: str, fixed: Collection[str], task: Task
) -> Space:
    """The search space of one model and loss of an experiment, before its ends are tried.

    Args:
        experiment: without ``vary``.
        fixed: dotted keys that stay as they are, such as ``train.momentum`` or ``model.options``.
    """
    entry = find_model(model)
    base = experiment.model_copy(update={"models": (model,), "losses": (loss,), "question": None})
    own = base.train.recipe
    recipes = list((experiment.search or SHIPPED).by_recipe())
    if any(is_within(RECIPE, key) for key in fixed):
        recipes = [own]
    elif own in recipes:
        recipes = [own, *(recipe for recipe in recipes if recipe != own)]
    # Without dimensions: the settings of each recipe.
    bare = Space(base=base, dimensions={recipe: {} for recipe in recipes}, fixed=tuple(fixed))
    dimensions = {}
    for recipe in recipes:
        at_recipe = bare.at({RECIPE: recipe})
        dimensions[recipe] = {
            key: distribution
            for key, distribution in _declared(at_recipe, entry, recipe, task).items()
            if not any(is_within(key, name) for name in fixed)
            and _reason_unused(key, at_recipe, entry) is None
        }
    if len(recipes) == 1 and not dimensions[recipes[0]]:
        raise InputError(f"nothing is left to search for {model} with {loss}: fix fewer keys")
    return Space(base=base, dimensions=dimensions, fixed=tuple(fixed))


def check_space(space: Space, task: Task) -> None:
    """Try the ends of all dimensions, so that no trial fails for a wrong key or value."""
    for recipe, found in space.dimensions.items():
        for key, distribution in found.items():
            _check(space, recipe, key, distribution, task)


def is_within(key: str, branch: str) -> bool:
    """Whether a dotted key is another one or below it."""
    return key == branch or key.startswith(f"{branch}.")


def _declared(experiment: Experiment, entry: ModelEntry, recipe: Recipe, task: Task) -> SearchSpace:
    """Distributions of a model under a recipe: from the config and the model's registration.

    A registration changes the shipped space; what a config's own ``search`` says of a key holds
    instead of what the registration says.
    """
    changes: dict[str, Distribution | None] = {}
    for name, change in entry.search_changes.items():
        of, _, key = name.rpartition(": ")
        if of in ("", recipe):
            changes[key] = change
    listed: dict[str, Distribution] = {}
    for key, dimension in (experiment.search or SHIPPED).by_recipe().get(recipe, {}).items():
        _check_name(key)
        reason = _reason_dead(key, experiment.train)
        if reason and experiment.search is not None:
            raise InputError(f"search.{recipe}: {key} means nothing: {reason}: leave it out")
        own_key, distribution = _own_key(key, entry.name), distribution_of(dimension)
        if dimension.is_for(entry.name) and (
            own_key == key or _takes(experiment, task, own_key, distribution)
        ):
            listed[own_key] = distribution
    merged = {**listed, **changes} if experiment.search is None else {**changes, **listed}
    return {key: distribution for key, distribution in merged.items() if distribution is not None}


def _check_name(key: str) -> None:
    """Refuse options of a loss or model that there is not: they would never be searched."""
    if key.startswith(LOSS_OPTIONS):
        LOSSES.get(key.removeprefix(LOSS_OPTIONS).rpartition(".")[0])
    elif key.startswith(OPTIONS):
        name = key.removeprefix(OPTIONS).rpartition(".")[0]
        if not is_pattern(name):
            find_model(name)


def _own_key(key: str, model: str) -> str:
    """A key of ``model.options`` with the model's name for a shell pattern that it fits."""
    if key.startswith(OPTIONS):
        pattern, _, option = key.removeprefix(OPTIONS).rpartition(".")
        if fnmatchcase(model, pattern):
            return f"{OPTIONS}{model}.{option}"
    return key


def _takes(experiment: Experiment, task: Task, key: str, distribution: Distribution) -> bool:
    """Whether the model of an experiment takes an option, as not all do that fit a pattern."""
    recipe = experiment.train.recipe
    space = Space(base=experiment, dimensions={recipe: {key: distribution}})
    try:
        _check(space, recipe, key, distribution, task)
    except InputError:
        return False
    return True


def _reason_dead(key: str, train: TrainConfig) -> str | None:
    """Reason why nothing in a training reads a setting; None where something does."""
    if key == "train.momentum":
        from timm.optim import get_optimizer_info

        if not get_optimizer_info(train.optimizer).has_momentum:
            return f"{train.optimizer} has no such momentum"
    if key == "train.nesterov" and train.optimizer != "sgd":
        return f"it is an option of sgd, not of {train.optimizer}"
    if key in ("train.decay_factor", "train.patience", "train.max_decays"):
        return "a cosine has no plateaus" if train.schedule == "cosine" else None
    return None


def _reason_unused(key: str, experiment: Experiment, entry: ModelEntry) -> str | None:
    """Reason why a setting means nothing for a model and loss; None where it does."""
    model, loss = entry.name, experiment.losses[0]
    if key.startswith(OPTIONS) and key.rpartition(".")[0] != f"{OPTIONS}{model}":
        return f"it is not of {model}"
    if key.startswith(LOSS_OPTIONS) and not key.startswith(f"{LOSS_OPTIONS}{loss}."):
        return f"it is not of {loss}"
    if key in FINE_TUNING and not (entry.timm_name and experiment.model.pretrained):
        return "the network does not start from pretrained weights"
    return _reason_dead(key, experiment.train)


def distribution_of(dimension: Dimension) -> Distribution:
    """Optuna's distribution of a dimension."""
    low, high = dimension.low, dimension.high
    if low is None or high is None:
        return CategoricalDistribution(dimension.choices)
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=dimension.log)
    return FloatDistribution(low, high, log=dimension.log)


def nearest(distribution: FloatDistribution | IntDistribution, value: Any) -> int | float:
    """The value of a range that is nearest to a setting; its lower end for what is no number."""
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


def _check(space: Space, recipe: Recipe, key: str, distribution: Distribution, task: Task) -> None:
    """Try the ends of a range, or all choices, so that no trial fails for a wrong key or value."""
    if isinstance(distribution, CategoricalDistribution):
        values = distribution.choices
    else:
        values = (distribution.low, distribution.high)
    entry, loss = find_model(space.base.models[0]), LOSSES.get(space.base.losses[0])
    for value in values:
        experiment = space.at({RECIPE: recipe, f"{recipe}: {key}": value})
        try:
            if key.startswith(OPTIONS):
                check_answer(entry, network_shape(experiment, entry.name, task))
            elif key.startswith(LOSS_OPTIONS):
                loss.check(
                    kind=task.kind,
                    outputs=len(task.classes),
                    options=experiment.loss.options[loss.name],
                )
        except InputError as error:
            raise InputError(f"{entry.name}: searching {key}={value}: {error}") from None
