"""Templates of this package, filled: most sentences of a report.

The reasons for a missing figure come with it, and headings and words in cells are in Python.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from bench.report import formatting

FILTERS = (
    "all_of", "any_of", "count", "difference", "difference_interval", "interval", "number",
    "one_line", "share", "size",
)  # fmt: skip


def render(name: str, **context: Any) -> str:
    """A template, filled; in HTML all values are escaped.

    Args:
        name: of a file in ``bench/report/templates``.
    """
    return _environment().get_template(name).render(context)


def lines(name: str, **context: Any) -> list[str]:
    """The lines of a filled template that are not empty, one or more sentences each.

    Args:
        name: of the template, without ``.j2``.
    """
    text = _environment(of_lines=True).get_template(f"{name}.j2").render(context)
    return [line for line in map(formatting.one_line, text.splitlines()) if line]


def _on_its_line(value: Any) -> Any:
    """A value without line breaks: a name that has one must not end its sentence."""
    return " ".join(value.splitlines()) if isinstance(value, str) else value


@cache
def _environment(*, of_lines: bool = False) -> Environment:
    """Made once: to compile a template takes longer than to fill it."""
    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_on_its_line if of_lines else None,
    )
    environment.filters |= {name: getattr(formatting, name) for name in FILTERS}
    return environment
