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
run.json                  the outcome (finished, failed, unavailable), the costs, and a
                          checksum of every other file and of itself; written last, so a
                          folder without it is an interrupted run
error.txt                 the traceback of a failed run
ended.json                the run.json of a run that lost its predictions alone; it predicts again
========================= =============================================================

Training writes predictions (:mod:`bench.runs.predictions`); every number of every report is
computed from them.

Beside the runs, ``splits/`` holds the splits and ``experiments/`` a file for each experiment:
which runs are its own, since a run can belong to several. ``tuning/`` holds a file for each model
and loss that was tuned (in its ``failed/`` those without a winner), and what the tuning keeps for
itself (:mod:`bench.tuning`). ``heatmaps/`` holds how maps of runs agree with known lesions.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
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
from bench.config.frozen import Frozen
from bench.data.description import DataRecord, SplitRecord
from bench.data.splits.split import file_name
from bench.data.tasks import Task
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.files import PARTIAL, make_folder, write_text
from bench.runs.cells import Cell
from bench.runs.checksums import (
    DATA,
    END,
    ENVIRONMENT,
    ERROR,
    EXPERIMENT,
    EXTERNAL,
    FORMER_END,
    HISTORY,
    IMPORTED,
    OWN,
    SETTINGS,
    WholeRuns,
    content_checksum,
    file_checksums,
)
from bench.runs.locks import check_locks
from bench.runs.predictions import OTHERS, PREDICTIONS, Outputs, Predictions, to_frame
from bench.runs.reading import FILES, folder_name, read_attempts, read_experiment, read_run
from bench.runs.records import (
    ANOTHER_VERSION,
    FORMAT_VERSION,
    AttemptsRecord,
    CellRecord,
    ExperimentRecord,
    ExternalRecord,
    FailedTuningRecord,
    ImportRecord,
    MapsRecord,
    Outcome,
    TuningRecord,
    Unusable,
    UnusableError,
    read_records,
    write_model,
    write_record,
)
from bench.runs.run import Run, Unfinished

if TYPE_CHECKING:
    from bench.train.history import Validation


ID, LOCKS = ".id", ".locks"
EXPERIMENTS, TUNINGS, FAILED_TUNINGS = "experiments", "tuning", "tuning/failed"
EXTERNAL_FOLDER = "external"
HEAT_MAPS = "heatmaps"
RECORDS: dict[str, type[Frozen]] = {
    EXPERIMENTS: ExperimentRecord,
    TUNINGS: TuningRecord,
    FAILED_TUNINGS: FailedTuningRecord,
    HEAT_MAPS: MapsRecord,
}
"""Records beside the runs, by their folder."""
# libyaml writes the two files of each run in 2 ms, PyYAML's own emitter in 10.
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts stored with a run beside its settings; all runs of a matrix have them in common."""

    experiment: Experiment
    data: DataRecord
    environment: EnvironmentRecord
    imported: ImportRecord | None = None
    external: ExternalRecord | None = None


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The runs of a store, each tuple by folder name."""

    runs: tuple[Run, ...]
    unfinished: tuple[Unfinished, ...]
    unusable: tuple[Unusable, ...]  # that ended and are damaged, or were written by another version


