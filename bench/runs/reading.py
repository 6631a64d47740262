"""A run's folder as a typed run, or what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bench.config import Experiment
from bench.data.description import DataRecord
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.runs.cells import Cell
from bench.runs.checksums import (
    DATA,
    END,
    ENVIRONMENT,
    EXPERIMENT,
    EXTERNAL,
    FORMER_END,
    HISTORY,
    IMPORTED,
    OWN,
    SETTINGS,
    WEIGHTS,
    WholeRuns,
    content_checksum,
    find_changes,
    run_stamp,
)
from bench.runs.predictions import PREDICTIONS
from bench.runs.records import (
    ANOTHER_VERSION,
    AttemptsRecord,
    CellRecord,
    ExternalRecord,
    ImportRecord,
    Outcome,
    Unusable,
    UnusableError,
    reading,
    refuse_other_version,
)
from bench.runs.run import Run

R = TypeVar("R")
FILES = "files"
# libyaml reads the settings of a thousand runs in one second, PyYAML's own parser in eight.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_run(folder: Path, *, whole: WholeRuns) -> Run | Unusable | None:
    """Read the run of a folder, and check that its files are as they were written.

    Args:
        whole: runs that were found whole before; the run is added where it is.

    Returns:
        The run where it has ended and is whole; what is wrong with it where it cannot be used.
        None where it has not ended, so that it is to be run: ``run.json`` is not there, empty or
        torn. None also of a damaged run that had failed, since it is run again.

    Raises:
        PermissionError: a file may not be read.
    """
    try:
        read = _bytes(folder / END)
    except UnusableError as fault:
        return fault.of(folder.name)
    end = _as_object(read)
    try:
        if end is None:
            _refuse_begun_elsewhere(folder)
            return None
        return _whole_run(folder, end, whole=whole)
    except UnusableError as fault:
        if _is_other(folder / END, read):
            # It was begun again meanwhile: what is there is no longer what was read.
            return read_run(folder, whole=whole)
        if fault.state == "damaged" and end is not None and end.get("state") == "failed":
            return None
        return fault.of(folder.name)


def kept_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of a run's files by name, as it ended; empty where that is not known for certain."""
    end = _unchanged(folder / END)
    return {} if end is None else dict(end[FILES])


def own_name(folder: Path) -> str | None:
    """Name that a run's folder has by its settings and data; None where these cannot be read."""
    try:
        cell = _read(folder / SETTINGS, _parse_cell)
        return folder_name(cell, _read(folder / DATA, _parse_data))
    except UnusableError:
        return None


def read_former_end(folder: Path) -> Outcome | None:
    """End of a run that lost its predictions alone; None where there is none of that kind.

    Its weights and its history are whole.
    """
    end = _unchanged(folder / FORMER_END)
    if end is None:
        return None
    needed = {name: end[FILES].get(name, "") for name in (WEIGHTS, HISTORY)}
    return None if find_changes(folder, needed) else _parse_end(end)


def read_attempts(folder: Path) -> tuple[EnvironmentRecord, ...]:
    """The environments of a run's attempts so far, oldest first.

    Raises:
        UnusableError: they cannot be read.
    """
    return _read(folder / ENVIRONMENT, _parse_attempts).attempts


def read_experiment(folder: Path) -> Experiment:
    """The experiment that a run was part of.

    Raises:
        UnusableError: it cannot be read.
    """

    def parse(content: bytes) -> Experiment:
        return Experiment.model_validate(yaml.load(content, Loader=_LOADER))

    return _read(folder / EXPERIMENT, parse)


def folder_name(cell: Cell, data: DataRecord) -> str:
    """Name of the folder of a cell's run on some data."""
    return f"{cell.name}-{cell.key(data=data.fingerprint, split=data.split.hash)}"


