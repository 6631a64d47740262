"""A report with a bit of everything, and what a page says to who has no browser."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from bench.cache import cache_dir
from bench.data.thumbnails import note_store
from bench.evaluate.collect import collect
from bench.evaluate.results import Results
from bench.runs.records import Outcome
from bench.runs.run import Unfinished
from tests.bench.evaluate.question_runs import QuestionRuns, cross, experiment
from tests.bench.report.runs import (
    LABELS,
    M1,
    ONE_WRONG,
    PERFECT,
    VALIDATION_LABELS,
    Runs,
    data,
    imported,
)
from tests.bench.report.test_tuned import tune

# Anyone names models, and files on a disk have any name.
HOSTILE = "<script>alert('1')</script>\"|&é$x$"
SIZE = 64
IMPORTED = imported()
VOID = frozenset({"meta", "link", "img", "source", "br", "path", "circle", "use", "rect"})


def full_results(root: Path) -> Results:
    """Two tables and an answer: networks, controls, a tuning, failures, hostile names."""
    runs = Runs(root / "runs")
    for seed in (0, 1):
        runs.add("cxnet_m1", ONE_WRONG, loss="sin", seed=seed)
    tuned = runs.add("resnet18", PERFECT, loss="ce")
    runs.add("resnet18", [0.9, 0.8, 0.7, 0.3, 0.2, 0.1], loss="sin")
    runs.add(HOSTILE.replace("/", "-"), [0.2, 0.4, 0.1, 0.6, 0.3, 0.9])
    runs.add("broken", loss="ce", outcome=Outcome(state="failed", reason=f"Error: {HOSTILE}"))
    runs.add("prior", [0.5] * 6)
    runs.add("metadata", outcome=Outcome(state="unavailable", reason="no ages are known"))
    runs.add("theirs", ONE_WRONG, imported=IMPORTED)
    test = np.array([[0.2, 0.1, 0.1], [0.9, 0.2, 0.1], [0.1, 0.8, 0.1]] * 2)
    answers = {"validation": VALIDATION_LABELS, "test": test}
    runs.add_answers(LABELS, "cxnet_m1", answers, loss="sin")
    runs.add_answers(LABELS, "resnet18", answers | {"test": test[::-1]}, loss="ce")
    tune(runs, "resnet18", runs_=[tuned])
    stored = QuestionRuns(root / "asked")
    cross(stored, {("one", "ce"): 16, ("one", "sin"): 1})
    stored.record(experiment(models=["one"]))
    return Results(
        tables=tuple(collect(runs.store.runs(), tunings=runs.store.tunings())),
        questions=(stored.answer(),),
        unfinished=(Unfinished(name="resnet18-ce-s9-0123", running=False),),
    )


def keep_pixels() -> None:
    """Put the pixels of the images of :func:`full_results` where `bench run` would."""
    folder = cache_dir() / "pixels" / ("0" * 64)
    folder.mkdir(parents=True, exist_ok=True)
    images = [f"{number}.png" for number in range(10)]
    (folder / "index.json").write_text(json.dumps({"images": images}))
    ramp = np.arange(SIZE * SIZE, dtype=np.uint32) * 255 // (SIZE * SIZE)
    np.save(folder / "pixels.npy", np.stack([ramp.reshape(SIZE, SIZE)] * 10).astype(np.uint8))
    note_store(data(M1).fingerprint, folder, cache=folder.parent)


@dataclass
class Table:
    """A table of a page."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)
    scopes: list[str | None] = field(default_factory=list)


class Outline(HTMLParser):
    """Elements of a page, read without a browser.

    Attributes:
        tags: in their order, end tags with a slash.
        texts: all texts outside of style and script.
        unclosed: tags that are open at the end.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.tables: list[Table] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.unclosed: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.unclosed.append(tag)
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("th", "td"):
            self.tables[-1].rows[-1].append("")
            if tag == "th":
                self.tables[-1].scopes.append(dict(attrs).get("scope"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & {*self.unclosed}:
            return
        self.texts.append(data)
        if "caption" in self.unclosed:
            self.tables[-1].caption += data.strip()
        elif {"th", "td"} & {*self.unclosed}:
            cell = self.tables[-1].rows[-1][-1]
            self.tables[-1].rows[-1][-1] = " ".join(f"{cell} {data}".split())
