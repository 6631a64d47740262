"""Runs and images told apart in one list of arguments, by what they are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from bench.data.image_files import DICOM_SUFFIXES, SUFFIXES
from bench.data.sources.table import is_table
from bench.errors import InputError
from bench.runs.find import find_runs, is_run, known
from bench.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The runs and the images that a user names."""

    runs: tuple[Run, ...]  # ended ones, each once
    images: tuple[Path, ...]  # files, folders and tables of paths


def sort_arguments(arguments: Sequence[str], *, runs: Path) -> Arguments:
    """Tell runs from images.

    A run is its folder, its name in the folder ``runs``, or a pattern of either; every other path
    is of images.
    """
    names = [argument for argument in arguments if is_run(argument, out=runs)]
    paths = [Path(argument) for argument in arguments if argument not in names]
    for path in paths:
        _check_path(path, runs)
    if not names:
        raise InputError(
            "no run among the arguments: name the folder of one, its name in "
            f"{str(runs)!r}, or a pattern such as 'cxnet_m1-sin-*'"
        )
    if not paths:
        raise InputError("no images: give files, folders, or a table with a column of paths")
    return Arguments(runs=tuple(find_runs(names, out=runs)), images=tuple(paths))


def _check_path(path: Path, runs: Path) -> None:
    name = str(path)
    if path.is_dir() and (inside := known(path)):
        raise InputError(
            f"{name!r} is a folder of {len(inside):,} runs: name those of one row, such as "
            f"{str(path / inside[-1])!r}"
        )
    if path.suffix.lower() in (".yaml", ".yml"):
        raise InputError(f"{name!r} is a config: give the folder or table that its data.root names")
    if path.exists():
        return
    if path.suffix.lower() in (*SUFFIXES, *DICOM_SUFFIXES) or is_table(path.name):
        raise InputError(f"no file {name!r}: look at its path")
    there = "" if runs.is_dir() else ", and there is no such folder (--runs)"
    raise InputError(
        f"{name!r} is neither a file or folder nor a run in {str(runs)!r}{there}: "
        f"{_hint(path, runs)}"
    )


def _hint(path: Path, runs: Path) -> str:
    """Names beside it, and of runs, that may be meant."""
    with suppress(OSError):
        beside = sorted(each.name for each in path.parent.iterdir())
        if near := get_close_matches(path.name, [*beside, *known(runs)], n=3):
            return f"did you mean {', '.join(near)}?"
    longer = [name for name in known(runs) if str(path) in name][:3]
    return f"did you mean {', '.join(longer)}?" if longer else "look at its path"
