"""The mechanism behind the three registries: a name, a one-line description, a factory."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from bench.errors import InputError

# Keywords that the harness gives to networks and losses; all others are their own options.
STANDARD_ARGUMENTS = (
    *("in_channels", "outputs", "image_size", "pretrained", "weights_dir"),
    *("kind", "class_weights"),
)
BUILT_IN = "built in"
TIMM = "timm"
# Digits may begin a part ("vit_small_patch16_224"), as in timm's own names.
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def calling_module() -> str:
    """Module that called the function that calls this: ``built in``, or a plugin's name.

    The caller counts and not the factory's own module, which may be another: a plugin can
    register a ``functools.partial`` of a built-in factory.
    """
    module = str(sys._getframe(2).f_globals.get("__name__", "unknown"))
    return BUILT_IN if module.split(".")[0] == "bench" else module


def comes_from_plugin(source: str) -> bool:
    """Whether what is registered under a source is a user's own, and may change under its name."""
    return source not in (BUILT_IN, TIMM)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A registered thing.

    Attributes:
        target: what makes the thing: a callable, or its import string such as
            ``cxnet:CXNetM1``, so that registering it imports nothing.
        source: ``built in``, ``timm``, or the plugin's module.
    """

    name: str
    description: str
    target: Callable[..., Any] | str
    source: str = BUILT_IN

    @property
    def factory(self) -> Callable[..., Any]:
        """The target; an import string is imported now."""
        if not isinstance(self.target, str):
            return self.target
        module, _, name = self.target.partition(":")
        factory: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return factory


E = TypeVar("E", bound=Entry)
F = TypeVar("F", bound=Callable[..., Any])


def near_matches(name: str, known: list[str]) -> str:
    """A clause naming what the user may have meant, or all names where nothing is near."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    # A single letter or two is in half of all names, and says nothing.
    if len(name) > 2:
        near += [other for other in known if name in other and other not in near]
    if near:
        return f"did you mean {', '.join(near[:4])}?"
    return f"known: {', '.join(known)}" if known else "none is known"


def takes_all(factory: Callable[..., Any]) -> bool:
    """Whether a factory takes any keyword."""
    parameters = inspect.signature(factory).parameters.values()
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def check_options(
    kind: str, name: str, factory: Callable[..., Any], options: Collection[str]
) -> None:
    """Refuse options that a factory does not take."""
    own = [p for p in inspect.signature(factory).parameters if p not in STANDARD_ARGUMENTS]
    for option in options:
        if option not in own and not takes_all(factory):
            hint = near_matches(option, own) if own else "it takes none"
            raise InputError(f"{kind} {name!r} takes no option {option!r}: {hint}")


class Registry(Generic[E]):
    """Names mapped to entries of one kind, in order of registration.

    Args:
        kind: the singular noun used in messages ("model", "loss", "data source").
        builtins: the module that registers the built-in entries. It is imported at the first
            use of the registry and not before, so that ``bench --help`` answers at once.
    """

    def __init__(self, kind: str, *, builtins: str | None = None) -> None:
        self.kind = kind
        self._builtins = builtins
        self._entries: dict[str, E] = {}

    def _loaded(self) -> dict[str, E]:
        if self._builtins is not None:
            # Cleared first: the module's own registrations come back through here.
            module, self._builtins = self._builtins, None
            importlib.import_module(module)
        return self._entries

    def add(self, entry: E) -> None:
        """Register an entry."""
        if not SNAKE_CASE.fullmatch(entry.name):
            raise InputError(
                f"{self.kind} name {entry.name!r} is not snake_case: use lower-case letters, "
                "digits and single underscores, beginning with a letter"
            )
        if not entry.description.strip() or "\n" in entry.description:
            raise InputError(f"{self.kind} {entry.name!r} needs a description of exactly one line")
        if entry.name in self._loaded():
            raise InputError(
                f"{self.kind} {entry.name!r} is registered already "
                f"({self._loaded()[entry.name].description}): choose another name"
            )
        self._loaded()[entry.name] = entry

    def decorator(self, entry: Callable[..., E], **facts: Any) -> Callable[[F], F]:
        """Decorator that registers what it decorates and returns it unchanged.

        Args:
            facts: all of its fields but ``target``.
        """

        def register(factory: F) -> F:
            self.add(entry(target=factory, **facts))
            return factory

        return register

    def get(self, name: str) -> E:
        """The entry of that name."""
        try:
            return self._loaded()[name]
        except KeyError:
            hint = near_matches(name, list(self._loaded()))
            own = "your own needs --plugin FILE"
            raise InputError(f"unknown {self.kind} {name!r}: {hint} ({own})") from None

    def match(self, patterns: Sequence[str] = ()) -> list[E]:
        """Entries whose name fits any of the shell patterns; all of them without a pattern."""
        return [e for e in self if not patterns or any(fnmatchcase(e.name, p) for p in patterns)]

    def remove(self, name: str) -> None:
        """Forget an entry (used by tests, so that they leave no trace)."""
        del self._loaded()[name]

    def __iter__(self) -> Iterator[E]:
        return iter(self._loaded().values())
