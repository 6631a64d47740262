"""A figure as an SVG element inside a page, in the colours and fonts of the page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from bench.report.figures.style import VARIABLES, house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DROPPED = re.compile(
    r"(?<=>)\s+(?=<)|<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.DOTALL
)
_TAG = re.compile(r"<[^>]+>")
_COLOUR = re.compile("#[0-9a-f]{6}")
_FONT = re.compile(r"font-family: [^;\"]*(; )?")
_GROUP_ID = re.compile(r'<g id="[^"]*"')
_DECIMALS = re.compile(r"-?\d+\.\d+")


def svg(figure: Figure, *, name: str = "") -> str:
    """The ``<svg>`` element, as wide as its parent.

    Texts stay texts, in the page's font. Colours are CSS variables with the colour of a light
    page as the default (:data:`bench.report.figures.style.VARIABLES`); the ground is
    transparent. A figure drawn again gives the same text.

    Args:
        figure: drawn with the colours of :mod:`bench.report.figures.style`.
        name: makes the ids inside different from those of other figures of the page.
    """
    with house_style(**{"svg.hashsalt": f"cxnet-bench {name}"}):
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = _DROPPED.sub("", text[text.index("<svg") :]).strip()
    width, height = re.search(r'viewBox="0 0 (\S+) (\S+)"', text).groups()  # type: ignore[union-attr]
    # Matplotlib puts these two joins in a style sheet, which would hold for the whole page.
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="100%" '
        'style="stroke-linejoin: round; stroke-linecap: butt">'
    )
    return root + _TAG.sub(_rewrite, text[text.index(">") + 1 :])


def _rewrite(tag: re.Match[str]) -> str:
    """A tag with the page's colours and fonts, without ids that several figures share."""
    text = _GROUP_ID.sub("<g", tag[0]).replace("xlink:href", "href")
    text = _FONT.sub("", text)
    # Raises KeyError for a colour that a dark page could not change.
    text = _COLOUR.sub(lambda colour: f"var({VARIABLES[colour[0]]}, {colour[0]})", text)
    # Coordinates are in points of 1/72 inch: a tenth of one is invisible.
    return _DECIMALS.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), text)
