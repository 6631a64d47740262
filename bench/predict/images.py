"""Lists of images to predict: files, folders and tables of paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.frozen import Frozen
from bench.data.sources.paths import find_images
from bench.data.sources.table import Table, is_table, read_table
from bench.data.sources.tree import look
from bench.errors import InputError
from bench.registry.core import near_matches
from bench.text import first_names

PATH_COLUMNS = ("path", "image", "file", "filename", "Image Index")
"""Columns of a table that may hold the paths, the first of them that there is."""

_NAMED = 3


class Skipped(Frozen):
    """A file or folder of a folder that is not predicted."""

    name: str
    reason: str  # in a few words


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """An image to predict."""

    name: str  # as the user knows it: its path as it was given, or as its table writes it
    path: Path  # of the file, which need not be there


@dataclass(frozen=True, kw_only=True)
class ImageList:
    """The images that some paths name."""

    # Each file once, in the order of the paths; those of a folder by name.
    images: tuple[ImageFile, ...]
    skipped: tuple[Skipped, ...]  # what lies in the folders beside them
    notes: tuple[str, ...]  # on the tables


def list_images(paths: Sequence[Path]) -> ImageList:
    """List the images that some paths name.

    A path is an image file, whatever its suffix; a folder, searched with those in it for images by
    suffix and for DICOM files without one; or a table (CSV, Excel) with one of
    :data:`PATH_COLUMNS`, whose paths start from its folder.
    """
    images: dict[Path, ImageFile] = {}
    skipped: list[Skipped] = []
    notes: list[str] = []
    repeated = 0
    for path in paths:
        if path.is_dir():
            found, beside = _in_folder(path)
            skipped += beside
        elif is_table(path.name):
            found, more = _in_table(path)
            notes += more
        else:
            found = [_image(path)]
        for image in found:
            repeated += images.setdefault(image.path.resolve(), image) is not image
    if not images:
        names = ", ".join(repr(str(path)) for path in paths)
        others = "; ".join(skipped_lines(skipped))
        raise InputError(
            f"no image in {names}" + (f" ({others})" if others else "") + ": PNG, JPEG, TIFF and "
            "DICOM files are read, others only where they are named one by one"
        )
    if repeated:
        notes.append(f"named more than once, and predicted once: {repeated:,} files")
    return ImageList(images=tuple(images.values()), skipped=tuple(skipped), notes=tuple(notes))


def _image(path: Path) -> ImageFile:
    """An image whose name can be written, whatever bytes the file's name is made of."""
    return ImageFile(name=_text(path), path=path)


def _text(path: Path) -> str:
    return str(path).encode(errors="backslashreplace").decode()


def skipped_lines(skipped: Sequence[Skipped]) -> Iterator[str]:
    """A line for each reason, with the first names."""
    for reason in dict.fromkeys(each.reason for each in skipped):
        names = [each.name for each in skipped if each.reason == reason]
        yield f"skipped {len(names):,}, {reason}: {first_names(names, _NAMED)}"


def _in_folder(folder: Path) -> tuple[list[ImageFile], list[Skipped]]:
    tree = look(folder)
    kinds = (
        (tree.others, "no image by suffix"),
        (tree.system, "hidden, or left by a system"),
        (tree.masks, "a folder of masks"),
    )
    skipped = [
        Skipped(name=_text(folder.joinpath(*steps)), reason=reason)
        for found, reason in kinds
        for steps in found
    ]
    images = []
    for path in (folder.joinpath(*steps) for steps in sorted(tree.files)):
        if path.is_file():
            images.append(_image(path))
        else:  # a pipe would never end
            skipped.append(Skipped(name=_text(path), reason="no file, or a link to none"))
    return images, skipped


def _in_table(file: Path) -> tuple[list[ImageFile], list[str]]:
    table = read_table(file)
    column = table.rows[_path_column(table)]
    listed = find_images([text for text in column if text], file.parent)
    notes = [*table.notes, *listed.notes]
    if empty := int((column == "").sum()):
        notes.append(f"{table.name}: rows without a path: {empty:,}")
    return [ImageFile(name=name, path=file.parent / name) for name in listed.images], notes


def _path_column(table: Table) -> str:
    for name in PATH_COLUMNS:
        if (found := table.find(name)) is not None:
            return found
    raise InputError(
        f"{table.name} has none of the columns {', '.join(PATH_COLUMNS)}: name that of the paths "
        f"so ({near_matches('path', table.names)})"
    )
