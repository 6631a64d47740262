"""Finding out which columns of a label table hold paths, labels, patients and the like."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bench.data.sources.finding_columns import holds_findings
from bench.data.sources.table import Table
from bench.data.sources.words import BOOLEANS, NORMAL, PARTS, UNKNOWN, fold
from bench.errors import InputError
from bench.text import first_names, printable

# Names of columns in label files, lower case without blanks, underscores and other marks.
_NAMES = {
    "path": {"path", "image", "imagepath", "file", "filename", "filepath", "imageid", "imagename"},
    "label": {
        "label", "labels", "class", "classes", "classname", "finding", "findings", "findinglabels",
        "diagnosis", "target", "category", "disease", "pathology", "befund", "diagnose",
    },
    "patient": {
        "patient", "patientid", "patientno", "subject", "subjectid", "person", "personid", "mrn",
        "pid", "patnr", "patientennr", "patientennummer",
    },
    "view": {"view", "viewposition", "projection"},
    "sex": {"sex", "gender", "patientsex", "patientgender", "geschlecht"},
    "age": {"age", "patientage", "ageyears", "alter", "alterjahre", "alterinjahren"},
    "split": {"split", "part", "subset", "set", "partition"},
}  # fmt: skip

MOST_LABELS = 20
"""More distinct texts than these are no column of labels, unless its name says so."""

NAMED = 4  # labels of a column in a message


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a label table by their meaning."""

    options: dict[str, object]  # of the data source, such as ``{"label_column": "Befund"}``
    lines: tuple[str, ...]  # how each was found, for the user
    labelled: bool  # whether there is a column of labels


def path_column(table: Table, files: Collection[str], *, given: str | None = None) -> str | None:
    """The column whose cells name files, with or without their folder and suffix.

    ``files`` are paths in the data's folder, with forward slashes.

    Returns:
        None where no column names a file in half of its rows, or half of the files (of a part of
        a large set).
    """
    if given is not None:
        return str(table.column(given, option="data.options.path_column").name)
    known: list[set[str]] = [set(files)]
    known.append({file.rpartition("/")[2].lower() for file in files})
    known.append({_stem(file) for file in files})
    shares: dict[str, tuple[float, ...]] = {}
    for name in table.names:
        found = (
            sum(map(known[n].__contains__, form)) for n, form in enumerate(_forms(table, name))
        )
        shares[name] = tuple(count / max(1, len(table.rows)) for count in found)
    best = max(shares.values(), default=(0.0,))
    candidates = [name for name, share in shares.items() if share == best]
    if max(best) < 0.5:
        form = best.index(max(best))
        named_files = known[form].intersection(_forms(table, candidates[0])[form])
        # Numbers may be anything: ages, or scores.
        if 2 * sum(not file.isdigit() for file in named_files) < len(known[form]):
            return None
    named = [name for name in candidates if _key(name) in _NAMES["path"]]
    if len(candidates) > 1 and len(named) != 1:
        raise InputError(
            f"{table.name}: columns {first_names(candidates, 9)} name the image files equally "
            "well: choose one with --set data.options.path_column=NAME"
        )
    return (named or candidates)[0]


def _forms(table: Table, name: str) -> tuple[list[str], ...]:
    """The cells of a column as paths, as names of files, and as names without suffix."""
    cells = [cell.replace("\\", "/") for cell in table.rows[name].tolist()]
    return cells, [cell.rpartition("/")[2].lower() for cell in cells], [*map(_stem, cells)]


def names_file(text: str, files: Collection[str]) -> bool:
    """Whether a text names one of some files, with or without its folder and suffix."""
    return _stem(text.replace("\\", "/")) in {_stem(file) for file in files}


