"""Finding out how the images and labels of a folder are laid out, and which source reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.data.image_files import SUFFIXES
from bench.data.make.columns import find_columns, names_file, path_column
from bench.data.sources.nih import find_images
from bench.data.sources.table import Header, Table, is_table, read_table
from bench.data.sources.tree import Steps, Tree, are_class_folders, class_names, inner, look
from bench.errors import InputError
from bench.text import first_names, printable

MOST_CLASSES = 20  # more folders than these are patients or studies
NAMED = 5  # files in a line

_LABEL_OPTIONS = ("label_column", "finding_columns")
_NIH_IMAGE = "Image Index"
_NIH = {_NIH_IMAGE, "Finding Labels"}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout of images and labels in a folder."""

    source: str  # the data source that reads them
    root: Path  # of the source
    options: Mapping[str, object]  # of the source
    lines: tuple[str, ...]  # what was found and decided, for the user
    labelled: bool = True  # whether there are labels
    images: tuple[Steps, ...] = ()  # of a folder without labels, by their steps from the root


def recognise(root: Path, given: Mapping[str, object]) -> Layout:
    """Find out how the images and labels of a folder lie, or of a label table or ``.npz`` file.

    ``given`` are the options of the data source that the user set.
    """
    if not root.exists():
        raise InputError(f"{str(root)!r} is not there: name the folder of the images")
    if root.is_file() and root.suffix.lower() == ".npz":
        return _npz(root)
    folder = root.parent if root.is_file() else root
    tree = look(folder)
    if root.is_dir() and any(_suffix(steps) == ".npz" for steps in tree.others if len(steps) == 1):
        return _npz(root)
    if not tree.files:
        kinds = {_suffix(steps) or "no suffix" for steps in tree.others if not is_table(steps[-1])}
        named = printable(first_names(sorted(kinds), NAMED))
        raise InputError(
            f"no PNG, JPEG, TIFF or DICOM image in {str(folder)!r}"
            + (f" (files: {named}): convert them to one of these" if kinds else "")
        )
    if root.is_file():
        tables = {root: read_table(root, header=_header(given))}
        failures: dict[Path, str] = {}
    else:
        tables, failures = _read_tables(tree, header=_header(given))
    found = _layout(tree, tables, given)
    if not found.labelled and (lost := [f for f in failures if f.suffix.lower() != ".txt"]):
        raise InputError(f"a table that may hold the labels: {failures[lost[0]]}")
    if found.source == "folders":  # which counts all that it does not read
        return found
    skipped = [
        f"{what}: {len(steps):,} ({first_names(['/'.join(step) for step in steps], NAMED)})"
        for what, steps in (
            ("folders of masks that are not read", tree.masks),
            ("system files and folders that are not read", tree.system),
        )
        if steps
    ]
    unread = [f"not read as a table: {failure}" for failure in failures.values()]
    lines = tuple(map(printable, (*found.lines, *unread, *skipped)))
    return replace(found, lines=lines)


def _layout(tree: Tree, tables: Mapping[Path, Table], given: Mapping[str, object]) -> Layout:
    for file, table in tables.items():
        # Kaggle's sample has its images elsewhere, which is a table beside images.
        if set(table.names) >= _NIH and find_images(file.parent).keys() & {*table.rows[_NIH_IMAGE]}:
            line = "layout: ChestX-ray14: read by the data source nih"
            return Layout(source="nih", root=file.parent, options={}, lines=(line,))
    if are_class_folders(tree):
        return _class_folders(tree, tables)
    dicom = [steps for steps in tree.files if _suffix(steps) not in SUFFIXES]
    if 2 * len(dicom) > len(tree.files):
        return _dicom(tree, dicom, tables, given)
    paths = {"/".join(steps) for steps in tree.files}
    named = _text(given, "path_column")
    columns = {
        file: column
        for file, table in tables.items()
        if (column := path_column(table, paths, given=named))
    }
    if len(columns) > 1:
        shared = set.intersection(*({*tables[file].names} for file in columns))
        beside = [f for f in tables if f not in columns and shared & {*tables[f].names}]
        others = f" and of {_names(beside)}, which may have the labels" if beside else ""
        raise InputError(
            f"{len(columns)} tables name the images ({_paths(columns, tree.base)}): name one "
            f"instead of the folder, or make one of them{others} (docs/data.md)"
        )
    if columns:
        ((file, column),) = columns.items()
        return _labelled(tree, file, tables, column, given)
    if 2 <= len(class_names(inner(tree))) <= MOST_CLASSES and not tables:
        return _class_folders(tree, tables)
    if tables:
        return _unlabelled(tree, [f"no table names these images: {_paths(tables, tree.base)}"])
    return _unlabelled(tree, [])


def _npz(root: Path) -> Layout:
    line = f"layout: arrays in MedMNIST's form in {root.name}: read by the data source medmnist"
    return Layout(source="medmnist", root=root, options={}, lines=(line,))


