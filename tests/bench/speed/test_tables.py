"""The tables of speed, cell by cell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.config.schema import MemoryFormat
from bench.speed.run import Figures
from bench.speed.tables import compared_table, counted_table, measured_table
from tests.bench.speed.figures import (
    CASE,
    COMPARED_FIGURES,
    COUNTED_FIGURES,
    FAILED,
    MEASURED,
    MEASURED_FIGURES,
    machine,
)

SETTING = "- 32 px, 1 channel, batches of 4, float32, loss ce"
WHERE = (
    "- CPU, 2 cores (toy), 2 threads, torch 2.6, timm 1.0, cxnet-bench 0.1.0 (commit unknown), "
    "2026-01-02T03:04:05+00:00"
)
REASON = "- large failed: needs more | than there is"


def parts(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Rows by head (a later column of the same head has a 2 after it), and the lines below."""
    table, _, below = text.partition("\n\n")
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    heads: list[str] = []
    for head in lines[0]:
        heads.append(f"{head} 2" if head in heads else head)
    return [dict(zip(heads, line, strict=True)) for line in lines[2:]], below.splitlines()


def test_measured() -> None:
    rows, notes = parts(measured_table(MEASURED_FIGURES))
    assert rows[0] == {
        "model": "small",
        "training images/s": "5,000,000 (4,000,000–6,000,000)",
        "of its limit": "5%",
        "inference images/s": "20,000,000 (20,000,000–20,000,000)",
        "of its limit 2": "6%",
        "latency ms": "1 (2.2)",
        "peak memory MB": "123",
        "GFLOP/training image": "1.2e-06",
        "capture s": "2.2",
        "compile s": "–",
        "J/training image": "0.375",
        "validation/training": "22.9%",
    }
    assert list(rows[1].values()) == ["large", "failed", *["–"] * 10]
    assert notes[:2] == [SETTING, WHERE]
    assert notes[2].startswith("- limits for 0.2 TFLOP/s and 0.01 TB/s, measured here")
    assert "- inference: batches of 2, as a run answers" in notes
    assert notes[-2:] == ["- small: steps are replayed", REASON]


def test_compared() -> None:
    rows, notes = parts(compared_table(COMPARED_FIGURES))
    assert rows[0] == {
        "model": "small",
        "harness/bare: median": "1.100",
        "minimum–maximum": "0.980–1.200",
        "rounds": "3",
        "harness images/s": "99 (98–120)",
        "bare images/s": "100 (90–100)",
    }
    assert notes[:2] == [SETTING, WHERE]
    assert notes[-1] == REASON


def test_counted() -> None:
    rows, notes = parts(counted_table(COUNTED_FIGURES))
    assert rows[0] == {
        "model": "small",
        "GFLOP/training image": "1.2e-06",
        "MB/training image": "0.0001",
        "arithmetic alone µs": "0.006",
        "traffic alone µs": "0.01",
        "limit µs": "0.01",
        "training limit images/s": "100,000,000",
        "inference limit images/s": "500,000,000",
    }
    # The ceilings are of another machine than the one that counted.
    assert notes[:2] == [SETTING, "- limits for 0.2 TFLOP/s and 0.01 TB/s, as given"]


@pytest.mark.parametrize(
    ("asked", "here", "said"),
    [
        ("auto", "contiguous", ""),
        ("contiguous", "contiguous", ", contiguous"),
        ("auto", "channels_last", ", channels_last"),
        ("channels_last", "channels_last", ", channels_last"),
    ],
)
def test_the_memory_format_is_said_where_it_was_asked_for_or_is_the_gpus(
    asked: MemoryFormat, here: MemoryFormat, said: str
) -> None:
    figures = replace(
        MEASURED_FIGURES,
        machine=replace(MEASURED_FIGURES.machine, memory_format=here),
        setting=replace(CASE, memory_format=asked),
    )
    _, notes = parts(measured_table(figures))
    assert notes[0] == f"- 32 px, 1 channel, batches of 4, float32{said}, loss ce"


def test_compiling_is_said_and_its_seconds_have_a_place() -> None:
    figures = replace(
        MEASURED_FIGURES,
        setting=replace(CASE, compiled=True),
        rows=(replace(MEASURED, compile_seconds=123.4, capture_seconds=0.012),),
    )
    (row,), notes = parts(measured_table(figures))
    assert (row["capture s"], row["compile s"]) == ("0.01", "123.4")
    assert notes[0] == "- 32 px, 1 channel, batches of 4, float32, compiled, loss ce"


def test_where_all_failed_there_is_still_a_table() -> None:
    figures = Figures(machine=machine(ceilings=None), setting=CASE, rows=(FAILED,))
    rows, notes = parts(compared_table(figures))
    assert [row["model"] for row in rows] == ["large"]
    assert notes[-1] == REASON
