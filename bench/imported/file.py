"""The file of predictions, as text.

It has a header, and is read as every table is (:mod:`bench.data.sources.table`); an image stands
in one row. The image is in the column ``image``, ``Image Index`` (NIH's name for it) or ``path``:
its id as the data source has it, or a path whose last part is the id. Probabilities are in the
column ``probability`` or in columns ``prob_NAME``. Other columns are not read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    """Content of a file of predictions.

    Attributes:
        name: the file's, without its folder.
        digest: SHA-256 (hex) of its content.
        images: ids or paths as they are written.
        texts: the columns of probabilities by their heads.
        table: the whole file.
    """

    name: str
    digest: str
    images: pd.Series[str]
    texts: dict[str, pd.Series[str]]
    table: Table

    def probabilities(self, column: str) -> NDArray[np.float64]:
        """The values of a column, (rows,).

        Raises:
            InputError: one is no number in [0, 1].
        """
        texts = self.texts[column]
        values = np.array([_number(text) for text in texts], np.float64)
        wrong = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))
        if len(wrong):
            row = int(wrong[0])
            raise InputError(
                f"{self.at(row)}: {column} is {printable(texts.iloc[row])!r}, no number from 0 to "
                f"1 ({len(wrong):,} such): leave no gap, and turn logits or per cent into "
                "probabilities"
            )
        return values

    def at(self, row: int) -> str:
        """``preds.csv, line 2 (image 'a.png')``."""
        image = printable(self.images.iloc[row])
        return f"{self.table.at(row)} (image {image!r})"

    def ids(self, known: Collection[str]) -> list[str]:
        """The id of each row's image.

        Args:
            known: the ids of the data source.

        Raises:
            InputError: an image that is not known, or is there twice.
        """
        found = [image if image in known else _last_part(image) for image in self.images]
        unknown = [
            image for image, name in zip(self.images, found, strict=True) if name not in known
        ]
        if unknown:
            raise InputError(
                f"{self.name}: images that are not in the labels: "
                f"{first_names(unknown, NAMES_SHOWN)}; there they are called such as "
                f"{printable(min(known))!r}: use these names, or the --config and --data of "
                "these images"
            )
        counts = Counter(found)
        if len(counts) < len(found):
            image, times = counts.most_common(1)[0]
            raise InputError(
                f"{self.at(found.index(image))} is there {times} times: leave one prediction for "
                "each image"
            )
        return found


def read_file(path: Path) -> PredictionFile:
    """Read a file of predictions.

    Raises:
        OSError: it cannot be read.
        InputError: it is no such file.
    """
    content = path.read_bytes()
    name = printable(path.name)
    table = read_table(path)
    if table.rows.empty:
        raise InputError(f"{name} has no predictions: give a header and a row for each image")
    heads = [str(column) for column in table.rows.columns]
    image = next((column for column in IMAGE_COLUMNS if column in heads), None)
    columns = [column for column in heads if _is_probability(column)]
    if image is None or not columns:
        raise InputError(
            f"{name} wants a column {' or '.join(map(repr, IMAGE_COLUMNS))}, and a column "
            f"{PROBABILITY!r} or columns that begin with {PREFIX!r}; its columns: "
            f"{first_names(heads, NAMES_SHOWN)}"
        )
    return PredictionFile(
        name=name,
        digest=hashlib.sha256(content).hexdigest(),
        images=table.rows[image],
        texts={column: table.rows[column] for column in columns},
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
