"""A figure with its words: title, caption and a text for readers who cannot see it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.report.figures.style import house_style
from bench.report.formatting import one_line
from bench.report.text import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure that can be drawn.

    Attributes:
        name: stem of its file, and part of its id on a page.
        caption: a few sentences: what is shown, and what is left out.
        alt: the main numbers as text.
        narrow: makes it for the width of a phone; None where it is the same.
    """

    name: str
    title: str
    caption: str
    alt: str
    plot: Callable[[], Figure]
    narrow: Callable[[], Figure] | None = None

    def draw(self) -> Figure:
        """A new figure at each call."""
        with house_style():
            return self.plot()

    def address(self) -> str:
        """The drawing as SVG on transparent ground, in a ``data:`` address for a page."""
        return _address(self.plot)

    def narrow_address(self) -> str:
        """The drawing for a phone, as :meth:`address`; "" where it is the same."""
        return _address(self.narrow) if self.narrow else ""


def _address(plot: Callable[[], Figure]) -> str:
    file = io.BytesIO()
    with house_style():
        plot().savefig(file, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"


def make_picture(
    name: str,
    *,
    title: str,
    alt: Mapping[str, str],
    plot: Callable[[], Figure],
    narrow: Callable[[], Figure] | None = None,
    limit: int = 14,
    **facts: Any,
) -> Picture:
    """A picture whose caption is that of its name in ``captions.j2``.

    Args:
        alt: texts by row label; those beyond ``limit`` are counted only.
        facts: what the caption speaks of.
    """
    values = [f"{label} {text}".rstrip() for label, text in alt.items()]
    more = [f"{len(values) - limit} more"] if len(values) > limit else []
    return Picture(
        name=name,
        title=title,
        caption=one_line(render("captions.j2", picture=name, **facts)),
        alt=f"{title}. {'; '.join([*values[:limit], *more])}.",
        plot=plot,
        narrow=narrow,
    )