def _whole_run(folder: Path, end: dict[str, Any], *, whole: WholeRuns) -> Run:
    stamp = run_stamp(folder)
    try:
        run = _read_run(folder, end)
    except UnusableError as fault:
        intact = not (_changed(end) or find_changes(folder, end[FILES]))
        raise UnusableError(str(fault), ANOTHER_VERSION if intact else fault.state) from None
    # The name holds a hash of the settings and the data: it tells a copied folder.
    if folder.name != (expected := folder_name(run.cell, run.data)):
        raise UnusableError(f"by its settings and data it would be {expected}")
    if not whole.knows(folder, stamp):
        _check_files(run, end)
        whole.add(folder, stamp)
    return run


def _check_files(run: Run, end: dict[str, Any]) -> None:
    """Check the files of a run against their checksums, and that its predictions can be read.

    Raises:
        UnusableError: a file was changed or is gone, or predictions are none.
    """
    if _changed(end):
        raise UnusableError(f"{END} was changed")
    if changes := find_changes(run.folder, run.checksums):
        if EXPERIMENT in changes:
            read_experiment(run.folder)  # it may be another version's
        raise UnusableError(", ".join(changes.values()))
    if PREDICTIONS in run.checksums:  # a tuning's trial has none
        try:
            run.predictions()
        except InputError as error:
            raise UnusableError(f"{PREDICTIONS}: {error.__cause__}") from None


def _changed(end: dict[str, Any]) -> bool:
    return FILES not in end or end.get(OWN) != content_checksum(end)


def _unchanged(path: Path) -> dict[str, Any] | None:
    """The record of a run's end, where it is as it was written."""
    try:
        end = _as_object(_bytes(path))
    except UnusableError:
        return None
    return None if end is None or _changed(end) else end


def _read_run(folder: Path, end: dict[str, Any]) -> Run:
    cell = _read(folder / SETTINGS, _parse_cell)
    with reading(END):
        outcome = _parse_end(end)
    if FILES not in end:
        raise UnusableError(f"{END} was changed")
    return Run(
        folder=folder,
        cell=cell,
        data=_read(folder / DATA, _parse_data),
        attempts=read_attempts(folder),
        outcome=outcome,
        imported=_read(folder / IMPORTED, ImportRecord.model_validate_json)
        if cell.kind == "imported"
        else None,
        external=_read(folder / EXTERNAL, ExternalRecord.model_validate_json)
        if cell.kind == "external"
        else None,
        checksums=end[FILES],
    )


def _parse_end(end: dict[str, Any]) -> Outcome:
    return Outcome.model_validate({k: v for k, v in end.items() if k not in (FILES, OWN)})


# The runs of a matrix have these in common: they are parsed once, and are one object in memory.
_parse_data = lru_cache(maxsize=64)(DataRecord.model_validate_json)
_parse_attempts = lru_cache(maxsize=64)(AttemptsRecord.model_validate_json)


def _parse_cell(content: bytes) -> Cell:
    """The settings in a ``config.yaml``."""
    settings = yaml.load(content, Loader=_LOADER)
    if not isinstance(settings, dict):
        raise UnusableError(f"{SETTINGS} holds no settings")
    refuse_other_version(settings)
    del settings["format"]
    return CellRecord.model_validate(settings).cell


def _refuse_begun_elsewhere(folder: Path) -> None:
    """Refuse a run that another version has begun; what is torn is written anew.

    Raises:
        UnusableError: its settings or environments are another version's.
    """
    for read in (lambda: _read(folder / SETTINGS, _parse_cell), lambda: read_attempts(folder)):
        try:
            read()
        except UnusableError as fault:
            if fault.state == ANOTHER_VERSION:
                raise


def _read(path: Path, parse: Callable[[bytes], R]) -> R:
    with reading(path.name):
        content = path.read_bytes()
        if not content:
            raise UnusableError(f"{path.name} is empty")
        return parse(content)


def _bytes(path: Path) -> bytes:
    """Content of a file; empty where it is not there.

    Raises:
        UnusableError: it cannot be read.
    """
    with reading(path.name), suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def _is_other(path: Path, content: bytes) -> bool:
    """Whether a file that can be read holds something else."""
    try:
        return _bytes(path) != content
    except UnusableError:
        return False


def _as_object(content: bytes) -> dict[str, Any] | None:
    """The JSON object in some bytes; None where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
