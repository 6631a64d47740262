"""A figure as an SVG element that stands in a page: its colours are the page's."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from bench.report.figures.style import VARIABLES, house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_COLOUR = re.compile("#[0-9a-f]{6}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_DECIMALS = re.compile(r"-?\d+\.\d+")
_FONT = re.compile(r"font-family: [^;]*(; )?")
# Where coordinates stand; points of 1/72 inch, of which a tenth cannot be seen.
_COORDINATES = ("d", "x", "y", "width", "height", "transform", "points")


def svg(figure: Figure, *, name: str = "") -> str:
    """The ``<svg>`` element alone, as wide as where it is put.

    Texts stay texts, in the page's font. Colours are the CSS variables of
    :data:`bench.report.figures.style.VARIABLES`, each with its colour on a light ground in case
    the page sets none; the ground is transparent. A picture drawn anew gives the same text.

    Args:
        figure: drawn with the colours of :mod:`bench.report.figures.style`.
        name: of the picture on the page; enters its ids, so that two pictures share none.
    """
    with house_style():
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    root = ElementTree.fromstring(text)
    _drop(root, {f"{{{SVG}}}metadata", f"{{{SVG}}}style"})
    used = set(_REFERENCE.findall(text)) | set(re.findall(r'xlink:href="#([^"]+)"', text))
    prefix = "p" + hashlib.sha256((name + text).encode()).hexdigest()[:8]
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
        element.text = (element.text or "").strip() if element.tag != "text" else element.text
        element.tail = ""
        _rewrite(element, used=used, prefix=prefix)
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib.clear()
    root.attrib |= {
        "xmlns": SVG,
        "viewBox": f"0 0 {width} {height}",
        "width": "100%",
        # Matplotlib says this in a style sheet, which would hold for the whole page.
        "style": "stroke-linejoin: round; stroke-linecap: butt",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _drop(element: ElementTree.Element, tags: set[str]) -> None:
    for child in list(element):
        if child.tag in tags:
            element.remove(child)
        else:
            _drop(child, tags)


def _rewrite(element: ElementTree.Element, *, used: set[str], prefix: str) -> None:
    attributes = element.attrib
    if "id" in attributes:
        own = attributes.pop("id")
        if own in used:
            attributes["id"] = f"{prefix}-{own}"
    if _HREF in attributes:
        attributes["href"] = f"#{prefix}-{attributes.pop(_HREF).removeprefix('#')}"
    for key in ("style", "clip-path", "fill", "stroke"):
        if key in attributes:
            value = _REFERENCE.sub(rf"url(#{prefix}-\1)", _FONT.sub("", attributes[key]))
            attributes[key] = _COLOUR.sub(_variable, value)
    for key in _COORDINATES:
        if key in attributes:
            attributes[key] = _DECIMALS.sub(_rounded, " ".join(attributes[key].split()))


def _variable(found: re.Match[str]) -> str:
    """Raises KeyError for a colour that a page could not change."""
    return f"var({VARIABLES[found[0]]}, {found[0]})"


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}".rstrip("0").rstrip(".")
