"""A picture before it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of a table, and what is said of it.

    Attributes:
        name: stem of its file, and its place on a page.
        title: a few words.
        caption: one or two sentences: what to look for, and what is not shown.
        alt: what it shows, in words and with the main numbers, for who cannot see it.
        draw: makes the figure anew at each call.
    """

    name: str
    title: str
    caption: str
    alt: str
    draw: Callable[[], Figure]
