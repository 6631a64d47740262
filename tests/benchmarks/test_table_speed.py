"""Seconds to read the 112,120 rows of ChestX-ray14, beside pandas alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data.sources import manifest, nih
from bench.data.sources.table import Table, read_table
from bench.data.study import StudyTable
from tests.shared_data import shared

COLUMNS = manifest.ManifestOptions(
    path_column="Image Index", label_column="Finding Labels", patient_column="Patient ID"
)
READERS: dict[str, Callable[[Path], Table | StudyTable]] = {
    "table": read_table,
    "manifest": lambda file: manifest.read_labels(file, COLUMNS),
    "nih": lambda file: nih.read_labels(file.parent),
}


def seconds(read: Callable[[Path], object], file: Path) -> float:
    """Processor seconds, which other processes change little."""
    began = time.process_time()
    read(file)
    return time.process_time() - began


@pytest.mark.parametrize("name", READERS)
def test_112120_rows_beside_pandas(name: str, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    file, rows = shared("nih-mini") / "Data_Entry_2017_v2020.csv", 112_120
    if benchmark.disabled:
        lines, rows = file.read_text().splitlines(keepends=True), 1000
        file = tmp_path / file.name
        file.write_text("".join(lines[: 1 + rows]))
    counts = []

    def read(file: Path) -> None:
        counts.append(len(READERS[name](file).rows))

    def both() -> tuple[float, float]:
        return seconds(pd.read_csv, file), seconds(read, file)

    pandas, ours = benchmark.pedantic(both, rounds=1)
    benchmark.extra_info["pandas' read_csv (s)"] = round(pandas, 2)
    benchmark.extra_info["ours less that (s)"] = round(ours - pandas, 2)
    assert counts[-1] == rows
