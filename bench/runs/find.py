"""Finding the runs that a user names: by folder, by name, or by a pattern of names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from bench.errors import InputError
from bench.registry.models import is_pattern
from bench.runs.checksums import END, SETTINGS
from bench.runs.run import Run
from bench.runs.store import Store


def is_run(name: str, *, out: Path) -> bool:
    """Whether a name is that of a run, finished or not, or a pattern of such names.

    Args:
        name: folder of a run, its name in ``out``, or a pattern of either (``cxnet_m1-sin-*``).
        out: folder of the runs, which need not be there.
    """
    return bool(_folders(name, out))


def find_runs(names: Sequence[str], *, out: Path) -> list[Run]:
    """The ended runs of some names, each once, in the order in which they are named.

    Args:
        names, out: as for :func:`is_run`; a pattern stands for its runs by name.
    """
    return [Store(folder.parent).run(folder.name) for folder in find_folders(names, out=out)]


def find_folders(names: Sequence[str], *, out: Path) -> list[Path]:
    """The folders of the runs of some names, finished or not, as :func:`find_runs`."""
    folders: dict[Path, None] = {}
    for name in names:
        found = _folders(name, out)
        if not found:
            raise InputError(f"no run {name!r} in {str(out)!r}: {_hint(name, known(out))}")
        for folder in found:
            folders[folder] = None
    return list(folders)


def known(out: Path) -> list[str]:
    """Names of the runs in a folder, begun or ended; none where the folder is not there."""
    return sorted(folder.name for folder in out.glob("*") if _is_folder_of_run(folder))


def _folders(name: str, out: Path) -> list[Path]:
    """Folders of the runs that a name may mean, at one place only.

    A bare name is first one of ``out``: a folder of that name where the user stands may be another
    one. A name with a slash is a path.
    """
    is_path = "/" in name or os.sep in name
    for root in (Path(),) if is_path else (out, Path()):
        folder = root / name
        if _is_folder_of_run(folder):
            return [folder.absolute()]
        if is_pattern(folder.name):
            # Two stars together would mean all folders below, or nothing that glob takes.
            matching = sorted(folder.parent.glob(re.sub(r"\*+", "*", folder.name)))
            if found := [path.absolute() for path in matching if _is_folder_of_run(path)]:
                return found
    return []


def _is_folder_of_run(folder: Path) -> bool:
    try:
        return any((folder / name).is_file() for name in (END, SETTINGS))
    except (OSError, ValueError):  # what no file can be called
        return False


def _hint(name: str, there: list[str]) -> str:
    """The names that may be meant; a folder can hold hundreds, so not all of them."""
    near = [other for other in there if name in other][:3] or get_close_matches(name, there, n=3)
    if near:
        return f"did you mean {', '.join(near)}?"
    return "`bench runs list` names them" if there else "there is none"
