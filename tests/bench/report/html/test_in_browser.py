"""The page in a real browser: it renders, can be used, and asks for nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.evaluate.results import Results
from bench.report.html import html
from tests.bench.report.html.pages import HOSTILE, full_report, keep_pixels
from tests.bench.report.runs import PERFECT, Runs
from tests.browser import Browser

PHONE = 360
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
# The texts of a column of the comparison, from its head to its last row.
COLUMN = """
const table = document.querySelector("table.sortable");
const heads = [...table.tHead.rows[0].cells];
const at = heads.findIndex((one) => one.textContent.startsWith(arguments[0]));
return [...table.tBodies[0].rows].map((row) => row.cells[at].querySelector(".value").textContent);
"""
SORTED = """
return [...document.querySelectorAll("[aria-sort]")].map(
  (one) => [one.querySelector("button").textContent, one.getAttribute("aria-sort")]);
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    keep_pixels()
    path = folder / "report.html"
    path.write_text(html(full_report(folder / "runs")), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: ``$BENCH_SCREENSHOTS``, or with the other files of the tests."""
    if wanted := os.environ.get("BENCH_SCREENSHOTS"):
        Path(wanted).mkdir(parents=True, exist_ok=True)
        return Path(wanted)
    return tmp_path_factory.mktemp("screenshots")


def test_it_renders_without_a_complaint_and_asks_for_nothing(
    browser: Browser, page: Path, screenshots: Path
) -> None:
    browser.open(page)
    assert browser.ask("return document.querySelector('h1').textContent").startswith("Chest X-ray")
    assert browser.ask("return document.querySelectorAll('table.sortable').length") > 5
    broken = "return [...document.images].filter((one) => !one.naturalWidth).length"
    assert browser.ask(broken) == 0
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    browser.screenshot(screenshots / "report.png")
    assert (screenshots / "report.png").stat().st_size > 10_000


def test_the_policy_stops_what_the_page_did_not_bring(browser: Browser, page: Path) -> None:
    browser.open(page)
    ran = """
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    const image = new Image();
    image.src = "https://example.invalid/pixel.png";
    return window.ran === true;
    """
    assert browser.ask(ran) is False
    refused = [one for one in browser.complaints() if "Content Security Policy" in one]
    assert len(refused) == 2
    assert any("https://example.invalid/pixel.png" in one for one in refused)


def test_a_hostile_name_is_a_name(browser: Browser, page: Path) -> None:
    browser.open(page)
    text = browser.ask("return document.body.textContent")
    assert HOSTILE.replace("/", "-") in text
    assert browser.ask("return document.scripts.length") == 1


def test_a_click_sorts_and_says_so(browser: Browser, page: Path) -> None:
    browser.open(page)
    before = browser.ask(COLUMN, "AUC")
    assert browser.ask(SORTED) == []
    _press(browser, "AUC", "click")
    falling = browser.ask(COLUMN, "AUC")
    known = [float(text.split()[0]) for text in falling if text != "n/a"]
    assert known == sorted(known, reverse=True)
    assert browser.ask(SORTED) == [["AUC", "descending"]]
    assert browser.ask("return document.querySelector('[role=status]').textContent") == (
        "Sorted by AUC, falling."
    )
    _press(browser, "AUC", "click")
    rising = browser.ask(COLUMN, "AUC")
    assert [float(text.split()[0]) for text in rising if text != "n/a"] == sorted(known)
    # What has no figure is last whichever way.
    missing = before.count("n/a")
    assert missing > 0
    assert rising[-missing:] == falling[-missing:] == ["n/a"] * missing
    assert sorted(rising) == sorted(before)


def test_text_columns_sort_by_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    _press(browser, "loss", "keyboard")
    losses = browser.ask(COLUMN, "loss")
    known = [text for text in losses if text != "–"]
    assert known == sorted(known)
    assert losses[len(known) :] == ["–"] * (len(losses) - len(known))
    assert browser.ask(SORTED) == [["loss", "ascending"]]


def _press(browser: Browser, name: str, by: str) -> None:
    """Use the button of a column of the first table."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    buttons = browser.driver.find_elements(By.CSS_SELECTOR, "table.sortable thead button")
    button = next(one for one in buttons if one.text.strip() == name)
    if by == "click":
        button.click()
    else:
        browser.ask("arguments[0].focus()", button)
        browser.driver.switch_to.active_element.send_keys(Keys.ENTER)


def test_the_keyboard_comes_to_the_report_first_and_sees_where_it_is(
    browser: Browser, page: Path
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    first = """
    const one = document.activeElement;
    return [one.textContent, one.getBoundingClientRect().left];
    """
    text, left = browser.ask(first)
    assert text == "Skip to the report"
    assert left >= 0
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.ask(outline) == "solid"
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert browser.ask("return document.activeElement.id") == "main"


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_on_its_ground(
    browser: Browser, page: Path, dark: bool, screenshots: Path
) -> None:
    browser.open(page, dark=dark)
    browser.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    seen, faint = browser.ask(CONTRAST)
    assert seen > 300
    assert faint == []
    if dark:
        browser.screenshot(screenshots / "dark.png")


def test_dark_is_dark(browser: Browser, page: Path) -> None:
    colour = "return getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    light = browser.ask(colour)
    browser.open(page, dark=True)
    assert browser.ask(colour) != light


def test_a_phone_never_scrolls_the_page_sideways(
    browser: Browser, page: Path, screenshots: Path
) -> None:
    browser.open(page, width=PHONE)
    browser.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.ask("return document.documentElement.scrollWidth") == PHONE
    # What is wider than that can be scrolled by keyboard, and says what it is.
    wide = """
    return [...document.querySelectorAll("*")].filter((one) => one.scrollWidth > one.clientWidth + 1
      && getComputedStyle(one).overflowX === "auto").map((one) => [one.tabIndex,
      one.tagName === "PRE" || one.getAttribute("role") === "region"]);
    """
    regions = browser.ask(wide)
    assert regions
    assert all(one == [0, True] for one in regions)
    browser.screenshot(screenshots / "phone.png")


def test_pictures_say_in_words_what_they_show(browser: Browser, page: Path) -> None:
    browser.open(page)
    drawings = browser.ask(
        "return [...document.querySelectorAll('figure svg')].map("
        "(one) => [one.getAttribute('role'), (one.getAttribute('aria-label') || '').length])"
    )
    assert len(drawings) > 3
    assert all(role == "img" and length > 20 for role, length in drawings)
    # A bar repeats the text beside it, and is not read out.
    bars = browser.ask(
        "return [...document.querySelectorAll('td svg')].map("
        "(one) => [one.getAttribute('aria-hidden'), one.parentElement.innerText.trim().length])"
    )
    assert bars
    assert all(hidden == "true" and length > 0 for hidden, length in bars)
    nameless = "return [...document.images].filter((one) => !one.alt).length"
    assert browser.ask(nameless) == 0


def test_landmarks_and_regions_have_names(browser: Browser, page: Path) -> None:
    browser.open(page)
    for landmark in ("header", "nav", "main", "footer"):
        assert browser.ask("return document.querySelectorAll(arguments[0]).length", landmark) == 1
    nameless = """
    return [...document.querySelectorAll("[role=region], nav, section")].filter((one) => {
      const by = one.getAttribute("aria-labelledby");
      const name = by ? document.getElementById(by).textContent : one.getAttribute("aria-label");
      return !name.trim();
    }).length;
    """
    assert browser.ask(nameless) == 0


def test_it_prints_on_white_without_what_paper_cannot_do(browser: Browser, page: Path) -> None:
    browser.open(page, width=1009, dark=True, paper=True)
    ask = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert browser.ask(ask, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert browser.ask(ask, "nav", "display") == "none"
    assert browser.ask(ask, "figure", "breakInside") == "avoid"
    assert browser.ask(ask, ".scroll", "overflowX") == "visible"
    folded = "return [...document.querySelectorAll('details > *')].every((one) => one.offsetHeight)"
    assert browser.ask(folded) is True
    assert browser.pdf().startswith(b"%PDF")


def test_on_a_laptop_the_verdict_is_in_view(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    verdict = """
    const table = document.querySelector("table.sortable");
    const heads = [...table.tHead.rows[0].cells];
    const cell = heads.find((one) => one.textContent.startsWith("verdict"));
    return cell.getBoundingClientRect().right <= table.parentElement.getBoundingClientRect().right;
    """
    assert browser.ask(verdict) is True


def test_on_a_phone_names_break_at_underscores_alone(browser: Browser, tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    runs.add("timm:mobilenetv3_small_100", PERFECT)
    path = tmp_path / "report.html"
    path.write_text(html(Results(tables=tuple(runs.tables()))), encoding="utf-8")
    browser.open(path, width=400)
    lines = """
    const cell = document.querySelector("table.sortable tbody th .value");
    const lines = [];
    for (const node of cell.childNodes) for (let at = 0; at < node.length; at++) {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const top = Math.round(range.getBoundingClientRect().top);
      if (!lines.length || lines.at(-1)[0] !== top) lines.push([top, ""]);
      lines.at(-1)[1] += node.data[at];
    }
    return lines.map((one) => one[1]);
    """
    assert browser.ask(lines) == ["timm:mobilenetv3_", "small_100"]
