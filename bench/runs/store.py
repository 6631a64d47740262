"""One folder a run. What is in it is whole, or the run is not finished.

========================= =============================================================
config.yaml               the format's version and the run's resolved settings
experiment.yaml           the experiment it was part of, for ``--config``
data.json                 counts, split, leakage, notes, fingerprints
environment.json          versions, device, commit, date of each attempt
import.json               the file of imported predictions
history.csv               one line a validation
best.pt                   weights of the best validation AUC
last.pt                   state to go on from; removed when the run is finished
last.damaged.pt           one that could not be gone on from
predictions.csv           predictions for the validation and test images of the task
others.csv                predictions for those of them that are outside the task
run.json                  the outcome (finished, failed, unavailable) and the costs; written
                          last, so a folder without it is an interrupted run
error.txt                 the traceback of a failed run
========================= =============================================================

Training writes predictions (:mod:`bench.runs.predictions`); every number of every report is
computed from them.

Beside the runs, ``splits/`` holds the splits and ``experiments/`` a file for each experiment:
which runs are its own, since a run can belong to several. ``tuning/`` holds a file for each model
and loss that was tuned (in its ``failed/`` those without a winner), and what the tuning keeps for
itself (:mod:`bench.tuning`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from bench.config import Experiment
from bench.data.description import DataRecord
from bench.data.tasks import Task
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.files import PARTIAL, make_folder, write_text
from bench.runs.cells import Cell
from bench.runs.predictions import OTHERS, PREDICTIONS, Outputs, Predictions, to_frame
from bench.runs.records import (
    FORMAT_VERSION,
    AttemptsRecord,
    CellRecord,
    ExperimentRecord,
    FailedTuningRecord,
    ImportRecord,
    Outcome,
    TuningRecord,
    damage,
    read_records,
    refuse_later,
    write_model,
    write_record,
)
from bench.runs.run import Run, Unfinished

if TYPE_CHECKING:
    from bench.train import Validation


TUNE_AGAIN = "tune again, which takes up the finished trials"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts stored with a run beside its settings; all runs of a matrix have them in common."""

    experiment: Experiment
    data: DataRecord
    environment: EnvironmentRecord
    imported: ImportRecord | None = None