@dataclass(frozen=True)
class Store:
    """The folder of all runs (``--out``), of a tuning's trials, or of runs on other data."""

    root: Path

    def check_writable(self) -> None:
        """Find out before hours of work whether results can be kept here; nothing is written."""
        there = next(path for path in (self.root, *self.root.resolve().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise InputError(
                f"results cannot be written to {str(self.root)!r} ({str(there)!r} is no folder "
                "that can be written to): choose another with --out"
            )

    @property
    def id(self) -> str | None:
        """Id of the folder; None where it has none so far."""
        try:
            return (self.root / ID).read_text()
        except OSError:
            return None

    def make_id(self) -> str:
        """The folder's id, which it gets where it has none.

        By its path alone, machines with and without the folder in common look alike.
        """
        make_folder(self.root / LOCKS)
        with FileLock(self.root / LOCKS / f"{ID}.lock"):  # of two commands that start at once
            found = self.id
            if found is None:
                found = uuid.uuid4().hex
                write_text(self.root / ID, found)
        return found

    def check_locks(self) -> str | None:
        """Find out whether claims of runs can be relied on.

        Returns:
            A line about locks that are files; None of others.
        """
        return check_locks(self.root / LOCKS)

    @property
    def splits(self) -> Path:
        """Folder of the splits, one small file each."""
        return self.root / "splits"

    def split_file(self, split: SplitRecord) -> Path:
        """File of a split, which need not be there."""
        return self.splits / file_name(name=split.name, seed=split.seed, digest=split.hash)

    def folder(self, cell: Cell, data: DataRecord) -> Path:
        """Folder of the run of a cell on some data."""
        return self.root / folder_name(cell, data)

    def read(self, folder: Path) -> Run | Unfinished | Unusable:
        """The run of a folder as far as it is, all its files checked."""
        return self.read_all([folder])[folder]

    def read_all(
        self, folders: Iterable[Path], *, whole: WholeRuns | None = None
    ) -> dict[Path, Run | Unfinished | Unusable]:
        """The run of each of some folders as far as it is, all their files checked.

        Args:
            whole: runs whose files need not be read; by default those that the user's cache knows.
        """
        whole = whole or WholeRuns.remembered()
        found: dict[Path, Run | Unfinished | Unusable] = {}
        for folder in folders:
            read = read_run(folder, whole=whole)
            if isinstance(read, Unusable):
                whole.add(folder, "")
            # Looking makes a lock: a cell that was never begun is to have none.
            running = read is None and folder.is_dir() and bool(self.is_held(folder))
            found[folder] = read or Unfinished(name=folder.name, running=running)
        whole.save()
        return found

    def outcome(self, folder: Path) -> Outcome | None:
        """End of the run of a folder; None where it has to be made, anew where it is damaged.

        Raises:
            InputError: another version of this package wrote it.
        """
        read = self.read(folder)
        if isinstance(read, Unusable) and read.state == ANOTHER_VERSION:
            raise InputError(f"run {read}")
        return read.outcome if isinstance(read, Run) else None

    def attempts(self, folder: Path) -> tuple[EnvironmentRecord, ...]:
        """The environments of a run's attempts so far, oldest first.

        Empty where the run has not begun, or where its ``environment.json`` cannot be used.
        """
        try:
            return read_attempts(folder)
        except UnusableError:
            return ()

    @contextmanager
    def claim(self, folder: Path, *, patience: float = 1.0) -> Iterator[bool]:
        """Hold a run's folder against other processes; yields False where one holds it.

        Args:
            patience: seconds to wait for it; a report holds a lock only to see whether it is free.
        """
        lock = self._lock(folder)
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def begin(
        self,
        folder: Path,
        cell: Cell,
        facts: Facts,
        *,
        earlier: Sequence[EnvironmentRecord] = (),
    ) -> None:
        """Make the folder of a run, or take up again one that was interrupted or failed.

        Args:
            earlier: environments of the attempts whose training it goes on with
                (:meth:`attempts`); none where it begins anew.
        """
        make_folder(folder)
        # A killed process leaves what it was writing; the folder is claimed, so nobody writes.
        for path in (folder / END, folder / ERROR, *folder.glob(PARTIAL)):
            path.unlink(missing_ok=True)
        write_text(folder / SETTINGS, cell_text(cell))
        write_text(folder / EXPERIMENT, experiment_text(facts.experiment))
        write_model(folder / DATA, facts.data)
        attempts = AttemptsRecord(attempts=(*earlier, facts.environment))
        write_model(folder / ENVIRONMENT, attempts)
        if facts.imported is not None:
            write_model(folder / IMPORTED, facts.imported)
        if facts.external is not None:
            write_model(folder / EXTERNAL, facts.external)

    def write_history(self, folder: Path, history: Sequence[Validation]) -> None:
        """Replace the run's history, one line a validation."""
        write_text(folder / HISTORY, history_text(history))

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
            rows: the study table (image and patient ids), n rows.
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

    def write_parts(
        self, folder: Path, predictions: Mapping[str, Predictions], outputs: Outputs
    ) -> None:
        """Write predictions for images of the task, by part."""
        frames = [to_frame(each, outputs, part=part) for part, each in predictions.items()]
        write_text(folder / PREDICTIONS, pd.concat(frames).to_csv(index=False))

    def experiment_of(self, folder: Path) -> Experiment:
        """The experiment that a run was part of."""
        try:
            return read_experiment(folder)
        except UnusableError as fault:
            raise InputError(f"run {fault.of(folder.name)}") from None

    def end(self, folder: Path, outcome: Outcome) -> None:
        """Say how the run ended, with checksums of its files; it is no longer interrupted."""
        content = outcome.model_dump(mode="json")
        content[FILES] = file_checksums(folder)
        content[OWN] = content_checksum(content)
        write_text(folder / END, json.dumps(content, indent=2) + "\n")
        if outcome.state == "finished":
            (folder / FORMER_END).unlink(missing_ok=True)

    def record_experiment(self, experiment: Experiment, folders: Iterable[Path]) -> None:
        """Record which runs, begun or not, belong to an experiment."""
        record = ExperimentRecord(
            experiment=experiment, runs=tuple(folder.name for folder in folders)
        )
        text = json.dumps(record.model_dump(mode="json"), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        write_record(self.root / EXPERIMENTS / f"{experiment.name}-{digest}.json", record)

    def experiments(self) -> list[ExperimentRecord]:
        """The experiments that were run here, by name; see :meth:`unusable_records`."""
        return read_records(self.root, EXPERIMENTS, ExperimentRecord)[0]

    def unusable_records(self, folders: Iterable[str] = tuple(RECORDS)) -> list[Unusable]:
        """Records beside the runs that cannot be used, by their path in the store."""
        return [
            unusable
            for folder in folders
            for unusable in read_records(self.root, folder, RECORDS[folder])[1]
        ]

    @property
    def external(self) -> Store:
        """Store of what these runs' networks predict for other data; it need not be there."""
        return Store(self.root / EXTERNAL_FOLDER)

    @property
    def tuning(self) -> Path:
        """Folder of the tunings' studies, trials and records."""
        return self.root / TUNINGS

    def record_maps(self, maps: MapsRecord) -> None:
        """Record how maps agree with lesions, instead of earlier records of the same runs."""
        before = self.maps()
        write_record(self._maps(maps), maps)
        for record in before:
            # Only now: killed in between, nothing would be recorded.
            if record.boxes == maps.boxes and record.runs.keys() < maps.runs.keys():
                self._maps(record).unlink(missing_ok=True)

    def _maps(self, maps: MapsRecord) -> Path:
        key = json.dumps([maps.boxes, *sorted(maps.runs)])
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        return self.root / HEAT_MAPS / f"{digest}.json"

    def maps(self) -> list[MapsRecord]:
        """The heat maps that were measured; see :meth:`unusable_records`."""
        return read_records(self.root, HEAT_MAPS, MapsRecord)[0]

    def record_tuning(self, tuning: TuningRecord) -> None:
        """Record what a tuning found and spent, instead of an earlier record of its study."""
        write_record(self.tuning / f"{tuning.study}.json", tuning)
        # Only now: killed in between, the study would be in neither record.
        self._failed_tuning(tuning.study).unlink(missing_ok=True)

    def tunings(self) -> list[TuningRecord]:
        """The tunings that have a winner; see :meth:`unusable_records`."""
        return read_records(self.root, TUNINGS, TuningRecord)[0]

    def record_failed_tuning(self, failed: FailedTuningRecord) -> None:
        """Record that a tuning has no winner, until one of the same study has."""
        write_record(self._failed_tuning(failed.study), failed)

    def failed_tunings(self) -> list[FailedTuningRecord]:
        """The tunings without a winner; see :meth:`unusable_records`."""
        return read_records(self.root, FAILED_TUNINGS, FailedTuningRecord)[0]

    def _failed_tuning(self, study: str) -> Path:
        return self.root / FAILED_TUNINGS / f"{study}.json"

    def run(self, name: str) -> Run:
        """The run of a folder, by its name."""
        folder = self.root / name
        read = self.read(folder) if folder.is_dir() else None
        if isinstance(read, Unusable):
            raise InputError(f"run {read}")
        if not isinstance(read, Run):
            state = "is not there" if read is None else "has not ended"
            raise InputError(f"run {name!r} {state} in {str(self.root)!r}: look at its name")
        return read

    def survey(self, *, whole: WholeRuns | None = None) -> Survey:
        """All runs, those that cannot be used among them, by folder name."""
        if not self.root.is_dir():
            raise InputError(
                f"no results in {str(self.root)!r}: run `bench run --all` first, or give --out"
            )
        begun = {path.parent for name in (END, SETTINGS) for path in self.root.glob(f"*/{name}")}
        found = self.read_all(sorted(begun), whole=whole).values()
        return Survey(
            runs=tuple(each for each in found if isinstance(each, Run)),
            unfinished=tuple(each for each in found if isinstance(each, Unfinished)),
            unusable=tuple(each for each in found if isinstance(each, Unusable)),
        )

    def runs(self) -> list[Run]:
        """The runs that ended and can be used, by folder name; :meth:`survey` has all others."""
        return list(self.survey().runs)

    def _lock(self, folder: Path) -> FileLock:
        locks = self.root / LOCKS
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{folder.name}.lock")

    def is_held(self, folder: Path) -> bool | None:
        """Whether a process holds the folder of a run; None where nobody may write its lock.

        Results that cannot be written to cannot be written to by a run either.
        """
        try:
            with self._lock(folder).acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return None


def cell_text(cell: Cell) -> str:
    """The content of a run's ``config.yaml``."""
    record = CellRecord(cell=cell).model_dump(mode="json", exclude_none=True)
    return yaml.dump({"format": FORMAT_VERSION, **record}, Dumper=_DUMPER, sort_keys=False)


def experiment_text(experiment: Experiment) -> str:
    """The content of a run's ``experiment.yaml``."""
    return yaml.dump(experiment.model_dump(mode="json"), Dumper=_DUMPER, sort_keys=False)


def history_text(history: Iterable[Validation]) -> str:
    """The content of a run's ``history.csv``."""
    return pd.DataFrame(map(vars, history)).to_csv(index=False)
