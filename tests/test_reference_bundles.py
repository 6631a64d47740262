"""Bundles that others sent by pull request are whole, public, and fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.evaluate.load import load_results
from bench.runs.store import Store
from bench.share.bundle import unpack
from bench.share.receive import receive

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
BUNDLES = sorted(REFERENCE.glob("*.zip"))
MOST_BYTES = 5_000_000
"""Largest size of a file that everybody clones."""


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_a_bundle_is_whole_and_gives_a_table(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    record = unpack(bundle, tmp_path / "unpacked")
    assert record.names == "plain", "names of public data sets are public: share with --public"
    assert bundle.stat().st_size <= MOST_BYTES
    received = receive(bundle, Store(tmp_path / "runs"))
    assert [run.state for run in received] == ["imported"] * len(record.runs)
    assert {run.folder.name for run in Store(tmp_path / "runs").runs()} == {*record.runs}
    (table,) = load_results(tmp_path / "runs").tables
    assert all(row.figures for row in table.rows)


def test_every_file_here_is_a_bundle_or_its_description() -> None:
    assert {path.suffix for path in REFERENCE.iterdir()} <= {".zip", ".md"}
