"""The CSV file of predictions, as text.

It has a header; commas divide; an image stands in one row. The image is in the column ``image``,
``Image Index`` (NIH's name for it) or ``path``: its id as the data source has it, or a path whose
last part is the id. Probabilities are in the column ``probability`` or in columns ``prob_NAME``.
Other columns are not read.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.text import first_names, printable

IMAGE_COLUMNS = ("image", "Image Index", "path")
PROBABILITY = "probability"
PREFIX = "prob_"
# Of a list in a message of one line.
NAMED = 3


@dataclass(frozen=True, kw_only=True)
class PredictionFile:
    """Content of a file of predictions.

    Attributes:
        name: the file's, without its folder.
        digest: SHA-256 (hex) of its content.
        images: ids or paths, one a row, as they are written.
        lines: where each row ends in the file, from 1.
        texts: of the columns of probabilities, by their heads, one text a row.
        unread: heads of the other columns.
    """

    name: str
    digest: str
    images: tuple[str, ...]
    lines: tuple[int, ...]
    texts: dict[str, tuple[str, ...]]
    unread: tuple[str, ...]

    def probabilities(self, column: str) -> NDArray[np.float64]:
        """The values of a column, (rows,).

        Raises:
            InputError: one is no number in [0, 1].
        """
        values = np.array([_number(text) for text in self.texts[column]], np.float64)
        wrong = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))
        if len(wrong):
            row = int(wrong[0])
            raise InputError(
                f"{self.at(row)}: {column} is {printable(self.texts[column][row])!r}, no number "
                f"from 0 to 1 ({_rows(len(wrong))} so): leave no gap, and turn logits or per cent "
                "into probabilities"
            )
        return values

    def at(self, row: int) -> str:
        """``preds.csv, line 2 (image 'a.png')``."""
        return f"{self.name}, line {self.lines[row]} (image {printable(self.images[row])!r})"

    def ids(self, known: Collection[str]) -> list[str]:
        """The id of each row's image.

        Args:
            known: the ids of the data source.

        Raises:
            InputError: an image that is not known, or is there twice.
        """
        found = [image if image in known else _last_part(image) for image in self.images]
        unknown = [self.images[row] for row, image in enumerate(found) if image not in known]
        if unknown:
            raise InputError(
                f"{self.name}: {_images(len(unknown))} not in the labels "
                f"({first_names(unknown, NAMED)}), where they are called such as "
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
        InputError: it is no such CSV file.
    """
    content = path.read_bytes()
    name = printable(path.name)
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, fields) for fields in reader if fields]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name} is no CSV file in UTF-8 that can be read: {error}") from None
    if len(rows) < 2:
        raise InputError(f"{name} has no predictions: give a header and a row for each image")
    head = [text.strip() for text in rows[0][1]]
    if twice := [column for column, count in Counter(head).items() if count > 1 and column]:
        raise InputError(f"{name} has two columns {printable(twice[0])!r}: leave one of them")
    for line, fields in rows[1:]:
        if len(fields) != len(head):
            raise InputError(
                f"{name}, line {line}: it has {len(fields)} fields and the header has {len(head)}"
            )
    columns = {
        column: tuple(text.strip() for text in texts)
        for column, *texts in zip(head, *(fields for _, fields in rows[1:]), strict=True)
    }
    image = next((column for column in IMAGE_COLUMNS if column in columns), None)
    if image is None:
        raise InputError(
            f"{name} has no column {IMAGE_COLUMNS[0]!r}, {IMAGE_COLUMNS[1]!r} or "
            f"{IMAGE_COLUMNS[2]!r}, divided by commas from the others; its columns: "
            f"{first_names(head, NAMED)}"
        )
    read = [column for column in columns if is_single(column) or column.lower().startswith(PREFIX)]
    if not read:
        raise InputError(
            f"{name} has no column {PROBABILITY!r} and none that begins with {PREFIX!r}; its "
            f"columns: {first_names(head, NAMED)}"
        )
    return PredictionFile(
        name=name,
        digest=hashlib.sha256(content).hexdigest(),
        images=columns[image],
        lines=tuple(line for line, _ in rows[1:]),
        texts={column: columns[column] for column in read},
        unread=tuple(column for column in head if column != image and column not in read),
    )


def is_single(column: str) -> bool:
    """Whether a column, by its head, is the only one of its file with probabilities."""
    return column.lower() == PROBABILITY


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _number(text: str) -> float:
    """NaN for what is no number; Python would take 0_1 for one."""
    try:
        return float("nan" if "_" in text else text)
    except ValueError:
        return float("nan")


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def _images(count: int) -> str:
    return "1 image is" if count == 1 else f"{count:,} images are"
