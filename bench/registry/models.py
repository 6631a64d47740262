"""Models by name: built-in ones, any of timm's as ``timm:NAME``, and a user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.registry.core import BUILT_IN, Registry, calling_module, near_matches
from bench.registry.search import (
    POLICY,
    Dimension,
    SearchChanges,
    SearchSpace,
    check_search,
    default_search,
)

if TYPE_CHECKING:
    from torch import nn

    ModelFactory = Callable[..., nn.Module]

TIMM_PREFIX = "timm:"
STANDARD_ARGUMENTS = ("in_channels", "outputs", "image_size", "pretrained", "weights_dir")


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A registered network.

    Attributes:
        name: snake_case (or ``timm:NAME``).
        description: one line.
        factory: called with the keywords ``in_channels``, ``outputs``, ``image_size`` and the
            model's own options; returns a module that maps a float batch
            (images, in_channels, image_size, image_size) to logits (images, outputs).
        min_image_size: smallest input side in pixels on which the network runs.
        image_size_multiple: the input side must be a multiple of it.
        size_check: for a network whose sizes are found by trying: raises InputError for an
            input side that the network cannot take.
        timm_name: the timm architecture whose pretrained weights this model can start from;
            None for a network that is always trained from scratch. A factory with a
            ``timm_name`` is also called with ``pretrained`` and ``weights_dir``.
        source: ``built in``, ``timm``, or the plugin's module.
        search: what ``bench tune`` searches for this model beside the default or instead of it
            (:mod:`bench.registry.search`); None as a dimension takes a key away.
    """

    name: str
    description: str
    factory: ModelFactory
    min_image_size: int = 1
    image_size_multiple: int = 1
    size_check: Callable[[int], None] | None = None
    timm_name: str | None = None
    source: str = BUILT_IN
    search: SearchChanges = field(default_factory=dict)

    @property
    def search_space(self) -> SearchSpace:
        """What ``bench tune`` searches for this model, by dotted key.

        ``model.policy`` is there for a network that can start from pretrained weights; it means
        nothing in an experiment that does not.
        """
        dimensions: dict[str, Dimension | None] = {**default_search()}
        if self.timm_name is not None:
            dimensions[POLICY.key] = POLICY.dimension
        dimensions |= self.search
        return {key: dimension for key, dimension in dimensions.items() if dimension is not None}

    def build(
        self,
        *,
        in_channels: int,
        outputs: int,
        image_size: int,
        pretrained: bool = False,
        weights_dir: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> nn.Module:
        """Make the network.

        Args:
            in_channels: 1 (grayscale) or 3.
            outputs: number of logits.
            image_size: side of the square input in pixels.
            pretrained: start from timm's pretrained weights; ignored by networks without any.
            weights_dir: a folder of weights written by ``bench weights fetch``.
            options: the model's own keyword arguments.

        Raises:
            InputError: the image is too small, or an option is not one of the factory's.
        """
        self.check_image_size(image_size)
        arguments: dict[str, Any] = {
            "in_channels": in_channels,
            "outputs": outputs,
            "image_size": image_size,
            **(options or {}),
        }
        if self.timm_name is not None:
            arguments |= {"pretrained": pretrained, "weights_dir": weights_dir}
        self._check_options(arguments)
        return self.factory(**arguments)

    def _check_options(self, arguments: Mapping[str, Any]) -> None:
        parameters = inspect.signature(self.factory).parameters
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            return
        for name in arguments.keys() - parameters.keys():
            own = [p for p in parameters if p not in STANDARD_ARGUMENTS]
            hint = near_matches(name, own) if own else "it takes none"
            raise InputError(f"model {self.name!r} takes no option {name!r}: {hint}")

    def check_image_size(self, image_size: int) -> None:
        """Refuse an input that the network cannot take.

        Raises:
            InputError: the side is under ``min_image_size``, no multiple of
                ``image_size_multiple``, or refused by ``size_check``.
        """
        if image_size < self.min_image_size:
            raise InputError(
                f"model {self.name!r} needs images of at least {self.min_image_size} px, "
                f"not {image_size}: set data.image_size={self.min_image_size} or leave it out"
            )
        if image_size % self.image_size_multiple:
            larger = -(-image_size // self.image_size_multiple) * self.image_size_multiple
            raise InputError(
                f"model {self.name!r} needs images whose side is a multiple of "
                f"{self.image_size_multiple} px, not {image_size}: set data.image_size={larger} "
                "or leave it out"
            )
        if self.size_check is not None:
            self.size_check(image_size)


MODELS: Registry[ModelEntry] = Registry("model", builtins="bench.registry.builtin_models")


def register_model(
    name: str,
    *,
    description: str,
    min_image_size: int = 1,
    search: SearchChanges | None = None,
) -> Callable[[ModelFactory], ModelFactory]:
    """Decorator that registers a network's factory under a name.

    The factory takes the keywords ``in_channels``, ``outputs`` and ``image_size`` (and any of
    its own with defaults) and returns a module from a float batch
    (images, in_channels, image_size, image_size) to logits (images, outputs).

    Args:
        name: snake_case.
        description: one line.
        min_image_size: smallest input side in pixels on which the network runs.
        search: what ``bench tune`` searches for it beside the default or instead of it, such as
            ``{"train.lr": Reals(1e-5, 1e-2, log=True), "train.momentum": None}`` (not searched).

    Raises:
        InputError: the name is taken or not snake_case, or ``search`` cannot be searched.
    """
    source = calling_module()
    changes = check_search(name, search or {})

    def register(factory: ModelFactory) -> ModelFactory:
        MODELS.add(
            ModelEntry(
                name=name,
                description=description,
                factory=factory,
                min_image_size=min_image_size,
                source=source,
                search=changes,
            )
        )
        return factory

    return register


def find_model(name: str) -> ModelEntry:
    """The model of that name, built in, a plugin's, or ``timm:NAME``.

    Raises:
        InputError: unknown name; the message lists near matches.
    """
    if name.startswith(TIMM_PREFIX):
        from bench.registry.builtin_models import timm_entry

        return timm_entry(name)
    return MODELS.get(name)
