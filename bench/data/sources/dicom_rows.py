"""Finding the DICOM images that each row of a label table is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bench.data.sources.dicom_headers import DicomHeader
from bench.data.sources.patients import as_number
from bench.data.sources.table import Table
from bench.data.sources.words import UNKNOWN, fold
from bench.errors import InputError
from bench.text import first_names, printable

Key = Literal["SOPInstanceUID", "file", "StudyInstanceUID", "AccessionNumber", "PatientID"]
"""What identifies the images of a row, from the narrowest to the widest."""

_SUFFIXES = (".dcm", ".dicom", ".ima")

_Index = dict[str, tuple[int, ...]]
_Forms = Callable[[str], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class RowImages:
    """The images of each row of a table.

    Attributes:
        column: of the table, which holds the key.
        key: what the column holds.
        images: numbers of each row's images, none where the row identifies none.
        loose: how many rows identify them by less than the whole value: an id without its leading
            zeros, a file without its folders or suffix.
    """

    column: str
    key: Key
    images: tuple[tuple[int, ...], ...]
    loose: int


def find_images(
    table: Table,
    headers: Sequence[DicomHeader],
    *,
    key: Key | None,
    key_column: str | None,
    taken: Collection[str],
) -> RowImages:
    """Find the images of each row, by the column and key that fit best.

    Every column is tried with every key, and holds the key by which most of its values identify
    an image. Of columns that have at least half as many such values as the best, the one with the
    narrowest key is taken; the others must not contradict it.

    Args:
        table: of the label file.
        headers: of the images.
        key: the user's choice, if any.
        key_column: the user's choice, if any.
        taken: columns that hold labels.

    Raises:
        InputError: no such column, none that identifies an image, or two that contradict.
    """
    if key_column is not None:
        table.column(key_column, option="data.options.key_column")
    columns = [key_column] if key_column else [n for n in table.names if n not in taken]
    keys: tuple[Key, ...] = (key,) if key else get_args(Key)
    indexes = {name: _index(headers, name) for name in keys}
    found = [pair for column in columns for pair in _candidates(table, column, indexes)]
    if not found:
        raise InputError(
            f"{table.name}: no row identifies a DICOM image by {', '.join(keys)} in "
            f"{first_names([*map(repr, columns)], 9)}: name another table with data.options.labels"
        )
    best = max(values for values, _ in found)
    strong = [candidate for values, candidate in found if 2 * values >= best]
    strong.sort(key=lambda candidate: keys.index(candidate.key))
    chosen = strong[0]
    for other in strong[1:]:
        if any(set(a) - set(b) for a, b in zip(chosen.images, other.images, strict=True) if b):
            raise InputError(
                f"{table.name}: column {printable(chosen.column)!r} taken for {chosen.key} and "
                f"column {printable(other.column)!r} taken for {other.key} identify different "
                "images: say which one does by data.options.key_column and data.options.key"
            )
    return chosen


def _candidates(
    table: Table, column: str, indexes: Mapping[Key, tuple[_Index, _Forms]]
) -> Iterator[tuple[int, RowImages]]:
    """The keys by which most values of a column identify images, with the number of values."""
    texts = table.rows[column].tolist()
    by_key = {
        key: {text: _look_up(text, index, forms) for text in set(texts)}
        for key, (index, forms) in indexes.items()
    }
    values = {key: sum(map(bool, by_text.values())) for key, by_text in by_key.items()}
    most = max(values.values())
    for key, by_text in by_key.items():
        if most and values[key] == most:
            images = tuple(by_text[text] for text in texts)
            exact = indexes[key][0]
            loose = sum(bool(by_text[text]) and text not in exact for text in texts)
            yield most, RowImages(column=column, key=key, images=images, loose=loose)


def _index(headers: Sequence[DicomHeader], key: Key) -> tuple[_Index, _Forms]:
    """The images by the key's values, and the forms in which a row may hold such a value."""
    if key == "file":
        # A name that several files have, in different folders, identifies none.
        owners: dict[str, set[int]] = {}
        for number, header in enumerate(headers):
            for form in _file_forms(header.file):
                owners.setdefault(form, set()).add(number)
        return {form: tuple(who) for form, who in owners.items() if len(who) == 1}, _file_forms
    attribute = {
        "SOPInstanceUID": "sop_instance_uid",
        "StudyInstanceUID": "study_instance_uid",
        "AccessionNumber": "accession_number",
        "PatientID": "patient_id",
    }[key]
    images: dict[str, list[int]] = {}
    for number, header in enumerate(headers):
        value = getattr(header, attribute)
        if fold(value) not in UNKNOWN:
            images.setdefault(value, []).append(number)
    index = {value: tuple(numbers) for value, numbers in images.items()}
    # Excel drops leading zeros: by its number too, where no other value is that number.
    counts = Counter(map(as_number, index))
    by_number = {
        f"number {as_number(value)}": who
        for value, who in index.items()
        if counts[as_number(value)] == 1
    }
    return index | by_number, lambda text: (text, f"number {as_number(text)}")


def _look_up(text: str, index: _Index, forms: _Forms) -> tuple[int, ...]:
    return next((index[form] for form in forms(text) if form in index), ())


def _file_forms(path: str) -> tuple[str, ...]:
    """A path, with and without its folders and its suffix, the fullest first."""
    path = path.replace("\\", "/").removeprefix("./")
    whole = next((path[: -len(s)] for s in _SUFFIXES if path.lower().endswith(s)), path)
    return path, whole, path.rpartition("/")[2], whole.rpartition("/")[2]
