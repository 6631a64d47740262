"""The label files of a small ChestX-ray14, without an image, and predictions for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config import Experiment, load_experiment
from bench.imported import Combine, Imported, import_predictions
from bench.runs.store import Store

# Of images 0 to 23, in turns; two images a patient. The official test part is images 12 to 23.
FINDINGS = ("", "Mass", "Nodule", "Mass|Nodule")
IMAGES = 24
FIRST_TESTED = 12
# Two of the six patients of the official training list.
VALIDATION_FRACTION = 0.34


def image(number: int) -> str:
    return f"{number:08d}_000.png"


TRAINING = [image(number) for number in range(FIRST_TESTED)]
TEST = [image(number) for number in range(FIRST_TESTED, IMAGES)]


def write_labels(folder: Path) -> Path:
    """NIH's label file and lists."""
    folder.mkdir()
    labels = pd.DataFrame(
        {
            "Image Index": [image(number) for number in range(IMAGES)],
            "Finding Labels": [FINDINGS[n % 4] or "No Finding" for n in range(IMAGES)],
            "Follow-up #": 0,
            "Patient ID": [number // 2 for number in range(IMAGES)],
            "Patient Age": 50,
            "Patient Gender": "F",
            "View Position": "PA",
        }
    )
    labels.to_csv(folder / "Data_Entry_2017.csv", index=False)
    (folder / "train_val_list.txt").write_text("\n".join(TRAINING))
    (folder / "test_list.txt").write_text("\n".join(TEST))
    return folder


def experiment(folder: Path, **changes: Any) -> Experiment:
    """nih_official on these labels."""
    own = {"data.root": folder, "data.validation_fraction": VALIDATION_FRACTION}
    return load_experiment("nih_official", settings=(), changes=own | changes)


def write_csv(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    pd.DataFrame(dict(columns)).to_csv(path, index=False)
    return path


def import_file(
    path: Path,
    plan: Experiment,
    out: Path,
    *,
    name: str = "theirs",
    combine: Combine | None = None,
) -> Imported:
    """Import a file into the only table that it belongs in."""
    (found,) = import_predictions(
        path, name=name, experiment=plan, store=Store(out), combine=combine
    )
    return found