def _class_folders(tree: Tree, tables: Mapping[Path, Table]) -> Layout:
    lines = ["layout: folders of classes: read by the data source folders"]
    if tables:
        lines.append(f"tables that are not read: {_names(tables)}")
    return Layout(source="folders", root=tree.base, options={}, lines=tuple(lines))


def _dicom(
    tree: Tree, files: Sequence[Steps], tables: Mapping[Path, Table], given: Mapping[str, object]
) -> Layout:
    if "labels" not in given:
        # A text may be about anything, such as what is in the folder.
        tables = {file: tables[file] for file in tables if file.suffix.lower() != ".txt"} or {
            file: table for file, table in tables.items() if _has_labels(table, given)
        }
    if not tables and "labels" not in given:
        line = f"layout: {len(files):,} DICOM files without labels: read by the data source dicom"
        return Layout(
            source="dicom",
            root=tree.base,
            options={},
            lines=(line,),
            labelled=False,
            images=tuple(files),
        )
    line = f"layout: {len(files):,} DICOM files: read by the data source dicom"
    if len(tables) > 1 and "labels" not in given:
        raise InputError(
            f"{len(tables)} tables beside the DICOM files ({_paths(tables, tree.base)}): choose "
            "that of the labels with --set data.options.labels=NAME"
        )
    file = tree.base / str(given["labels"]) if "labels" in given else next(iter(tables))
    table = tables[file] if file in tables else read_table(file)
    columns = find_columns(table, path=None, given=given, separator=_separator(given))
    labels = {
        option: value for option, value in columns.options.items() if option in _LABEL_OPTIONS
    }
    if "labels" not in given:
        labels["labels"] = file.relative_to(tree.base).as_posix()
    lines = (line, f"labels: {table.name}", columns.lines[-1])
    return Layout(source="dicom", root=tree.base, options=labels, lines=lines)


def _has_labels(table: Table, given: Mapping[str, object]) -> bool:
    if name := _text(given, "label_column"):
        return table.find(name) is not None
    return find_columns(table, path=None, given=given, separator=_separator(given)).labelled


def _labelled(
    tree: Tree,
    file: Path,
    tables: Mapping[Path, Table],
    column: str,
    given: Mapping[str, object],
) -> Layout:
    table = tables[file]
    paths = {"/".join(steps) for steps in tree.files}
    lines = [f"layout: images listed in {file.name}: read by the data source manifest"]
    header: dict[str, object] = {}
    if "header" not in given and names_file(column, paths):
        header = {"header": "none"}
        lines.append("header: none, since the first row names a file; columns by their numbers")
        table = read_table(file, header="none")
        column = path_column(table, paths, given=_text(given, "path_column")) or "1"
    columns = find_columns(table, path=column, given=given, separator=_separator(given))
    lines += columns.lines
    if not columns.labelled:
        own = {*table.names} - {column}
        if others := [f for f in tables if f != file and own & {*tables[f].names}]:
            raise InputError(
                f"{file.name} names the images and has no labels: join it with the table that has "
                f"them (docs/data.md), which may be {_names(others)}; or name {file.name} instead "
                "of the folder where nobody has labelled them yet"
            )
        return _unlabelled(tree, lines[1:])
    options = {**header, **columns.options}
    if file.resolve().parent != tree.base.resolve() and "image_folder" not in given:
        options["image_folder"] = str(tree.base.resolve())
        lines.append(f"images: in {tree.base.resolve()}")
    return Layout(source="manifest", root=file, options=options, lines=tuple(lines))


def _unlabelled(tree: Tree, lines: Sequence[str]) -> Layout:
    line = f"layout: {len(tree.files):,} images without labels"
    return Layout(
        source="manifest",
        root=tree.base,
        options={},
        lines=(line, *lines),
        labelled=False,
        images=tuple(tree.files),
    )


def _read_tables(tree: Tree, *, header: Header) -> tuple[dict[Path, Table], dict[Path, str]]:
    """The tables of a folder, and why other files that look like tables cannot be read."""
    tables, failures = {}, {}
    for steps in tree.others:
        # Texts in folders of their own are mostly about one image each.
        if not is_table(steps[-1]) or len(steps) > (1 if _suffix(steps) == ".txt" else 2):
            continue
        file = tree.base.joinpath(*steps)
        try:
            table = read_table(file, header=header)
        except InputError as error:
            failures[file] = str(error)
            continue
        if len(table.names) > 1:
            tables[file] = table
    return tables, failures


def _header(given: Mapping[str, object]) -> Header:
    return "none" if given.get("header") == "none" else "first"


def _text(given: Mapping[str, object], option: str) -> str | None:
    return str(given[option]) if option in given else None


def _separator(given: Mapping[str, object]) -> str:
    return str(given.get("label_separator", "|"))


def _suffix(steps: Steps) -> str:
    return Path(steps[-1]).suffix.lower()


def _paths(files: Iterable[Path], folder: Path) -> str:
    return first_names([file.relative_to(folder).as_posix() for file in files], NAMED)


def _names(tables: Iterable[Path]) -> str:
    return first_names([file.name for file in tables], NAMED)
