"""Names that would be markup somewhere: in a report of any format they are texts."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest
from markdown_it import MarkdownIt  # rich brings it

from bench.data.tasks import make_task
from bench.report import FORMATS
from bench.report.html.page import html
from bench.report.markdown import escape
from bench.runs.records import Outcome
from tests.bench.report.html.pages import Outline
from tests.bench.report.runs import (
    NODULE,
    NONE,
    ONE_WRONG,
    PERFECT,
    VALIDATION_LABELS,
    Case,
    Runs,
    data,
    imported,
)

SCRIPT = "<script>alert(1)</script>"
LINK = "[l](javascript:alert(1))"
FINDING = f"{SCRIPT} {LINK} `c` *d* \\` ![i](http://x.y/z.png)"
FILE = "=m<b>|\n# .csv"


def hostile(runs: Runs) -> Runs:
    """A network on findings, one of whose names is markup, imported predictions and a failure."""
    named = (FINDING, "Nodule", "Hernia")
    both = (FINDING, "Nodule")
    findings = (NONE, (FINDING,), NODULE, both, NONE, (FINDING,), NODULE, both, (FINDING,), NONE)
    case = Case(task=make_task("findings14", named), findings=findings)
    answers = {"validation": VALIDATION_LABELS, "test": VALIDATION_LABELS[[0, 1, 2, 3, 1, 0]]}
    notes = [f"a note on {FINDING}", f"[r]: javascript:alert(1) {FILE}"]
    about = data(case, root=FILE, notes=notes)
    runs.add_answers(case, "net", answers, about=about)
    runs.add_answers(case, "net", answers, about=about, loss="sin")
    reason = f"Error: {FINDING}"
    failed = Outcome(state="failed", reason=reason)
    runs.add_answers(case, "broken", None, about=about, outcome=failed)
    runs.add("theirs", PERFECT, imported=imported(file=FILE))
    runs.add("other", ONE_WRONG)
    return runs


def test_markdown_reads_no_markup_in_names(runs: Runs) -> None:
    text = hostile(runs).markdown()
    page = MarkdownIt("commonmark").enable("table").render(text)
    outline = Outline(page)
    assert not {"script", "img", "b", "code", "a"} & {*outline.tags}
    # Nowhere else than in a heading, a list and a table is a name; and it is whole.
    heads = [cell for table in outline.tables for row in table.rows for cell in row]
    assert any(cell.startswith(f"{FINDING} (") for cell in heads)
    assert f"a note on {FINDING}" in outline.texts
    assert f"[r]: javascript:alert(1) {' '.join(FILE.split())}" in outline.texts
    assert sum(f"Error: {FINDING}" in each for each in outline.texts) == 1
    assert outline.tags.count("h1") == 0
    for table in outline.tables:
        assert len({len(row) for row in table.rows}) == 1


@pytest.mark.parametrize(
    "name",
    [
        "cxnet_m1",
        "timm:resnet18.a1_in1k",
        "<0.001",
        "[0, 1]",
        "p < 0.05",
        "Größe (mm)",
        "a.b-c/d",
        "-0.5",
    ],
)
def test_an_ordinary_name_is_left_as_it_is(name: str) -> None:
    assert escape(name) == name


@pytest.mark.usefixtures("nothing_drawn")
def test_html_csv_latex_and_json_hold_names_as_texts(runs: Runs) -> None:
    results = hostile(runs).results()
    outline = Outline(html(results))
    assert outline.tags.count("script") == 1
    assert not [value for name, value in outline.attributes if name == "href" and "java" in value]
    assert any(FINDING in text for text in outline.texts)
    frame = pd.read_csv(io.StringIO(FORMATS["csv"](results)), keep_default_na=False)
    assert FINDING in set(frame["finding"])
    latex = FORMATS["latex"](results)
    for line in latex.splitlines():
        assert line.startswith("% ") or SCRIPT not in line
    assert "\n# " not in latex
    (table,) = (
        table
        for table in json.loads(FORMATS["json"](results))["tables"]
        if table["data"]["task"] == "findings14"
    )
    assert table["outputs"]["classes"][0] == FINDING


@pytest.mark.usefixtures("nothing_drawn")
def test_images_are_named_only_where_that_is_wanted(runs: Runs) -> None:
    runs.add("net", ONE_WRONG)
    results = runs.results()
    names = ("6.png", "7.png", "a.png", "b.png")  # misclassified, and left out of the data
    for name in FORMATS:
        text = FORMATS[name](results)
        assert not [image for image in names if image in text], name
    (table,) = json.loads(FORMATS["json"](results))["tables"]
    assert table["data"]["skipped"] == {"truncated": 2}
    (table,) = json.loads(FORMATS["json"](results, image_names=True))["tables"]
    assert table["data"]["skipped_images"] == {"truncated": ["a.png", "b.png"]}
    assert "6.png" in html(results, image_names=True)
