"""The page in a real browser: it renders, can be used, and fetches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.evaluate.results import Results
from bench.report.figures.tables import pictures
from bench.report.html.page import html
from tests.bench.report.html.pages import HOSTILE, keep_pixels
from tests.browser import Browser

PHONE = 360
PHONE_HEIGHT = 844
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
# Texts of a column of the comparison, from its head to its last row.
COLUMN = """
const table = document.querySelector("table.sortable");
const heads = [...table.tHead.rows[0].cells];
const at = heads.findIndex((head) => head.textContent.startsWith(arguments[0]));
return [...table.tBodies[0].rows].map((row) => row.cells[at].querySelector(".value").textContent);
"""
SORTED = """
return [...document.querySelectorAll("[aria-sort]")].map(
  (head) => [head.querySelector("button").textContent, head.getAttribute("aria-sort")]);
"""
# Whether the whole of a column's first cell is in view in the comparison.
IN_VIEW = """
const table = document.querySelector("table.sortable");
const heads = [...table.tHead.rows[0].cells];
const cell = heads.find((head) => head.textContent.startsWith(arguments[0]));
return cell.getBoundingClientRect().right <= table.parentElement.getBoundingClientRect().right;
"""
UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its tables have two pictures each, curves and a map of colours among them."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    keep_pixels()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.report.html.page.pictures", lambda table: pictures(table)[:2])
        path.write_text(html(results), encoding="utf-8")
    return path


def test_it_renders_without_a_complaint_and_fetches_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.ask("return document.querySelectorAll('table.sortable').length") > 5
    broken = "return [...document.images].filter((image) => !image.naturalWidth).length"
    assert browser.ask(broken) == 0
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    text = browser.ask("return document.body.textContent")
    assert HOSTILE.replace("/", "-") in text
    assert browser.ask("return document.scripts.length") == 1


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
    refused = [line for line in browser.complaints() if "Content Security Policy" in line]
    assert len(refused) == 2
    assert any("https://example.invalid/pixel.png" in line for line in refused)


def test_a_click_sorts_and_announces_it(browser: Browser, page: Path) -> None:
    browser.open(page)
    before = browser.ask(COLUMN, "AUC")
    assert browser.ask(SORTED) == []
    _button(browser, "AUC").click()
    falling = browser.ask(COLUMN, "AUC")
    known = [float(text.split()[0]) for text in falling if text != "n/a"]
    assert known == sorted(known, reverse=True)
    assert browser.ask(SORTED) == [["AUC", "descending"]]
    assert "AUC" in browser.ask("return document.querySelector('[role=status]').textContent")
    _button(browser, "AUC").click()
    rising = browser.ask(COLUMN, "AUC")
    assert [float(text.split()[0]) for text in rising if text != "n/a"] == sorted(known)
    # Missing values are last in both directions.
    missing = before.count("n/a")
    assert missing > 0
    assert rising[-missing:] == falling[-missing:] == ["n/a"] * missing
    assert sorted(rising) == sorted(before)


def test_text_columns_sort_by_keyboard(browser: Browser, page: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    browser.ask("arguments[0].focus()", _button(browser, "loss"))
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    losses = browser.ask(COLUMN, "loss")
    known = [text for text in losses if text != "–"]
    assert losses == sorted(known) + ["–"] * (len(losses) - len(known))
    assert browser.ask(SORTED) == [["loss", "ascending"]]


def _button(browser: Browser, name: str):  # type: ignore[no-untyped-def]
    """The button of a column of the first table."""
    from selenium.webdriver.common.by import By

    buttons = browser.driver.find_elements(By.CSS_SELECTOR, "table.sortable thead button")
    return next(button for button in buttons if button.text.strip() == name)


def test_rows_are_filtered_in_all_tables_of_a_comparison(browser: Browser, page: Path) -> None:
    from selenium.webdriver.common.by import By

    browser.open(page)
    shown = (
        "return [...document.querySelectorAll('#table-1-' + arguments[0] + '-table')].flatMap("
        "(caption) => [...caption.closest('table').tBodies[0].rows].filter((row) => "
        "row.checkVisibility()).map((row) => row.dataset.row.trim()))"
    )
    every = browser.ask(shown, "threshold")
    field = browser.driver.find_element(By.CSS_SELECTOR, "#table-1 ~ .filter input, .filter input")
    field.send_keys("RESNET18 tuned")
    assert browser.ask(shown, "comparison") == ["resnet18 ce tuned"]
    assert browser.ask(shown, "threshold") == ["resnet18 ce tuned"]
    field.clear()
    field.send_keys(" ")
    assert browser.ask(shown, "threshold") == every


def test_the_keyboard_comes_to_the_report_first_and_sees_where_it_is(
    browser: Browser, page: Path
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    active = "return [document.activeElement.className, document.activeElement.offsetLeft]"
    name, left = browser.ask(active)
    assert name == "skip"
    assert left >= 0
    assert browser.ask("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert browser.ask("return document.activeElement.id") == "main"


def test_text_can_be_read_on_light_and_dark_ground(browser: Browser, page: Path) -> None:
    grounds = set()
    for dark in (False, True):
        browser.open(page, dark=dark)
        browser.ask(UNFOLD)
        seen, faint = browser.ask(CONTRAST)
        assert seen > 300
        assert faint == []
        grounds.add(browser.ask("return getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_a_phone_scrolls_tables_but_never_the_page_sideways(browser: Browser, page: Path) -> None:
    browser.open(page, width=PHONE)
    assert browser.ask(IN_VIEW, "AUC") is True
    browser.ask(UNFOLD)
    assert browser.ask("return document.documentElement.scrollWidth") == PHONE
    # What is wider can be scrolled by keyboard, and has a name.
    wide = """
    return [...document.querySelectorAll("*")].filter((each) =>
      each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX === "auto"
    ).map((each) => [each.tabIndex,
      each.tagName === "PRE" || each.getAttribute("role") === "region"]);
    """
    regions = browser.ask(wide)
    assert regions
    assert all(region == [0, True] for region in regions)


def test_the_first_screen_of_a_phone_holds_the_card_and_the_picture(
    browser: Browser, page: Path
) -> None:
    browser.open(page, width=390)
    shown = """
    const [card, image] = [".lead .card", ".lead .drawing img"].map((each) =>
      document.querySelector(each));
    return [card.getBoundingClientRect().top, card.getBoundingClientRect().bottom,
      image.getBoundingClientRect().top, image.getBoundingClientRect().bottom,
      image.getBoundingClientRect().right, image.currentSrc === image.src];
    """
    top, card, image, bottom, right, is_wide = browser.ask(shown)
    assert 0 <= top < card <= image < bottom <= PHONE_HEIGHT
    assert right <= 390
    assert is_wide is False
    browser.open(page, width=1280)
    assert browser.ask(shown)[-1] is True


def test_on_a_laptop_the_verdict_is_in_view(browser: Browser, page: Path) -> None:
    browser.open(page, width=1280)
    assert browser.ask(IN_VIEW, "verdict") is True


def test_figures_landmarks_and_regions_have_names(browser: Browser, page: Path) -> None:
    browser.open(page)
    figures = browser.ask(
        "return [...document.querySelectorAll('figure img')].map((each) => each.alt.length)"
    )
    assert len(figures) > 3
    assert all(length > 20 for length in figures)
    # A bar repeats the text beside it, and is not read out.
    bars = browser.ask(
        "return [...document.querySelectorAll('td svg')].map("
        "(each) => [each.getAttribute('aria-hidden'), each.parentElement.innerText.trim().length])"
    )
    assert bars
    assert all(hidden == "true" and length > 0 for hidden, length in bars)
    for landmark in ("header", "nav", "main", "footer"):
        assert browser.ask("return document.querySelectorAll(arguments[0]).length", landmark) == 1
    nameless = """
    return [...document.querySelectorAll("[role=region], nav, section")].filter((each) => {
      const by = each.getAttribute("aria-labelledby");
      const name = by ? document.getElementById(by).textContent : each.getAttribute("aria-label");
      return !name.trim();
    }).length + [...document.images].filter((each) => !each.alt).length;
    """
    assert browser.ask(nameless) == 0


def test_it_prints_on_white_with_all_that_is_folded(browser: Browser, page: Path) -> None:
    browser.open(page, width=1009, dark=True, paper=True)
    ask = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert browser.ask(ask, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert browser.ask(ask, "nav", "display") == "none"
    assert browser.ask(ask, "figure", "breakInside") == "avoid"
    assert browser.ask(ask, ".scroll", "overflowX") == "visible"
    folded = (
        "return [...document.querySelectorAll('details > *')].every((each) => each.offsetHeight)"
    )
    assert browser.ask(folded) is True
    assert browser.pdf().startswith(b"%PDF")
