"""Paths in label files, which are not always quite those of the files."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.image_files import without_suffix
from bench.data.sources.tree import look
from bench.errors import InputError
from bench.text import first_names, printable

SAMPLE = 2000  # paths by which the way is chosen in which all are looked for

MOST_FILES = 500_000  # around a label file; more are a whole disk, and slow to look through

NAMES_NOTED = 3  # of folders, suffixes and files that were probably meant


@dataclass(frozen=True, kw_only=True)
class ListedImages:
    """The images that a label file lists, and where they are."""

    images: list[str]  # each row's image id
    missing: Mapping[str, str]  # one clause on each image that is not there, by its id
    notes: tuple[str, ...]  # how paths were found that are not quite those of the files


@dataclass(frozen=True, kw_only=True)
class _Way:
    """A way in which listed paths may differ from those of the files."""

    dropped: str  # what all begin with and the files do not, such as ``"/home/me/"``
    below: bool  # the files are in subfolders that are not listed
    suffix: bool  # the listed names lack the files' suffix
    fold: bool  # upper and lower case differ, or composed and decomposed letters

    def key(self, path: str) -> str:
        """The form in which paths are compared."""
        return _folded(path) if self.fold else path

    def file_key(self, file: str) -> str:
        """The form of a file's path that equals that of its listed path, or ends in it."""
        return self.key(without_suffix(file) if self.suffix else file)

    def find(self, paths: Iterable[str], files: Sequence[str]) -> dict[str, list[str]]:
        """The files of each path, of the paths that have any."""
        by_name: dict[str, list[tuple[str, str]]] = {}
        for file in files:
            key = self.file_key(file)
            by_name.setdefault(posixpath.basename(key) if self.below else key, []).append(
                ("/" + key, file)
            )
        found = {}
        for path in paths:
            key = self.key(path.removeprefix(self.dropped))
            name = posixpath.basename(key) if self.below else key
            hits = [file for whole, file in by_name.get(name, ()) if whole.endswith("/" + key)]
            if hits:
                found[path] = hits
        return found

    def describe(self, found: Mapping[str, str]) -> str:
        """A note on paths that were found in this way, by the files."""
        how = [f"without {printable(self.dropped)!r} in front"] * bool(self.dropped)
        if self.below:
            folders = sorted({posixpath.dirname(file) or "." for file in found.values()})
            how.append(f"in subfolders ({first_names(folders, NAMES_NOTED)})")
        if self.suffix:
            suffixes = sorted({posixpath.splitext(file)[1] for file in found.values()})
            how.append(f"with a suffix added ({first_names(suffixes, NAMES_NOTED)})")
        if self.fold:
            how.append("in other case")
        paths = "1 path was" if len(found) == 1 else f"{len(found):,} paths were"
        return f"{paths} found {', '.join(how)}"


def find_images(paths: Sequence[str], folder: Path) -> ListedImages:
    """Find the images that a label file in a folder lists.

    An id is the path in the folder, normalised, with forward slashes. Paths without a file may
    differ from one in a few ways: what all of them begin with (a folder of another machine, or the
    folder's own name once more), subfolders, suffix, case. Of these ways the one that finds most
    files is taken, if it finds one file for each path and no file twice.
    """
    images = _image_ids(paths, folder)
    listed = list(dict.fromkeys(images))
    present = set(_present(listed, folder))
    lost = [image for image in listed if image not in present]
    if not lost:
        return ListedImages(images=images, missing={}, notes=())
    try:
        files = ["/".join(steps) for steps in look(folder, limit=MOST_FILES).files]
    except (OSError, InputError):
        files = []
    candidates, way = _best_way(lost, files)
    chosen = {path: hits[0] for path, hits in candidates.items()}
    detail = "listed, but the file is not there"
    if any(len(hits) > 1 for hits in candidates.values()) or (
        len({*chosen.values(), *present}) < len(chosen) + len(present)
    ):
        hints = {path: " or ".join(hits[:NAMES_NOTED]) for path, hits in candidates.items()}
        missing = {
            path: f"{detail}; probably meant: {hints[path]}" if path in hints else detail
            for path in lost
        }
        return ListedImages(images=images, missing=missing, notes=())
    return ListedImages(
        images=[chosen.get(image, image) for image in images],
        missing={path: detail for path in lost if path not in chosen},
        notes=(way.describe(chosen),) if chosen else (),
    )


def _best_way(paths: Sequence[str], files: Sequence[str]) -> tuple[dict[str, list[str]], _Way]:
    """The files of each path in the way that finds most, and that way."""
    some = paths[:: 1 + len(paths) // SAMPLE]
    names = set(map(_name, some))
    near = [file for file in files if _name(file) in names]
    most = -1
    for way in _ways(paths):
        count = len(way.find(some, near))
        if count > most:
            most, best = count, way
        if count == len(some):
            break
    return best.find(paths, files), best


def _name(path: str) -> str:
    """The part of a path's name that all ways of writing it share."""
    return _folded(without_suffix(posixpath.basename(path)))


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _ways(paths: Sequence[str]) -> Iterator[_Way]:
    """The ways in which paths may differ from those of the files, the closest first."""
    # Cut at a slash. What the first and the last in order share, all share.
    shared = os.path.commonprefix([min(paths), max(paths)]).split("/")[:-1]  # noqa: RUF071
    # A path of another machine holds nowhere here; a relative one may be of files that lack.
    foreign = paths[0].startswith("/") or paths[0][1:2] == ":"
    for count in range(len(shared) + 1):
        dropped = "".join(f"{name}/" for name in shared[:count])
        for below in (False, True) if count == (len(shared) if foreign else 0) else (False,):
            for suffix in (False, True):
                for fold in (False, True):
                    yield _Way(dropped=dropped, below=below, suffix=suffix, fold=fold)


def _present(images: Iterable[str], folder: Path) -> Iterator[str]:
    """The images whose files are there; each folder is listed once, as 100,000 calls are slow."""
    listings: dict[str, set[str] | None] = {}
    for image in images:
        below, name = posixpath.split(image)
        if below not in listings:
            listings[below] = _names(folder / below)
        names = listings[below]
        if name in names if names is not None else _is_file(folder / image):
            yield image


def _names(folder: Path) -> set[str] | None:
    """The names of the files in a folder; None where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (OSError, ValueError):
        return None


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):  # the name is too long, or holds what no name can
        return False


def _image_ids(paths: Sequence[str], folder: Path) -> list[str]:
    """Paths in the folder as relative ones, others as they are, all of them normalised."""
    # Both names of a folder behind a link. Text throughout: pathlib takes seconds for 100,000.
    prefixes = tuple(
        os.path.join(str(path), "")  # noqa: PTH118
        for path in (folder.absolute(), folder.resolve())
    )
    return [_image_id(path.replace("\\", "/"), prefixes) for path in paths]


def _image_id(path: str, prefixes: Iterable[str]) -> str:
    for prefix in prefixes:
        whole = os.path.normpath(os.path.join(prefix, path))  # noqa: PTH118
        if whole.startswith(prefix):
            return whole.removeprefix(prefix).replace("\\", "/")
    return os.path.normpath(path).replace("\\", "/")
