"""The same drawing in a page and in files."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from bench.errors import InputError
from bench.report import Table
from bench.report.figures import pictures, svg, write_figures
from bench.report.figures.style import ON_DARK, SERIES, VARIABLES
from bench.report.html.page import PACKAGE
from tests.bench.report.figures.conftest import (
    make_classes,
    make_labels,
    make_many,
    make_two_classes,
)
from tests.bench.report.runs import ONE_WRONG, PERFECT, Runs


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every kind of picture as SVG."""
    made = {}
    for make in (make_two_classes, make_labels, make_classes, make_many):
        for one in pictures(make(tmp_path_factory.mktemp("runs"))):
            name = f"{make.__name__} {one.name}"
            made[name] = svg(one.draw(), name=name)
    return made


def test_every_svg_is_one_element_as_wide_as_its_place(drawn: dict[str, str]) -> None:
    for text in drawn.values():
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.attrib["width"] == "100%"
        assert "height" not in root.attrib
        assert re.fullmatch(r"0 0 [\d.]+ [\d.]+", root.attrib["viewBox"])
        assert text.startswith("<svg ")
        assert text.endswith("</svg>")


def test_nothing_is_fetched_and_no_style_leaks(drawn: dict[str, str]) -> None:
    for text in drawn.values():
        rest = text.replace('xmlns="http://www.w3.org/2000/svg"', "", 1)
        assert "http" not in rest
        assert "data:" not in rest
        assert "<style" not in rest
        assert "<metadata" not in rest
        assert "font-family" not in rest
        assert all(place.startswith("#") for place in re.findall(r'href="([^"]*)"', rest))
        assert all(place.startswith("#") for place in re.findall(r"url\(([^)]*)\)", rest))


def test_every_colour_is_a_variable_of_the_page(drawn: dict[str, str]) -> None:
    used = set()
    for text in drawn.values():
        found = re.findall(r"var\((--[\w-]+), (#[0-9a-f]{6})\)", text)
        assert set(found) <= {(name, colour) for colour, name in VARIABLES.items()}
        used |= {name for name, _ in found}
        rest = re.sub(r"var\([^)]*\)", "", text)
        assert not re.search(r'#[0-9a-fA-F]{3,8}[";]', rest)
        for key in ("fill", "stroke"):
            values = re.findall(rf'(?<![-\w]){key}(?:: |=")([^;"]+)', rest)
            assert all(value == "none" or value.startswith("url(#") for value in values if value)
    assert {"--ink", "--muted", "--rule", "--series-1", "--series-2"} <= used


def test_texts_have_a_colour(drawn: dict[str, str]) -> None:
    for text in drawn.values():
        for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text"):
            assert "fill: var(--" in element.attrib["style"]


def test_ids_are_those_of_one_picture(drawn: dict[str, str]) -> None:
    ids = [re.findall(r' id="([^"]*)"', text) for text in drawn.values()]
    for own, text in zip(ids, drawn.values(), strict=True):
        assert len(own) == len(set(own))
        wanted = re.findall(r'(?:href="#|url\(#)([^")]*)', text)
        assert set(wanted) == set(own)
    assert len({one for own in ids for one in own}) == sum(map(len, ids))


def test_a_picture_is_the_same_text_each_time(two_classes: Table) -> None:
    for one in pictures(two_classes):
        first = svg(one.draw())
        assert svg(one.draw()) == first
        if ' id="' in first:
            assert svg(one.draw(), name="second") != first


def test_names_are_shown_as_they_are(runs: Runs) -> None:
    runs.add("$x_1$ <b>&amp;", PERFECT)
    runs.add("шпала 胸", ONE_WRONG)
    (table,) = runs.tables()

    for one in pictures(table):
        root = ElementTree.fromstring(svg(one.draw()))
        said = "".join(root.itertext())
        assert "$x_1$ <b>&amp; ce" in said
        assert "шпала 胸 ce" in said


