"""Sentences from the templates of this package; none is written anywhere else."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.report import formatting

FILTERS = (
    "all_of", "any_of", "count", "count_range", "difference", "difference_interval", "figure",
    "interval", "number", "one_line", "p_value", "setting", "settings", "share", "size",
)  # fmt: skip


def render(name: str, **context: Any) -> str:
    """A template, filled.

    Args:
        name: of a file in ``bench/report/templates``, without ``.j2``.
        context: what it speaks of.
    """
    return _environment().get_template(f"{name}.j2").render(context)


def lines(name: str, **context: Any) -> list[str]:
    """The lines of a filled template that are not empty, one or more sentences each.

    Args:
        name, context: as of :func:`render`.
    """
    text = render(name, **context)
    return [line for line in map(formatting.one_line, text.splitlines()) if line]


@cache
def _environment() -> Environment:
    """Made once: to compile a template takes longer than to fill it."""
    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(formatting, name) for name in FILTERS}
    return environment