@dataclass(frozen=True)
class Store:
    """The folder of all runs (``--out``)."""

    root: Path

    def check_writable(self) -> None:
        """Find out before hours of work whether results can be kept here; nothing is written.

        Raises:
            InputError: they cannot.
        """
        there = next(path for path in (self.root, *self.root.resolve().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise InputError(
                f"results cannot be written to {str(self.root)!r} ({str(there)!r} is no folder "
                "that can be written to): choose another with --out"
            )

    @property
    def splits(self) -> Path:
        """Folder of the splits, one small file each."""
        return self.root / "splits"

    def folder(self, cell: Cell, data: DataRecord) -> Path:
        """Folder of the run of a cell on some data."""
        return self.root / _folder_name(cell, data)

    def outcome(self, folder: Path) -> Outcome | None:
        """End of the run of a folder; None where it has not ended (or not begun).

        Raises:
            InputError: the record is damaged.
        """
        path = folder / "run.json"
        if not path.is_file():
            return None
        with _damage_named(folder):
            _read_cell(folder)
            return Outcome.model_validate_json(path.read_bytes())

    def check(self, folder: Path) -> None:
        """Read what an earlier attempt at a run left, if any.

        Raises:
            InputError: it is damaged.
        """
        self.outcome(folder)
        with _damage_named(folder):
            if (folder / "config.yaml").is_file():
                _read_cell(folder)
            _read_attempts(folder)

    def attempts(self, folder: Path) -> tuple[EnvironmentRecord, ...]:
        """The environments of a run's attempts so far, oldest first; none where it has not begun.

        Raises:
            InputError: their record is damaged.
        """
        with _damage_named(folder):
            return _read_attempts(folder)

    @contextmanager
    def claim(self, folder: Path) -> Iterator[bool]:
        """Hold a run's folder against other processes; yields False where one holds it."""
        lock = self._lock(folder)
        try:
            # A moment of patience: a report holds a lock only to see whether it is free.
            lock.acquire(timeout=1)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def begin(self, folder: Path, cell: Cell, facts: Facts) -> None:
        """Make the folder of a run, or take up again one that was interrupted or failed.

        The environments of the earlier attempts are kept beside the present one.
        """
        earlier = self.attempts(folder)
        make_folder(folder)
        # A killed process leaves what it was writing; the folder is claimed, so nobody writes.
        for path in (folder / "run.json", folder / "error.txt", *folder.glob(PARTIAL)):
            path.unlink(missing_ok=True)
        record = {
            "format": FORMAT_VERSION,
            **CellRecord(cell=cell).model_dump(mode="json", exclude_none=True),
        }
        experiment = facts.experiment.model_dump(mode="json")
        write_text(folder / "config.yaml", yaml.safe_dump(record, sort_keys=False))
        write_text(folder / "experiment.yaml", yaml.safe_dump(experiment, sort_keys=False))
        write_model(folder / "data.json", facts.data)
        attempts = AttemptsRecord(attempts=(*earlier, facts.environment))
        write_model(folder / "environment.json", attempts)
        if facts.imported is not None:
            write_model(folder / "import.json", facts.imported)

    def write_history(self, folder: Path, history: Sequence[Validation]) -> None:
        """Replace the run's history, one line a validation."""
        write_text(folder / "history.csv", pd.DataFrame(map(vars, history)).to_csv(index=False))

    def write_predictions(
        self,
        folder: Path,
        *,
        rows: pd.DataFrame,
        task: Task,
        targets: NDArray[Any],
        task_mask: NDArray[np.bool_],
        parts: Mapping[str, NDArray[np.int64]],
        probabilities: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Write the predictions of some parts.

        Args:
            folder: the run's.
            rows: the study table (image and patient ids), n rows.
            task: the task.
            targets: its targets for every row.
            task_mask: (n,), the rows that are part of the task.
            parts: rows of each part of the split.
            probabilities: (images, outputs) for each part written, in the part's order.
        """
        outputs = Outputs(kind=task.kind, classes=task.classes)
        files: dict[str, list[pd.DataFrame]] = {PREDICTIONS: [], OTHERS: []}
        for part, values in probabilities.items():
            in_task = task_mask[parts[part]]
            for name, chosen in ((PREDICTIONS, in_task), (OTHERS, ~in_task)):
                numbers = parts[part][chosen]
                if not len(numbers):
                    continue
                predictions = Predictions(
                    images=rows["image"].to_numpy()[numbers],
                    patients=rows["patient"].to_numpy()[numbers],
                    targets=targets[numbers] if name == PREDICTIONS else targets[:0],
                    probabilities=values[chosen],
                )
                files[name].append(to_frame(predictions, outputs, part=part))
        for name, frames in files.items():
            if frames:
                write_text(folder / name, pd.concat(frames).to_csv(index=False))

    def experiment_of(self, folder: Path) -> Experiment:
        """The experiment that a run was part of.

        Raises:
            InputError: its record is damaged.
        """
        with _damage_named(folder):
            text = (folder / "experiment.yaml").read_text(encoding="utf-8")
            return Experiment.model_validate(yaml.safe_load(text))

    def end(self, folder: Path, outcome: Outcome) -> None:
        """Say how the run ended; from here on it is not interrupted any more."""
        write_model(folder / "run.json", outcome)

    def record_experiment(self, experiment: Experiment, folders: Iterable[Path]) -> None:
        """Record which runs, begun or not, belong to an experiment."""
        record = ExperimentRecord(
            experiment=experiment, runs=tuple(folder.name for folder in folders)
        )
        text = json.dumps(record.model_dump(mode="json"), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        write_record(self.root / "experiments" / f"{experiment.name}-{digest}.json", record)

    def experiments(self) -> list[ExperimentRecord]:
        """The experiments that were run here, by name; a damaged record is an InputError."""
        return read_records(
            self.root / "experiments",
            ExperimentRecord,
            of="an experiment",
            hint="run the experiment again, which takes up its finished runs",
        )

    @property
    def tuning(self) -> Path:
        """Folder of the tunings' studies, trials and records."""
        return self.root / "tuning"

    def record_tuning(self, tuning: TuningRecord) -> None:
        """Record what a tuning found and spent, instead of an earlier record of its study."""
        write_record(self.tuning / f"{tuning.study}.json", tuning)
        # Only now: killed in between, the study would be in neither record.
        self._failed_tuning(tuning.study).unlink(missing_ok=True)

    def tunings(self) -> list[TuningRecord]:
        """The tunings that have a winner; a damaged record is an InputError."""
        return read_records(self.tuning, TuningRecord, of="a tuning", hint=TUNE_AGAIN)

    def record_failed_tuning(self, failed: FailedTuningRecord) -> None:
        """Record that a tuning has no winner, until one of the same study has."""
        write_record(self._failed_tuning(failed.study), failed)

    def failed_tunings(self) -> list[FailedTuningRecord]:
        """The tunings without a winner; a damaged record is an InputError."""
        folder = self.tuning / "failed"
        return read_records(folder, FailedTuningRecord, of="a tuning", hint=TUNE_AGAIN)

    def _failed_tuning(self, study: str) -> Path:
        return self.tuning / "failed" / f"{study}.json"

    def run(self, name: str) -> Run:
        """The run of a folder, by its name.

        Raises:
            InputError: there is none of that name, it has not ended, or it is damaged.
        """
        folder = self.root / name
        if not (folder / "run.json").is_file():
            state = "has not ended" if folder.is_dir() else "is not there"
            raise InputError(f"run {name!r} {state} in {str(self.root)!r}: look at its name")
        with _damage_named(folder):
            return _read_run(folder)

    def runs(self) -> list[Run]:
        """All runs that ended, by folder name.

        Raises:
            InputError: the folder is not there, or a run's files are damaged.
        """
        if not self.root.is_dir():
            raise InputError(
                f"no results in {str(self.root)!r}: run `bench run --all` first, or give --out"
            )
        found = []
        for folder in sorted(path.parent for path in self.root.glob("*/run.json")):
            with _damage_named(folder):
                found.append(_read_run(folder))
        return found

    def unfinished(self) -> list[Unfinished]:
        """The runs that began and did not end, by folder name."""
        folders = sorted(path.parent for path in self.root.glob("*/config.yaml"))
        return [
            Unfinished(name=folder.name, running=self.is_held(folder))
            for folder in folders
            if not (folder / "run.json").is_file()
        ]

    def _lock(self, folder: Path) -> FileLock:
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{folder.name}.lock")

    def is_held(self, folder: Path) -> bool:
        """Whether a process holds the folder of a run."""
        try:
            with self._lock(folder).acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            # Results that cannot be written to cannot be written to by a run either.
            return False


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    """Turn what reading a damaged run raises into one line that names the run."""
    try:
        yield
    except PermissionError:
        raise  # the files may be whole; the command line says which one may not be read
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise InputError(
            f"run {folder.name} is damaged ({damage(error)}): delete its folder and run it again"
        ) from None


def _read_run(folder: Path) -> Run:
    cell = _read_cell(folder)
    data = DataRecord.model_validate_json((folder / "data.json").read_bytes())
    # The name holds a hash of the settings and the data: it tells an edited or copied folder,
    # and one whose results another version of the harness would not give.
    expected = _folder_name(cell, data)
    if folder.name != expected:
        raise ValueError(f"by its settings and data it would be {expected}")
    imported = None
    if cell.kind == "imported":
        imported = ImportRecord.model_validate_json((folder / "import.json").read_bytes())
    return Run(
        folder=folder,
        cell=cell,
        data=data,
        attempts=_read_attempts(folder),
        outcome=Outcome.model_validate_json((folder / "run.json").read_bytes()),
        imported=imported,
    )


def _read_cell(folder: Path) -> Cell:
    content = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    refuse_later(content, f"run {folder.name}")
    del content["format"]
    return CellRecord.model_validate(content).cell


def _folder_name(cell: Cell, data: DataRecord) -> str:
    return cell.folder_name(cell.key(data=data.fingerprint, split=data.split.hash))


def _read_attempts(folder: Path) -> tuple[EnvironmentRecord, ...]:
    """The environments of a run's attempts so far, oldest first."""
    path = folder / "environment.json"
    if not path.is_file():
        return ()
    return AttemptsRecord.model_validate_json(path.read_bytes()).attempts
