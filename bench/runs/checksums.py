"""SHA-256 of the files of a run, as its ``run.json`` holds them, and a memory of whole runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.cache import read_facts, write_facts
from bench.runs.predictions import OTHERS, PREDICTIONS

END, SETTINGS, HISTORY, WEIGHTS = "run.json", "config.yaml", "history.csv", "best.pt"
FORMER_END = "ended.json"
"""The ``run.json`` of a run that lost its predictions, and nothing else."""
EXPERIMENT, DATA, ENVIRONMENT = "experiment.yaml", "data.json", "environment.json"
IN_COMMON = (EXPERIMENT, DATA, ENVIRONMENT)
"""Files that the runs of a matrix have in common."""
IMPORTED, EXTERNAL = "import.json", "external.json"
ERROR = "error.txt"
"""The traceback of a run that failed."""
CHECKED = (SETTINGS, *IN_COMMON, IMPORTED, EXTERNAL, HISTORY, WEIGHTS, PREDICTIONS, OTHERS)
"""Files with a checksum, where a run has them; ``run.json`` holds its own."""
OWN = "sha256"
_MEMORY = "whole_runs"


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a run that is there, by its name.

    Weights count where there are predictions: those of a failed run or a tuning's trial are
    dropped.
    """
    predicts = (folder / PREDICTIONS).is_file()
    names = (name for name in CHECKED if predicts or name != WEIGHTS)
    return {name: file_checksum(folder / name) for name in names if (folder / name).is_file()}


def content_checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of a record, its own checksum (``sha256``) left out."""
    others = {key: value for key, value in content.items() if key != OWN}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def find_changes(folder: Path, checksums: Mapping[str, str]) -> dict[str, str]:
    """Files of a run that are gone or no longer as they were written, each with what happened.

    Raises:
        PermissionError: a file may not be read, and may be whole.
    """
    changes = {}
    for name, checksum in checksums.items():
        try:
            if file_checksum(folder / name) != checksum:
                changes[name] = f"{name} was changed"
        except FileNotFoundError:
            changes[name] = f"{name} is gone"
        except PermissionError:
            raise
        except OSError as error:
            changes[name] = f"{name} cannot be read ({error.strerror})"
    return changes


class WholeRuns:
    """Runs that were found whole, kept in the user's cache folder.

    A file is known again by its size, times and inode, so that a report does not read gigabytes of
    weights each time.

    Args:
        known: stamps (:func:`run_stamp`) by folder.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = known or {}
        self._new: dict[str, str] = {}

    @classmethod
    def remembered(cls) -> WholeRuns:
        """The runs that earlier commands found whole, from the user's cache."""
        return cls(read_facts(_MEMORY))

    def knows(self, folder: Path, stamp: str) -> bool:
        """Whether the run of a folder was found whole when it had this stamp."""
        key = _key(folder)
        return self._new.get(key, self._known.get(key)) == stamp

    def add(self, folder: Path, stamp: str) -> None:
        """Remember the stamp of a whole run; "" forgets it, where a later look found it damaged."""
        self._new[_key(folder)] = stamp

    def save(self) -> None:
        """Keep what was added, and forget the runs whose folders are gone."""
        if not self._new:
            return
        before = read_facts(_MEMORY)
        stamps = {
            folder: stamp
            for folder, stamp in {**before, **self._new}.items()
            # Of every run that was ever looked at: pathlib would take ten times as long.
            if stamp and os.path.isdir(folder)  # noqa: PTH112
        }
        if stamps != before:
            write_facts(_MEMORY, stamps)


def run_stamp(folder: Path) -> str:
    """Digest of the size, times and inode of each file of a run."""
    stamps = []
    for name in (END, *CHECKED):
        with suppress(OSError):  # what cannot be read is no longer as it was found
            status = (folder / name).stat()
            times = status.st_mtime_ns, status.st_ctime_ns
            stamps.append([name, status.st_size, *times, status.st_ino])
    return hashlib.sha256(json.dumps(stamps).encode()).hexdigest()[:32]


def _key(folder: Path) -> str:
    return str(folder.resolve())
