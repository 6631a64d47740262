"""Figures inside a page: one element, in the page's colours and fonts."""

from __future__ import annotations

import re
from importlib.resources import files
from xml.etree import ElementTree

import matplotlib
import pytest

from bench.evaluate.results import Table
from bench.report.figures import pictures, svg
from bench.report.figures.style import ON_DARK, SERIES, VARIABLES
from tests.bench.report.runs import ONE_WRONG, PERFECT, Runs

TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(scope="module")
def elements(two_classes: Table, labels: Table, classes: Table, many: Table) -> list[str]:
    """Every kind of figure as SVG, and one with numbers beside points."""
    tables = (two_classes, labels, classes)
    found = [each for table in tables for each in pictures(table)]
    found += [each for each in pictures(many) if each.name == "costs"]
    return [svg(each.draw(), name=str(number)) for number, each in enumerate(found)]


def test_every_figure_is_one_element_as_wide_as_its_parent(elements: list[str]) -> None:
    for text in elements:
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.attrib["width"] == "100%"
        assert "height" not in root.attrib
        assert re.fullmatch(r"0 0 [\d.]+ [\d.]+", root.attrib["viewBox"])


def test_nothing_is_fetched_and_no_style_reaches_the_page(elements: list[str]) -> None:
    for text in elements:
        rest = text.replace('xmlns="http://www.w3.org/2000/svg"', "", 1)
        for foreign in ("http", "data:", "xlink", "<style", "<metadata", "<?xml", "font-family"):
            assert foreign not in rest
        links = re.findall(r'href="([^"]*)"', rest) + re.findall(r"url\(([^)]*)\)", rest)
        assert all(link.startswith("#") for link in links)


def test_every_colour_is_a_variable_of_the_page(elements: list[str]) -> None:
    used = set()
    for text in elements:
        found = re.findall(r"var\((--[\w-]+), (#[0-9a-f]{6})\)", text)
        used |= {(name, colour) for name, colour in found}
        rest = re.sub(r"var\([^)]*\)", "", text)
        assert not re.search(r'#[0-9a-fA-F]{3,8}[";]', rest)
        for key in ("fill", "stroke"):
            values = re.findall(rf'(?<![-\w]){key}(?:: |=")([^;"]+)', rest)
            assert all(value == "none" or value.startswith("url(#") for value in values if value)
    assert used <= {(name, colour) for colour, name in VARIABLES.items()}
    assert {"--ink", "--muted", "--rule", "--series-1", "--series-2"} <= {name for name, _ in used}


def test_ids_are_those_of_one_figure(elements: list[str]) -> None:
    ids = [re.findall(r' id="([^"]*)"', text) for text in elements]
    for own, text in zip(ids, elements, strict=True):
        assert {*own} == {*re.findall(r'(?:href="#|url\(#)([^")]*)', text)}
    every = [name for own in ids for name in own]
    assert len(every) == len({*every}) > 0


def test_a_figure_is_the_same_text_each_time_whatever_the_users_settings(
    two_classes: Table,
) -> None:
    found = pictures(two_classes)[1]
    first = svg(found.draw())
    with matplotlib.rc_context({"lines.linewidth": 9.0, "svg.fonttype": "path"}):
        assert svg(found.draw()) == first
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_names_stay_as_they_are(runs: Runs) -> None:
    names = ["$x_1$ <b>&amp; #0072b2", "шпала 胸 1.2345"]
    for name, answers in zip(names, (PERFECT, ONE_WRONG), strict=True):
        runs.add(name, answers)
    (table,) = runs.tables()
    for each in pictures(table)[:4]:
        text = "".join(ElementTree.fromstring(svg(each.draw())).itertext())
        assert all(f"{name} ce" in text for name in names)


def luminance(colour: str) -> float:
    """WCAG 2.1's relative luminance."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_letters_and_lines_differ_from_light_and_dark_ground(elements: list[str]) -> None:
    style = files("bench.report.html").joinpath("templates", "style.css").read_text("utf-8")
    light, dark = re.findall(r"--paper: (#[0-9a-f]{6});", style)
    of_texts = set()
    for text in elements:
        for element in ElementTree.fromstring(text).iter(TEXT):
            of_texts |= {*re.findall(r"fill: var\((--[\w-]+), ", element.attrib["style"])}
    assert {"--ink", "--muted", "--series-1"} <= of_texts
    assert {*ON_DARK} == {*VARIABLES.values()}
    for colour, name in VARIABLES.items():
        if name in of_texts:
            assert contrast(colour, light) >= 4.5
            assert contrast(colour, "#ffffff") >= 4.5
        if name in of_texts or colour in SERIES:
            assert contrast(ON_DARK[name], dark) >= 4.5
    # The orange and the sky blue are light: their lines and markers differ too.
    assert all(contrast(colour, "#ffffff") >= 2.1 for colour in SERIES)
