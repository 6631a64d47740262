"""Whether an image that a cascade is judged on was learned from by any of its stages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.data.description import DataRecord
from bench.data.splits import Split
from bench.errors import InputError
from bench.runs.run import Run

# Above the two columns of a split file.
_HEADER_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Separation:
    """The images of a split that all stages share, read from its file.

    Every stage learns from images of ``train`` alone (a task asks about some of them only), and
    ``train`` has no image in common with the other two.

    Attributes:
        train, validation, test: image ids.
    """

    train: frozenset[str]
    validation: frozenset[str]
    test: frozenset[str]

    def check(self, run: Run, part: str, images: Iterable[str]) -> None:
        """Hold the images that a run is judged on against the split.

        Args:
            run: of any stage.
            part: "validation" or "test".
            images: ids of those that its predictions say are of that part.

        Raises:
            InputError: one of them is not of that part.
        """
        allowed = self.validation if part == "validation" else self.test
        if strangers := set(images) - allowed:
            trained = sorted(strangers & self.train)
            what = (
                f"{trained[0]!r}, from which the stages learned"
                if trained
                else f"{min(strangers)!r}, which the split has elsewhere"
            )
            raise InputError(
                f"run {run.folder.name} judges among its {part} images {what}: its predictions "
                "were changed; delete its folder and run it again"
            )


def read_separation(splits: Path, data: DataRecord) -> Separation:
    """Read the split file that a run's data names.

    Args:
        splits: folder of the split files.
        data: the run's ``data.json``.

    Raises:
        InputError: the file is gone, damaged or another split, or has an image in two parts.
    """
    about = data.split
    path = splits / f"{about.name}-seed{about.seed}-{about.hash[:12]}.csv"
    try:
        rows = pd.read_csv(path, skiprows=_HEADER_LINES, dtype=str, keep_default_na=False)
        images = rows["image"].to_numpy(dtype=object)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"split file {str(path)!r} cannot be read ({error}), and without it nobody can say "
            "that no test image was learned from: copy it here, or run `bench run` once more, "
            "which writes it"
        ) from None
    split = Split.read(path, rows)
    train, validation, test = (frozenset(images[split.parts[p]]) for p in split.parts)
    if split.hash != about.hash or train & (validation | test) or validation & test:
        raise InputError(
            f"split file {str(path)!r} is not the split of the runs: delete it, and run "
            "`bench run` once more, which writes it"
        )
    return Separation(train=train, validation=validation, test=test)
