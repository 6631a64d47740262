"""The files of a folder: images, others, and what systems and annotators leave between them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bench.data.image_files import DICOM_SUFFIXES, SUFFIXES
from bench.data.sources.words import NORMAL, PARTS, fold
from bench.errors import InputError

# What systems leave in folders, in lower case, beside hidden files and the locks of Office.
_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "@eadir"}

Steps = tuple[str, ...]
"""The names on the way from the root to a file or folder."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Files and folders below a root, by their steps from it."""

    base: Path  # the folder that the steps start from
    files: list[Steps]  # images by their suffix, and DICOM files
    others: list[Steps]  # all other files
    folders: list[Steps]
    system: list[Steps]  # files and folders that a system left, not searched
    masks: list[Steps]  # folders of masks, not searched


def look(root: Path, *, limit: int | None = None) -> Tree:
    """List all files and folders below a root, of ``limit`` files at most; links to folders are
    followed.

    Raises:
        InputError: the root is a file, or holds more files.
        OSError: a folder cannot be read.
    """
    if not root.is_dir():
        raise InputError(f"{str(root)!r} is a file: name the folder around it (--data FOLDER)")
    tree = Tree(base=root, files=[], others=[], folders=[], system=[], masks=[])
    for folder, below, files in os.walk(root, followlinks=True, onerror=_fail):
        here = Path(folder)
        steps = here.relative_to(root).parts
        tree.folders.append(steps)
        if limit is not None and len(tree.files) + len(tree.others) > limit:
            raise InputError(f"{str(root)!r} holds more than {limit:,} files: name a folder of it")
        kept = []
        for name in sorted(below):
            if _of_system(name):
                tree.system.append((*steps, name))
            elif fold(name).endswith(("mask", "masks")):
                tree.masks.append((*steps, name))
            elif not _leads_back(here / name):
                kept.append(name)
        below[:] = kept
        for name in sorted(files):
            if _of_system(name):
                tree.system.append((*steps, name))
            else:
                (tree.files if _is_image(here / name) else tree.others).append((*steps, name))
    return tree


def inner(tree: Tree) -> Tree:
    """The tree without the folders that hold nothing but the part or class folders."""
    while len(tops := {steps[0] for steps in tree.files if len(steps) > 1}) == 1:
        (outer,) = tops
        below = [steps[1:] for steps in tree.files if len(steps) > 1]
        if fold(outer) in PARTS or min(map(len, below)) < 2:
            break
        loose = [steps for steps in tree.files if len(steps) == 1]
        tree = Tree(
            base=tree.base / outer,
            files=below,
            folders=[steps[1:] for steps in tree.folders if steps[:1] == (outer,)],
            **{
                kind: [steps[1:] if steps[0] == outer else ("..", *steps) for steps in found]
                for kind, found in (
                    ("others", [*tree.others, *loose]),
                    ("system", tree.system),
                    ("masks", tree.masks),
                )
            },
        )
    return tree


def has_parts(tree: Tree) -> bool:
    """Whether outermost folders are called train, validation, test or the like and hold classes."""
    return any(fold(steps[0]) in PARTS for steps in tree.files if len(steps) > 2)


def class_names(tree: Tree) -> set[str]:
    """The folded names of the folders that would be classes."""
    depth = 1 if has_parts(tree) else 0
    names = {fold(steps[depth]) for steps in tree.files if len(steps) > depth + 1}
    return names if depth else names - PARTS.keys()


def are_class_folders(tree: Tree) -> bool:
    """Whether the folders of a tree look like classes, one of which is called normal."""
    classes = class_names(inner(tree))
    return len(classes) > 1 and bool(classes & set(NORMAL))


def _fail(error: OSError) -> NoReturn:
    raise error


def _of_system(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower() in _SYSTEM


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one of those around it."""
    around = folder.parent.resolve()
    return folder.is_symlink() and folder.resolve() in (around, *around.parents)


def _is_image(file: Path) -> bool:
    """By the suffix; where that has no letter, by the mark of DICOM (PS3.10, 7.1)."""
    suffix = file.suffix.lower()
    if any(map(str.isalpha, suffix)):
        return suffix in (*SUFFIXES, *DICOM_SUFFIXES)
    try:
        with file.open("rb") as content:
            return content.read(132)[128:] == b"DICM"
    except OSError:
        return False
