"""The page as text: it is whole without a script, and every text stays a text."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from bench.evaluate.results import Results
from bench.report.html.page import html
from tests.bench.report.html.pages import HOSTILE, Outline, keep_pixels
from tests.bench.report.runs import ONE_WRONG, Runs


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_every_tag_is_closed_and_there_is_one_first_heading(outline: Outline) -> None:
    assert outline.unclosed == []
    assert outline.tags.count("h1") == 1
    assert outline.tags.count("main") == 1


def test_no_section_is_missing(outline: Outline) -> None:
    ids = {value for name, value in outline.attributes if name == "id"}
    for first in ("comparison", "incidents", "figures", "threshold", "operating", "calibration",
                  "tuning", "published", "confusion", "gallery", "data", "reproduce"):  # fmt: skip
        assert f"table-1-{first}" in ids
    assert {"table-2-finding-auc", "table-2-averages", "question-1", "glossary"} <= ids
    for figure in ("differences", "roc", "precision_recall", "costs", "reliability"):
        assert f"table-1-{figure}" in ids
    for figure in ("findings", "roc_by_finding", "precision_recall_by_finding"):
        assert f"table-2-{figure}" in ids


def test_the_comparison_has_the_numbers_of_the_results(outline: Outline, results: Results) -> None:
    head, *rows = outline.tables[0].rows
    heads = [text.split(" ")[0] for text in head]
    assert heads[:3] == ["model", "loss", "settings"]
    assert len(rows) == len(results.tables[0].rows)
    for row, cells in zip(results.tables[0].rows, rows, strict=True):
        by_head = dict(zip(heads, cells, strict=True))
        assert by_head["AUC"].startswith(f"{row.figures['auc'].value:.3f}" if row.runs else "n/a")
        if row.comparison is not None:
            assert row.comparison.verdict in by_head["verdict"]
    by_name = {(row[0].split(" ")[0], row[1]): row for row in rows}
    # Eight of nine pairs are in order where one is wrong.
    assert by_name["resnet18", "ce"][heads.index("difference")].startswith("+0.111")


def test_rows_that_did_not_finish_are_there_with_their_reason(outline: Outline) -> None:
    text = " ".join(outline.texts)
    for part in ("broken", "metadata", "theirs", "no ages are known", f"Error: {HOSTILE}"):
        assert part in text
    assert "resnet18-ce-s9-0123" in text


def test_confusions_are_a_table(outline: Outline) -> None:
    (table,) = (each for each in outline.tables if each.rows[0][0] == "row")
    assert table.rows[0][1:] == [
        "true negatives", "false positives", "false negatives", "true positives",
    ]  # fmt: skip
    # At a threshold of 0.5 one of three normal images and one of three abnormal ones is wrong.
    assert {row[0]: row[1:] for row in table.rows}["cxnet_m1 sin"] == ["2", "1", "1", "2"]


def test_every_table_has_a_caption_and_heads_with_a_scope(outline: Outline) -> None:
    assert len(outline.tables) > 10
    for table in outline.tables:
        assert table.caption
        columns = len(table.rows[0])
        assert table.scopes == ["col"] * columns + ["row"] * (len(table.rows) - 1)
        assert {len(row) for row in table.rows} == {columns}


@pytest.mark.usefixtures("nothing_drawn")
def test_misclassified_images_are_shown_with_label_and_probability(
    outline: Outline, tmp_path: Path
) -> None:
    of_images = [
        "labelled normal, probability of abnormal 0.600",
        "labelled abnormal, probability of abnormal 0.400",
    ]
    alts = [value or "" for name, value in outline.attributes if name == "alt"]
    assert [alt for alt in alts if "labelled" in alt] == of_images
    assert "6.png" not in " ".join(outline.texts)
    named = Outline(html(of_one_row(tmp_path), image_names=True))
    alts = [value or "" for name, value in named.attributes if name == "alt"]
    assert [alt for alt in alts if "labelled" in alt] == [
        f"6.png: {of_images[0]}", f"7.png: {of_images[1]}"
    ]  # fmt: skip
    assert "6.png" in " ".join(named.texts)
    sources = [value or "" for name, value in outline.attributes if name == "src"]
    assert all(source.startswith("data:image/") for source in sources)


def of_one_row(folder: Path) -> Results:
    """The network of :func:`full_results` whose images are shown."""
    runs = Runs(folder)
    runs.add("cxnet_m1", ONE_WRONG, loss="sin")
    keep_pixels()
    return runs.results()


@pytest.mark.usefixtures("nothing_drawn")
def test_without_thumbnails_no_image_is_named(tmp_path: Path) -> None:
    results = of_one_row(tmp_path)
    shown, outline = Outline(html(results)), Outline(html(results, thumbnails=0))
    assert "table-1-gallery" in {value for name, value in shown.attributes if name == "id"}
    assert "table-1-gallery" not in {value for name, value in outline.attributes if name == "id"}
    assert "6.png" not in " ".join(outline.texts)


def test_nothing_is_fetched(page: str, outline: Outline) -> None:
    fetching = {"src", "href", "action", "data", "poster", "srcset"}
    addresses = [value or "" for name, value in outline.attributes if name in fetching]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "url(" not in page.replace("url(#", "")
    assert "@import" not in page


def test_the_one_script_is_the_one_that_the_page_allows(page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")


def test_links_and_labels_lead_to_one_element(outline: Outline) -> None:
    ids = [value for name, value in outline.attributes if name == "id"]
    assert len(ids) == len({*ids})
    links = [value or "" for name, value in outline.attributes if name == "href"]
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= {*ids}
    labels = [value for name, value in outline.attributes if name == "aria-labelledby"]
    assert {*labels} <= {*ids}


def test_no_text_becomes_markup(page: str, outline: Outline) -> None:
    assert HOSTILE not in page
    assert page.count("<script") == 1
    texts = "".join(outline.texts)
    # The name of a model has no slash.
    for text in (f"Error: {HOSTILE}", HOSTILE.replace("/", "-")):
        assert text in texts


def test_controls_alone_make_a_page_too(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add("prior", [0.5] * 6)
    page = html(Results(tables=tuple(runs.tables())))
    assert "No network has finished" in " ".join(Outline(page).texts)
    # Without a reference no line crosses the bars.
    assert 'class="bar"' in page
    assert 'class="zero"' not in page
