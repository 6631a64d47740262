"""A run's folder as a typed run, or what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bench.config import Experiment
from bench.data.description import DataRecord
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.runs.cells import Cell
from bench.runs.checksums import (
    END,
    FORMER_END,
    HISTORY,
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
    ImportRecord,
    Outcome,
    Unusable,
    UnusableError,
    reading,
    refuse_other_version,
)
from bench.runs.run import Run

R = TypeVar("R")
FILES, EXPERIMENT = "files", "experiment.yaml"


def read_run(folder: Path, *, whole: WholeRuns, predicts: bool = True) -> Run | Unusable | None:
    """Read the run of a folder, and check that its files are as they were written.

    Args:
        folder: the run's.
        whole: runs that were found whole before; the run is added where it is.
        predicts: whether a run has predictions when it is finished; a tuning's trial has none.

    Returns:
        None where it has not ended: its record of the end is not there, or empty or torn, which no
        end of ours is. So does one that failed and is damaged, since it is run again.

    Raises:
        PermissionError: a file may not be read.
    """
    read = _bytes(folder / END)
    end = _as_object(read)
    try:
        if end is None:
            _refuse_begun_elsewhere(folder)
            return None
        return _whole_run(folder, end, whole=whole, predicts=predicts)
    except UnusableError as fault:
        if _bytes(folder / END) != read:
            # It was begun again meanwhile: what is there is no longer what was read.
            return read_run(folder, whole=whole, predicts=predicts)
        if fault.state == "damaged" and end is not None and end.get("state") == "failed":
            return None
        return fault.of(folder.name)


def kept_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of a run's files by name, as it ended; empty where that is not known for certain."""
    end = _as_object(_bytes(folder / END))
    if end is None or OWN not in end or _changed(end):
        return {}
    return dict(end[FILES])


def read_former_end(folder: Path) -> Outcome | None:
    """End of a run that lost its predictions alone; None where there is none of that kind.

    Its weights and its history are whole.
    """
    end = _as_object(_bytes(folder / FORMER_END))
    if end is None or OWN not in end or _changed(end):
        return None
    needed = {name: end[FILES].get(name, "") for name in (WEIGHTS, HISTORY)}
    return None if find_changes(folder, needed) else _parse_end(end)


def read_attempts(folder: Path) -> tuple[EnvironmentRecord, ...]:
    """The environments of a run's attempts so far, oldest first.

    Raises:
        UnusableError: they cannot be read.
    """
    return _read(folder / "environment.json", AttemptsRecord.model_validate_json).attempts


def read_experiment(folder: Path) -> Experiment:
    """The experiment that a run was part of.

    Raises:
        UnusableError: it cannot be read.
    """

    def parse(content: bytes) -> Experiment:
        return Experiment.model_validate(yaml.safe_load(content))

    return _read(folder / EXPERIMENT, parse)


def folder_name(cell: Cell, data: DataRecord) -> str:
    """Name of the folder of a cell's run on some data."""
    return cell.folder_name(cell.key(data=data.fingerprint, split=data.split.hash))


def _whole_run(folder: Path, end: dict[str, Any], *, whole: WholeRuns, predicts: bool) -> Run:
    stamp = run_stamp(folder)
    try:
        run = _read_run(folder, end)
    except UnusableError as fault:
        intact = OWN in end and not (_changed(end) or find_changes(folder, end[FILES]))
        raise UnusableError(str(fault), ANOTHER_VERSION if intact else fault.state) from None
    # The name holds a hash of the settings and the data: it tells a copied folder.
    if folder.name != (expected := folder_name(run.cell, run.data)):
        raise UnusableError(f"by its settings and data it would be {expected}")
    if not whole.knows(folder, stamp):
        _check_files(run, end, predicts=predicts)
        whole.add(folder, stamp)
    return run


def _check_files(run: Run, end: dict[str, Any], *, predicts: bool) -> None:
    """Check the files of a run against their checksums, and that its predictions can be read.

    Raises:
        UnusableError: a file was changed or is gone, or predictions are none.
    """
    if OWN in end:
        if _changed(end):
            raise UnusableError(f"{END} was changed")
        if changes := find_changes(run.folder, run.checksums):
            if EXPERIMENT in changes:
                read_experiment(run.folder)  # it may be another version's
            raise UnusableError(", ".join(changes.values()))
        predicts = PREDICTIONS in run.checksums
    if predicts and run.outcome.state == "finished":
        try:
            run.predictions()
        except InputError as error:
            raise UnusableError(f"{PREDICTIONS}: {error.__cause__}") from None


def _changed(end: dict[str, Any]) -> bool:
    return bool(end[OWN] != content_checksum(end))


def _read_run(folder: Path, end: dict[str, Any]) -> Run:
    cell, version = _read(folder / SETTINGS, _parse_cell)
    with reading(END):
        outcome = _parse_end(end)
    if version > 1 and not {FILES, OWN} <= end.keys():
        raise UnusableError(f"{END} was changed")
    return Run(
        folder=folder,
        cell=cell,
        data=_read(folder / "data.json", DataRecord.model_validate_json),
        attempts=read_attempts(folder),
        outcome=outcome,
        imported=_read(folder / "import.json", ImportRecord.model_validate_json)
        if cell.kind == "imported"
        else None,
        checksums=end.get(FILES, {}),
    )


def _parse_end(end: dict[str, Any]) -> Outcome:
    return Outcome.model_validate({k: v for k, v in end.items() if k not in (FILES, OWN)})


def _parse_cell(content: bytes) -> tuple[Cell, int]:
    """The settings in a ``config.yaml``, and the format that it says."""
    settings = yaml.safe_load(content)
    if not isinstance(settings, dict):
        raise UnusableError(f"{SETTINGS} holds no settings")
    refuse_other_version(settings)
    version = settings.pop("format")
    return CellRecord.model_validate(settings).cell, version


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
    """Content of a file; empty where it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _as_object(content: bytes) -> dict[str, Any] | None:
    """The JSON object in some bytes; None where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
