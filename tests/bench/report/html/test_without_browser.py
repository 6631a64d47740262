"""The page as text: it is whole without a script, and whatever it is told stays text."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from bench.evaluate.results import Results
from bench.report.html import html
from bench.report.html.chapters import Chapter, chapter
from bench.report.html.page import render
from tests.bench.report.html.pages import HOSTILE, Outline, full_report, keep_pixels
from tests.bench.report.runs import Runs


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return full_report(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def page(report: Results) -> str:
    keep_pixels()
    return html(report)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_every_tag_is_closed_and_there_is_one_first_heading(outline: Outline) -> None:
    assert outline.unclosed == []
    assert outline.tags.count("h1") == 1
    assert outline.tags.count("main") == 1


def test_the_comparison_says_what_the_other_formats_say(outline: Outline, report: Results) -> None:
    head, *rows = outline.table("AUC on the test part").rows
    heads = [text.split(" ")[0] for text in head]
    assert heads[:3] == ["model", "loss", "settings"]
    assert len(rows) == len(report.tables[0].rows)
    by_name = {(row[0], row[1]): dict(zip(heads, row, strict=True)) for row in rows}
    assert by_name["cxnet_m1", "sin"]["verdict"] == "reference"
    perfect = by_name["resnet18", "ce"]
    assert perfect["AUC"].startswith("1.000")
    # Eight of nine pairs are in order where one is wrong.
    assert perfect["difference"].startswith("+0.111")
    assert perfect["tuning"] == "20 8 pruned, 1 failed, 321 s"


def test_rows_that_did_not_finish_are_there_with_their_reason(outline: Outline) -> None:
    _, *rows = outline.table("AUC on the test part").rows
    names = [row[0] for row in rows]
    assert {"broken", "control: metadata", "imported: theirs"} <= {*names}
    text = " ".join(outline.texts)
    assert "no ages are known" in text
    assert f"Error: {HOSTILE}" in text
    assert "1 run interrupted and in no table" in text


def test_counts_of_calls_are_a_table(outline: Outline) -> None:
    head, *rows = outline.table("Test images by what they are").rows
    assert head[1:] == ["true negatives", "false positives", "false negatives", "true positives"]
    # At a threshold of 0.5 one of three normal images and one of three abnormal ones is wrong.
    assert {row[0]: row[1:] for row in rows}["cxnet_m1 sin"] == ["2", "1", "1", "2"]


def test_every_table_has_a_caption_and_says_what_its_heads_are_of(outline: Outline) -> None:
    assert len(outline.tables) > 10
    for table in outline.tables:
        assert table.caption
        columns = len(table.rows[0])
        assert table.scopes == ["col"] * columns + ["row"] * (len(table.rows) - 1)
        assert {len(row) for row in table.rows} == {columns}


def test_wrongly_called_images_are_shown_with_what_they_are(outline: Outline) -> None:
    alts = [value for name, value in outline.attributes if name == "alt"]
    assert alts == [
        "6.png: probability of abnormal 0.600, labelled normal",
        "7.png: probability of abnormal 0.400, labelled abnormal",
    ]
    sources = [value or "" for name, value in outline.attributes if name == "src"]
    assert all(one.startswith("data:image/png;base64,") for one in sources)


def test_without_thumbnails_no_image_is_named(report: Results) -> None:
    assert "Images to look at" not in html(report, thumbnails=0)


def test_a_row_can_be_made_again(page: str) -> None:
    text = " ".join(Outline(page).texts)
    assert "bench run cxnet_m1 --loss sin --seeds 0,1 --config " in text
    assert "abc123" in text
    assert "bench import theirs.csv --as theirs" in text


def test_nothing_is_asked_of_the_network(page: str, outline: Outline) -> None:
    fetching = {"src", "href", "action", "data", "poster", "srcset"}
    addresses = [value or "" for name, value in outline.attributes if name in fetching]
    assert all(one.startswith(("#", "data:")) for one in addresses)
    assert "url(" not in page.replace("url(#", "")
    assert "@import" not in page


def test_the_one_script_is_the_one_that_the_page_allows(page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")


def test_links_within_the_page_lead_somewhere(outline: Outline) -> None:
    ids = [value for name, value in outline.attributes if name == "id"]
    assert len(ids) == len({*ids})
    links = [value or "" for name, value in outline.attributes if name == "href"]
    assert {one.removeprefix("#") for one in links if one.startswith("#")} <= {*ids}
    labels = [value for name, value in outline.attributes if name == "aria-labelledby"]
    assert {*labels} <= {*ids}


def told(value: Any, text: str) -> Any:
    """The value with every text in it replaced; empty ones, and markup, stay."""
    if isinstance(value, Markup) or value == "":
        return value
    if isinstance(value, str):
        return text
    if isinstance(value, (list, tuple)):
        return type(value)(told(one, text) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: told(getattr(value, f.name), text) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **changed)
    return value


@pytest.fixture(scope="module")
def plain(report: Results) -> Chapter:
    return chapter(report.tables[0], 1, thumbnails=3)


@settings(max_examples=40)
@given(text=st.text(min_size=1, max_size=30))
def test_no_text_becomes_markup(plain: Chapter, text: str) -> None:
    # Of a carriage return a reader of HTML makes a line feed, and NUL it drops.
    usual, text = "⟦usual⟧", "⟦" + text.replace("\r", "").replace("\0", "") + "⟧"
    harmless = Outline(render([told(plain, usual)], [], still_open=[usual]))
    hostile = Outline(render([told(plain, text)], [], still_open=[text]))
    # A row's name can break behind each of its underscores.
    assert [tag for tag in hostile.tags if tag != "wbr"] == harmless.tags
    assert len(hostile.attributes) == len(harmless.attributes)
    assert "".join(hostile.texts).count(text) == "".join(harmless.texts).count(usual) > 100


def test_controls_alone_make_a_page_too(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("prior", [0.5] * 6)
    page = html(Results(tables=tuple(runs.tables())))
    assert "No network has finished" in " ".join(Outline(page).texts)
    # Without a reference no line crosses the bars.
    assert 'class="bar"' in page
    assert 'class="zero"' not in page