def find_columns(
    table: Table, *, path: str | None, given: Mapping[str, object], separator: str
) -> Columns:
    """The columns of a label table, by their names, then by what they hold.

    ``path`` is its column of paths, ``given`` the options of the data source that the user set.
    """
    options: dict[str, object] = {} if path is None else {"path_column": path}
    lines = [] if path is None else [f"path: column {path!r}, whose cells name files"]
    taken = {str(given[key]) for key in given if key.endswith("_column")} | {path or ""}
    for ours in ("patient", "view", "sex", "age", "split"):
        named = [name for name in table.names if _key(name) in _NAMES[ours] and name not in taken]
        if f"{ours}_column" in given or not named or not _fits(ours, table, named[0]):
            continue
        options[f"{ours}_column"] = named[0]
        taken.add(named[0])
        others = f" (not {first_names(named[1:], NAMED)})" if named[1:] else ""
        lines.append(f"{ours}: column {named[0]!r}, by its name{others}")
    labels, how = _label_options(table, taken=taken, given=given, separator=separator)
    return Columns(
        options={**options, **labels},
        lines=(*lines, how),
        labelled=bool(labels or {"finding_columns", "label_column"} & given.keys()),
    )


def _label_options(
    table: Table, *, taken: Collection[str], given: Mapping[str, object], separator: str
) -> tuple[dict[str, object], str]:
    for option in ("finding_columns", "label_column"):
        if option in given:
            return {}, f"label: data.options.{option}={given[option]}, as set"
    free = [name for name in table.names if name not in taken]
    named = [name for name in free if _key(name) in _NAMES["label"] and _repeats(table, name)]
    if len(named) == 1:
        return {"label_column": named[0]}, f"label: column {named[0]!r}, by its name"
    binary = [name for name in free if holds_findings(table.rows[name])]
    if not named and len(binary) > 1 and any(fold(name) in NORMAL for name in binary):
        names = first_names(binary, MOST_LABELS)
        return {"finding_columns": binary}, f"label: a column for each finding: {names}"
    candidates = named or [
        name for name in free if name in binary or _may_be_label(table, name, separator)
    ]
    if len(candidates) == 1:
        (name,) = candidates
        if name in binary and not set(map(fold, table.rows[name])) <= BOOLEANS.keys():
            line = f"label: column {name!r}, of 1 and blank, 0 or -1 cells"
            return {"finding_columns": [name]}, line
        values = _values(table, name)
        return {
            "label_column": name
        }, f"label: column {name!r}, the only one of few texts: {values}"
    if not candidates:
        return {}, "label: no column of labels was found"
    listed = "; ".join(f"{name!r} ({_values(table, name)})" for name in candidates[:9])
    several = (
        f", or 'data.options.finding_columns={json.dumps(binary, ensure_ascii=False)}' for a "
        "column for each finding"
        if len(binary) > 1
        else ""
    )
    raise InputError(
        printable(
            f"{table.name}: which column is the label? It may be {listed}: choose one with --set "
            f"data.options.label_column=NAME{several}"
        )
    )


def _stem(path: str) -> str:
    name = path.rpartition("/")[2].lower()
    stem, dot, _ = name.rpartition(".")
    return stem if dot else name


def _key(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _given_texts(table: Table, name: str) -> list[str]:
    return [cell for cell in table.rows[name].tolist() if fold(cell) not in UNKNOWN]


def _repeats(table: Table, name: str) -> bool:
    """Whether texts occur again, as labels do and reports in free words do not."""
    texts = _given_texts(table, name)
    return len(set(texts)) <= max(MOST_LABELS, len(texts) / 2)


def _may_be_label(table: Table, name: str, separator: str) -> bool:
    texts = _given_texts(table, name)
    names = {fold(part) for text in set(texts) for part in text.split(separator)}
    return 2 <= len(names) <= MOST_LABELS and 2 * len(set(texts)) <= len(texts)


def _fits(ours: str, table: Table, name: str) -> bool:
    """Whether a column of parts holds mostly parts; any other is what its name says."""
    texts = _given_texts(table, name)
    return ours != "split" or 2 * sum(fold(text) in PARTS for text in texts) > len(texts)


def _values(table: Table, name: str) -> str:
    return first_names(sorted(set(_given_texts(table, name))), NAMED)
