"""Finding the DICOM images that each row of a label table is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from bench.data.image_files import DICOM_SUFFIXES
from bench.data.sources.dicom_headers import DicomHeader
from bench.data.sources.patients import as_number
from bench.data.sources.table import Table
from bench.data.sources.words import UNKNOWN, fold
from bench.errors import InputError
from bench.text import first_names, printable

Key = Literal["SOPInstanceUID", "file", "StudyInstanceUID", "AccessionNumber", "PatientID"]
"""Keys that identify the images of a row, from the narrowest to the widest."""

_ATTRIBUTES: dict[Key, str] = {
    "SOPInstanceUID": "sop_instance_uid",
    "file": "file",
    "StudyInstanceUID": "study_instance_uid",
    "AccessionNumber": "accession_number",
    "PatientID": "patient_id",
}

Numbers = tuple[int, ...]
"""Numbers of images, by their order."""


@dataclass(frozen=True, kw_only=True)
class RowImages:
    """The images of each row of a table."""

    column: str  # of the table, which holds the key
    key: Key  # what the column holds
    images: tuple[Numbers, ...]  # numbers of each row's images, none where the row identifies none
    # How many rows identify them by less than the whole value: an id without its leading zeros, a
    # file without its folders or suffix, either in other case.
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
    narrowest key is taken; the others must not contradict it. The user may choose either; columns
    that are ``taken`` hold labels.
    """
    if key_column is not None:
        table.column(key_column, option="data.options.key_column")
    columns = [key_column] if key_column else [n for n in table.names if n not in taken]
    keys: tuple[Key, ...] = (key,) if key else get_args(Key)
    indexes = {name: _Index.make(headers, name) for name in keys}
    if not columns:
        raise InputError(f"{table.name} has no column beside the labels that names the images")
    found = [pair for column in columns for pair in _candidates(table, column, indexes)]
    if not found:
        raise InputError(
            f"{table.name}: no row identifies a DICOM image by {', '.join(keys)} in "
            f"{first_names([*map(repr, columns)], 9)}: name another table with data.options.labels"
        )
    best = max(values for values, _ in found)
    strong = [candidate for values, candidate in found if 2 * values >= best]
    strong.sort(key=lambda candidate: keys.index(candidate.key))
    for chosen in strong:
        if not _rivals(chosen, strong):
            return chosen
    first, rival = strong[0], _rivals(strong[0], strong)[0]
    raise InputError(
        f"{table.name}: column {printable(first.column)!r} taken for {first.key} and column "
        f"{printable(rival.column)!r} taken for {rival.key} identify different images: say which "
        "one does by data.options.key_column and data.options.key"
    )


def _rivals(chosen: RowImages, strong: Sequence[RowImages]) -> list[RowImages]:
    """The candidates of columns that contradict the chosen one, whatever they hold."""
    agreeing = {candidate.column for candidate in strong if _agree(chosen, candidate)}
    return [candidate for candidate in strong if candidate.column not in agreeing]


def _agree(narrow: RowImages, wide: RowImages) -> bool:
    """Whether the images of each row are among those of the wider key, where it knows any."""
    return not any(set(a) - set(b) for a, b in zip(narrow.images, wide.images, strict=True) if b)


def _candidates(
    table: Table, column: str, indexes: Mapping[Key, _Index]
) -> Iterator[tuple[int, RowImages]]:
    """The keys by which most values of a column identify images, with the number of values."""
    texts = table.rows[column].tolist()
    by_key = {key: index.look_up(set(texts)) for key, index in indexes.items()}
    most = max(map(len, by_key.values()))
    for key, by_text in by_key.items():
        if most and len(by_text) == most:
            images = tuple(by_text.get(text, ()) for text in texts)
            loose = sum(text in by_text and text not in indexes[key].exact for text in texts)
            yield most, RowImages(column=column, key=key, images=images, loose=loose)


class _Index(NamedTuple):
    """The images by the values of a key, and by such forms of a value as no other value has."""

    forms: Callable[[str], tuple[str, ...]]  # of a value, the fullest first
    exact: dict[str, Numbers]
    loose: dict[str, Numbers]

    @classmethod
    def make(cls, headers: Sequence[DicomHeader], key: Key) -> _Index:
        images: dict[str, list[int]] = {}
        for number, header in enumerate(headers):
            value = getattr(header, _ATTRIBUTES[key])
            if fold(value) not in UNKNOWN:
                images.setdefault(value, []).append(number)
        exact = {value: tuple(numbers) for value, numbers in images.items()}
        forms = _file_forms if key == "file" else _id_forms
        # A file's name may be that of several, in different folders.
        owners = Counter(form for value in exact for form in set(forms(value)))
        loose = {
            form: numbers
            for value, numbers in exact.items()
            for form in forms(value)
            if owners[form] == 1
        }
        return cls(forms, exact, loose)

    def look_up(self, texts: set[str]) -> dict[str, Numbers]:
        """The images of those texts that identify any."""
        found = {text: self.exact[text] for text in texts & self.exact.keys()}
        for text in texts - self.exact.keys():
            for form in self.forms(text):
                if form in self.loose:
                    found[text] = self.loose[form]
                    break
        # "train/1.dcm" is not the file "test/1.dcm" where another row names that one too.
        claims = Counter(found.values())
        return {
            text: images
            for text, images in found.items()
            if text in self.exact or claims[images] == 1
        }


def _id_forms(text: str) -> tuple[str, ...]:
    """An id as it may be written: Excel drops leading zeros."""
    return (as_number(text).lower(),)


def _file_forms(path: str) -> tuple[str, ...]:
    """A path, with and without its folders and its suffix, the fullest first."""
    path = path.replace("\\", "/").removeprefix("./").lower()
    whole = path.rpartition(".")[0] if path.endswith(DICOM_SUFFIXES) else path
    return path, whole, path.rpartition("/")[2], whole.rpartition("/")[2]
