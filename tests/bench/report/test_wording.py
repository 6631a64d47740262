"""The words of a report: the one place that holds them, beside the templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.evaluate.results import Reference, Results
from bench.report import FORMATS
from bench.runs.records import Outcome
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, TRAINING, Runs
from tests.bench.report.test_per_finding import add_labels
from tests.bench.report.test_tuned import tune

SNAPSHOTS = Path(__file__).parent / "snapshots"


def two_classes(runs: Runs, *, tuned: bool = True) -> Reference:
    """Eight rows: networks in one and in two seeds, tuned, failed, below and beside controls."""
    settings = {"train": TRAINING}
    for seed in (0, 1):
        runs.add("net", ONE_WRONG, loss="sin", seed=seed, settings=settings)
    wide = runs.add("wide", PERFECT, settings={"train": TRAINING | {"lr": 0.5}})
    if tuned:
        tune(runs, "wide", runs_=[wide])
    runs.add("deep", ONE_WRONG, settings=settings)
    runs.add("flat", CHANCE, settings=settings)
    runs.add("broken", outcome=Outcome(state="failed", reason="boom"), settings=settings)
    runs.add("prior", CHANCE)
    runs.add("metadata", outcome=Outcome(state="unavailable", reason="no age, sex or view"))
    runs.add("narrow", ONE_WRONG, settings=settings)
    return Reference(model="net", loss="sin")


def findings(runs: Runs) -> Reference:
    """Two networks that name findings."""
    add_labels(runs, "net")
    add_labels(runs, "wide")
    return Reference(model="net", loss="ce")


def words(runs: Runs, reference: Reference) -> str:
    """The report without its tables of figures."""
    tables = tuple(runs.tables(reference=reference))
    lines = FORMATS["markdown"](Results(tables=tables)).splitlines()
    text = "\n".join(line for line in lines if not line.startswith("|"))
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text + "\n"


@pytest.mark.parametrize("case", [two_classes, findings], ids=lambda case: case.__name__)
def test_the_words_are_those_that_were_read(runs: Runs, case: object) -> None:
    assert callable(case)
    found = words(runs, case(runs))
    kept = (SNAPSHOTS / f"{case.__name__}.md").read_text("utf-8")
    # Write the file anew where a change of words is meant.
    assert found == kept


def test_eight_rows_need_a_few_hundred_words(runs: Runs) -> None:
    assert len(words(runs, two_classes(runs, tuned=False)).split()) <= 750
