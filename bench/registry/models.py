"""Models by name: built-in ones, any of timm's as ``timm:NAME``, and a user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import InputError
from bench.registry.core import (
    TIMM,
    Entry,
    Registry,
    calling_module,
    check_options,
    comes_from_plugin,
    takes_all,
)
from bench.registry.search import search_changes

if TYPE_CHECKING:
    from torch import nn

    from bench.data.normalisation import Normalisation
    from bench.registry.search import Search, SearchChanges

    ModelFactory = Callable[..., nn.Module]

TIMM_PREFIX = "timm:"
TIMM_FACTORY = "baselines.backbones:create"


@dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """Everything that decides a network's layers, next to its name.

    Attributes:
        in_channels: 1 (grayscale) or 3.
        outputs: number of logits.
        image_size: side of the square input in pixels.
    """

    in_channels: int
    outputs: int
    image_size: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelEntry(Entry):
    """A registered network.

    Attributes:
        name: snake_case (or ``timm:NAME``).
        target: a callable, or its import string. It is called with the keywords ``in_channels``,
            ``outputs``, ``image_size`` (where it takes that) and the model's own options; returns
            a module that maps a float batch (images, in_channels, image_size, image_size) to
            logits (images, outputs).
        min_image_size: smallest input side in pixels on which the network runs.
        image_size_multiple: the input side must be a multiple of it.
        timm_name: the timm architecture whose pretrained weights this model can start from;
            None for a network that is always trained from scratch. The target is then called
            with this name, and with the keywords ``pretrained`` and ``weights_dir`` too.
        search: changes of the shipped search space (:mod:`bench.config.search`), or a function
            that returns them: distributions by dotted key, None for a key that is not searched.
    """

    min_image_size: int = 1
    image_size_multiple: int = 1
    timm_name: str | None = None
    search: Search = field(default_factory=dict)

    @property
    def factory(self) -> ModelFactory:
        """The target, of a timm network with its name."""
        factory = super().factory
        return factory if self.timm_name is None else partial(factory, self.timm_name)

    @property
    def search_changes(self) -> SearchChanges:
        """Changes of the space that ``bench tune`` searches, by dotted key; checked."""
        return search_changes(self.name, self.search)

    def build(
        self, shape: NetworkShape, *, pretrained: bool = False, weights_dir: Path | None = None
    ) -> nn.Module:
        """Make the network.

        Args:
            pretrained: start from timm's pretrained weights; ignored by networks without any.
            weights_dir: a folder of weights written by ``bench weights fetch``.
        """
        self.check_image_size(shape.image_size)
        check_options("model", self.name, self.factory, shape.options)
        arguments: dict[str, Any] = {
            "in_channels": shape.in_channels,
            "outputs": shape.outputs,
            "image_size": shape.image_size,
            **shape.options,
        }
        if self.timm_name is not None:
            arguments |= {"pretrained": pretrained, "weights_dir": weights_dir}
        factory = self.factory
        if "image_size" not in inspect.signature(factory).parameters and not takes_all(factory):
            del arguments["image_size"]  # a network that takes any
        with self._refusals():
            network: nn.Module = factory(**arguments)
        return network

    def normalisation(
        self, choice: Literal["data", "pretrained"] | None, *, data: Normalisation
    ) -> Normalisation:
        """Mean and deviation by which the network's input is scaled.

        Args:
            choice: as a run's settings have it; None from scratch.
            data: those of the training pixels.
        """
        if choice != "pretrained":
            return data
        from baselines.backbones import pretrained_normalisation
        from bench.data.normalisation import Normalisation

        assert self.timm_name is not None, "it was pretrained"
        mean, std = pretrained_normalisation(self.timm_name)
        return Normalisation(mean=mean, std=std)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turns a built-in network's refusal of its arguments into the user's mistake."""
        try:
            yield
        except (ValueError, RuntimeError) as error:
            if comes_from_plugin(self.source):
                raise
            from baselines.weights import WeightsError

            if not isinstance(error, ValueError | WeightsError):
                raise
            where = "" if self.timm_name else f"model.options.{self.name}: "
            raise InputError(f"{where}{error}") from None

    def check_image_size(self, image_size: int) -> None:
        """Refuse an input that the network cannot take."""
        multiple = self.image_size_multiple
        # The smallest size that fits and is not below the requested one.
        nearest = max(self.min_image_size, -(-image_size // multiple) * multiple)
        if image_size != nearest:
            needed = (
                f"of at least {self.min_image_size} px"
                if image_size < self.min_image_size
                else f"whose side is a multiple of {multiple} px"
            )
            raise InputError(
                f"model {self.name!r} needs images {needed}, not {image_size}: "
                f"set data.image_size={nearest} or leave it out"
            )
        if self.source == TIMM:
            from baselines.backbones import check_image_size

            assert self.timm_name is not None
            with self._refusals():
                check_image_size(self.timm_name, image_size)


MODELS: Registry[ModelEntry] = Registry("model", builtins="bench.registry.builtins")


def register_model(
    name: str,
    *,
    description: str,
    min_image_size: int = 1,
    search: Search | None = None,
) -> Callable[[ModelFactory], ModelFactory]:
    """Decorator that registers a network's factory under a name.

    The factory takes the keywords ``in_channels``, ``outputs`` and ``image_size`` (and any of
    its own with defaults) and returns a module from a float batch
    (images, in_channels, image_size, image_size) to logits (images, outputs).

    Args:
        name: snake_case.
        description: one line.
        min_image_size: smallest input side in pixels on which the network runs.
        search: changes of the search space of ``bench tune``, by dotted key, such as
            ``{"train.lr": FloatDistribution(1e-5, 1e-2, log=True), "train.momentum": None}``
            with Optuna's distributions; None for a key that is not searched. A key is of both
            recipes, ``"modern: train.lr"`` of one. Or a function that returns them. What the
            config's own ``search`` says of a key comes before it.

    Raises:
        InputError: the name is taken or not snake_case.
    """
    return MODELS.decorator(
        ModelEntry,
        name=name,
        description=description,
        min_image_size=min_image_size,
        source=calling_module(),
        search=search or {},
    )


def find_model(name: str) -> ModelEntry:
    """The model of that name, built in, a plugin's, or ``timm:NAME``."""
    if not name.startswith(TIMM_PREFIX):
        try:
            return MODELS.get(name)
        except InputError as error:
            raise InputError(f"{error} (any other of timm's is {TIMM_PREFIX}NAME)") from None
    from baselines.backbones import check_name

    timm_name = name.removeprefix(TIMM_PREFIX)
    try:
        check_name(timm_name)
    except ValueError as error:
        raise InputError(str(error)) from None
    return _timm_entry(timm_name)


def match_models(patterns: Sequence[str]) -> list[ModelEntry]:
    """Models whose name fits any of the shell patterns; all registered ones without a pattern.

    A pattern such as ``timm:resnet3*`` picks from all of timm's networks, which takes seconds.
    """
    registered = [p for p in patterns if not p.startswith(TIMM_PREFIX)]
    found = MODELS.match(registered) if registered or not patterns else []
    for pattern in patterns:
        if pattern in registered:
            continue
        if is_pattern(pattern):
            from baselines.backbones import names_like

            found += map(_timm_entry, names_like(pattern.removeprefix(TIMM_PREFIX)))
        else:
            found.append(find_model(pattern))
    return found


def select_models(
    wanted: Sequence[str], *, configured: Sequence[str], take_all: bool
) -> tuple[str, ...]:
    """The models of a run, from names and shell patterns on the command line.

    An exact name is any registered model. A pattern picks from the experiment's models with
    ``--all``, and from all registered ones without.

    Args:
        wanted: names and patterns; none means the experiment's own models.
    """
    if not wanted:
        if not take_all:
            raise InputError("nothing to run: name models (such as cxnet_m1) or give --all")
        return tuple(configured)
    chosen: list[str] = []
    for name in wanted:
        if name.startswith(TIMM_PREFIX) or not is_pattern(name):
            chosen.append(find_model(name).name)
            continue
        pool = list(configured) if take_all else [entry.name for entry in MODELS]
        matching = [model for model in pool if fnmatchcase(model, name)]
        if not matching:
            raise InputError(f"no model fits {name!r} among: {', '.join(pool)}")
        chosen += matching
    return tuple(dict.fromkeys(chosen))


def is_pattern(name: str) -> bool:
    """Whether a name on the command line is a shell pattern."""
    return any(sign in name for sign in "*?[")


def _timm_entry(timm_name: str) -> ModelEntry:
    return ModelEntry(
        name=f"{TIMM_PREFIX}{timm_name}",
        description=f"timm's {timm_name}",
        target=TIMM_FACTORY,
        timm_name=timm_name,
        source=TIMM,
    )
