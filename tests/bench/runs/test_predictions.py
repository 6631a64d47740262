"""Stored predictions that were edited or cut are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from bench.runs.predictions import PREDICTIONS
from tests.bench.evaluate.stored_runs import StoredRuns


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("0.25", "nan", "a probability is not in"),
        ("0.25", "1.01", "a probability is not in"),
        ("0.25", "-0.01", "a probability is not in"),
        ("0.25", "high", "could not convert"),
        (",1,0.25", ",2,0.25", "a target is '2', not 0 or 1"),
        ("test,", "tests,", "images by part are"),
        ("patient", "person", "columns are not part, image, patient"),
    ],
)
def test_damaged_predictions_say_what_is_wrong(
    tmp_path: Path, old: str, new: str, what: str
) -> None:
    stored = StoredRuns(tmp_path, findings=[(), ("Mass",)] * 4, validation=4)
    run = stored.add("a", np.full(8, 0.25))
    path = run.folder / PREDICTIONS
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(
        InputError, match=f"predictions of run {run.folder.name} are damaged.*{what}"
    ):
        run.predictions()
    path.unlink()
    with pytest.raises(InputError, match=f"predictions of run {run.folder.name} are damaged"):
        run.predictions()
