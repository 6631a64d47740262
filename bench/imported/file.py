"""The file of predictions, as text.

It has a header, and is read as every table is (:mod:`bench.data.sources.table`); an image stands
in one row. The image is in the column ``image``, ``Image Index`` (NIH's name for it) or ``path``:
its id as the data source has it, or a path by whose name the id is known. Probabilities are in the
column ``probability`` or in columns ``prob_NAME``. Other columns are not read.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.image_files import without_suffix
from bench.data.sources.table import Table, read_table
from bench.errors import InputError
from bench.text import first_names, printable

IMAGE_COLUMNS = ("image", "Image Index", "path")
PROBABILITY = "probability"
PREFIX = "prob_"
NAMES_SHOWN = 3
"""Names of a list that a message writes out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictionFile:
    """Content of a file of predictions."""

    name: str  # the file's, without its folder
    digest: str  # SHA-256 (hex) of its content
    images: pd.Series[str]  # ids or paths as they are written
    texts: dict[str, pd.Series[str]]  # the columns of probabilities by their heads
    score_column: str | None  # the one that the user chose; None where they go by their heads
    table: Table

    def probabilities(self, column: str) -> NDArray[np.float64]:
        """The values of a column, (rows,).

        Raises:
            InputError: one is no number in [0, 1].
        """
        texts = self.texts[column].to_numpy(object)  # a tenth of the time of a series
        values = np.array([_number(text) for text in texts], np.float64)
        wrong = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))
        if len(wrong):
            row = int(wrong[0])
            text = texts[row]
            hint = (
                "write its decimal comma as a point"
                if not math.isnan(_number(text.replace(",", ".", 1))) and "," in text
                else "leave no gap, and turn logits or per cent into probabilities"
            )
            raise InputError(
                f"{self.at(row)}: {printable(column)} is {printable(text)!r}, no number from 0 to "
                f"1 ({len(wrong):,} such): {hint}"
            )
        return values

    def at(self, row: int) -> str:
        """``preds.csv, line 2 (image 'a.png')``."""
        image = printable(self.images.iloc[row])
        return f"{self.table.at(row)} (image {image!r})"

    def ids(self, known: Collection[str]) -> list[str]:
        """The id of each row's image, of those that the data source knows.

        An image is an id, or a path whose name only one id has, with or without its suffix.

        Raises:
            InputError: an image that is not known, may be several, or is there twice.
        """
        by_name: dict[str, list[str]] = {}
        for image in known:
            for name in {_last_part(image), without_suffix(_last_part(image))}:
                by_name.setdefault(name, []).append(image)
        images = self.images.to_numpy(object)
        candidates = [
            [image] if image in known else by_name.get(_last_part(image), []) for image in images
        ]
        unknown = [image for image, ids in zip(images, candidates, strict=True) if not ids]
        if unknown:
            raise InputError(
                f"{self.name}: images that are not in the labels: "
                f"{first_names(unknown, NAMES_SHOWN)}; there they are called such as "
                f"{printable(min(known))!r}: use these names, or the --config and --data of "
                "these images"
            )
        for row, ids in enumerate(candidates):
            if len(ids) > 1:
                raise InputError(
                    f"{self.at(row)} may be {first_names(sorted(ids), NAMES_SHOWN)} of the labels: "
                    "use these names"
                )
        found = [image for (image,) in candidates]
        counts = Counter(found)
        if len(counts) < len(found):
            image, times = counts.most_common(1)[0]
            raise InputError(
                f"{self.at(found.index(image))} is there {times} times: leave one prediction for "
                "each image"
            )
        return found


def read_file(
    path: Path, *, image_column: str | None = None, score_column: str | None = None
) -> PredictionFile:
    """Read a file of predictions.

    Without ``image_column`` that is one of :data:`IMAGE_COLUMNS`; without ``score_column``
    probabilities are known by their heads.
    """
    content = path.read_bytes()
    name = printable(path.name)
    table = read_table(path)
    if table.rows.empty:
        raise InputError(f"{name} has no predictions: give a header and a row for each image")
    heads = table.names
    image = image_column or next((column for column in IMAGE_COLUMNS if column in heads), None)
    columns = [score_column] if score_column else list(filter(_is_probability, heads))
    if image is None or not columns:
        raise InputError(
            f"{name} wants a column {' or '.join(map(repr, IMAGE_COLUMNS))} (or --image-column), "
            f"and a column {PROBABILITY!r} (or --score-column) or columns that begin with "
            f"{PREFIX!r}; its columns: {first_names(heads, NAMES_SHOWN)}"
        )
    return PredictionFile(
        name=name,
        digest=hashlib.sha256(content).hexdigest(),
        images=table.column(image, option="--image-column"),
        texts={column: table.column(column, option="--score-column") for column in columns},
        score_column=score_column,
        table=table,
    )


def _is_probability(column: str) -> bool:
    return column.lower() == PROBABILITY or column.lower().startswith(PREFIX)


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _number(text: str) -> float:
    """NaN for what is no number; Python would take 0_1 for one."""
    try:
        return float("nan" if "_" in text else text)
    except ValueError:
        return float("nan")