def test_the_readers_own_settings_have_no_say(two_classes: Table) -> None:
    import matplotlib

    one = pictures(two_classes)[1]
    first = svg(one.draw())
    with matplotlib.rc_context({"lines.linewidth": 9.0, "svg.fonttype": "path"}):
        assert svg(one.draw()) == first
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_both_grounds_have_every_colour() -> None:
    assert set(ON_DARK) == set(VARIABLES.values())


def luminance(colour: str) -> float:
    """WCAG 2.1's relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def grounds() -> tuple[str, str]:
    """What the page is painted on, by day and by night."""
    style = files(PACKAGE).joinpath("templates", "style.css").read_text("utf-8")
    light, dark = re.findall(r"--paper: (#[0-9a-f]{6});", style)
    return light, dark


def test_letters_can_be_read_on_both_grounds(drawn: dict[str, str]) -> None:
    light, dark = grounds()
    used = set()
    for text in drawn.values():
        for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text"):
            (name,) = re.findall(r"fill: var\((--[\w-]+), ", element.attrib["style"])
            used.add(name)
    names = {name: colour for colour, name in VARIABLES.items()}
    # Figures stand in the colours of their curves.
    assert {"--ink", "--muted", "--series-1", "--series-2"} <= used
    for name in used:
        assert contrast(names[name], light) >= 4.5
        assert contrast(names[name], "#ffffff") >= 4.5
        assert contrast(ON_DARK[name], dark) >= 4.5


def test_letters_and_lines_can_be_told_from_their_ground() -> None:
    names = {name: colour for colour, name in VARIABLES.items()}
    for name in ("--ink", "--muted"):
        assert contrast(names[name], "#ffffff") >= 4.5
        assert contrast(ON_DARK[name], "#15181c") >= 4.5
    # Okabe and Ito's orange and sky blue are light: their lines and markers differ too.
    assert all(contrast(colour, "#ffffff") >= 2.1 for colour in SERIES)
    assert all(contrast(ON_DARK[VARIABLES[colour]], "#15181c") >= 4.5 for colour in SERIES)


def test_files_are_written_in_every_format(two_classes: Table, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "figures"

    written = write_figures([two_classes], folder, formats=["png", "svg", "pdf"])

    names = [one.name for one in pictures(two_classes)]
    expected = [folder / f"{name}.{ending}" for name in names for ending in ("png", "svg", "pdf")]
    assert written == expected
    assert sorted(folder.iterdir()) == sorted(expected)
    for path in expected:
        content = path.read_bytes()
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        elif path.suffix == ".svg":
            ElementTree.fromstring(content)
        else:
            assert content.startswith(b"%PDF")


def test_files_are_the_same_each_time(two_classes: Table, tmp_path: Path) -> None:
    first, second = (
        [path.read_bytes() for path in write_figures([two_classes], tmp_path / name, formats=kinds)]
        for name, kinds in (("a", ["svg", "pdf"]), ("b", ["svg", "pdf"]))
    )

    assert first == second


def test_files_of_several_tables_are_told_apart(
    two_classes: Table, labels: Table, tmp_path: Path
) -> None:
    written = write_figures([two_classes, labels, labels], tmp_path / "all", formats=["svg"])

    names = [path.name for path in written]
    assert len(set(names)) == len(names)
    assert names[0] == "nih_m1_image_64_intervals.svg"
    assert "nih_findings14_image_64~1_findings.svg" in names
    assert "nih_findings14_image_64~2_findings.svg" in names


def test_an_unknown_format_is_named_with_the_way_out(two_classes: Table, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="figure format 'gif': take png, pdf or svg"):
        write_figures([two_classes], tmp_path / "figures", formats=["png", "gif"])
    assert not (tmp_path / "figures").exists()


def test_a_folder_that_cannot_be_written_to_is_named(two_classes: Table, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("here")

    with pytest.raises(InputError, match=r"figures cannot be written to .*file.*choose another"):
        write_figures([two_classes], file, formats=["svg"])
