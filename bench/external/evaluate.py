"""Predictions of finished runs' networks for other data, kept as runs of their own.

Such a run has three parts: ``validation`` and ``home``, the validation and the test part of the
network's own data, with the predictions that its run made, and ``test``, the other images. So
threshold and temperature are those of home wherever the run is scored, and a drop is computed from
this run alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.config import DataConfig, Experiment, one_data_config
from bench.data.description import DataRecord, PartRecord, describe_data
from bench.data.load import decode_source
from bench.data.pixel_store import PixelStore
from bench.data.splits import PARTS, RowNumbers, Split, make_split
from bench.data.study import StudyTable
from bench.data.tasks import check_classes
from bench.environment import EnvironmentRecord, describe_environment
from bench.errors import InputError
from bench.external.match import Match, match
from bench.external.overlap import HomeImages, Overlap, find_overlap, home_images
from bench.model import LoadedModel
from bench.progress import Progress
from bench.runs.cells import Cell, Part
from bench.runs.checksums import WEIGHTS
from bench.runs.predictions import PREDICTIONS, Outputs, Predictions
from bench.runs.records import ExternalRecord, Outcome
from bench.runs.run import Run
from bench.runs.store import Facts, Store

CHUNK = 1024
"""Images that are predicted between two signs of progress."""
# Sources whose patient ids are the same persons wherever they are read.
ONE_ID_SPACE = ("nih",)


@dataclass(frozen=True, kw_only=True)
class OtherData:
    """The data that networks are evaluated on.

    Attributes:
        experiment: has the source of the data, and their split.
        part: ``all`` images, or those of the ``test`` part of the split.
        same_patients: whether equal patient ids of these and of the home data are one person, whose
            images are left out. None is: where both are of one of :data:`ONE_ID_SPACE`.
    """

    experiment: Experiment
    part: Part = "all"
    same_patients: bool | None = None

    def is_one_id_space(self, home: DataRecord) -> bool:
        """Whether equal patient ids are one person."""
        if self.same_patients is not None:
            return self.same_patients
        source = self.experiment.data.source
        return source == home.source and source in ONE_ID_SPACE


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A run whose network has predicted other data."""

    run: Run
    already: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """One network on the other data: everything but its predictions."""

    run: Run
    cell: Cell
    facts: Facts
    matched: Match
    study: StudyTable
    pixels: NDArray[np.uint8]
    rows: RowNumbers


def evaluate_elsewhere(
    runs: Sequence[Run], other: OtherData, *, device: torch.device, progress: Progress
) -> list[Evaluated]:
    """Predict other data with the networks of finished runs; what is there already is kept.

    Everything is checked before the first network predicts.

    Args:
        runs: finished, of networks; their models must be registered.
    """
    for run in runs:
        run.finished_network()
        Store(run.folder.parent).check_writable()
    planner = _Planner(other, environment=describe_environment(device), progress=progress)
    jobs = [planner.job(run) for run in runs]
    evaluated = []
    for number, job in enumerate(jobs):
        evaluated.append(_keep(job, device=device, progress=progress))
        progress.advance("networks evaluated", number + 1, len(jobs))
    return evaluated


class _Planner:
    """Opens data, and finds out what is to be predicted; each data set is opened once."""

    def __init__(
        self, other: OtherData, *, environment: EnvironmentRecord, progress: Progress
    ) -> None:
        self.other = other
        self.environment = environment
        self.progress = progress
        self.config = one_data_config(other.experiment)
        self.decoded = cache(self._decoded)
        self.homes: dict[str, HomeImages] = {}

    def job(self, run: Run) -> _Job:
        """The images that a run's network is to predict, with all that is stored beside."""
        assert run.data.image_size is not None, "a network was trained on pixels"
        study, store = self.decoded(run.data.image_size)
        matched = match(run.data, study.finding_names)
        home = self.home(run)
        overlap = find_overlap(home, study.rows)
        same_patients = self.other.is_one_id_space(run.data)
        left_out = overlap.identical | (overlap.shared_patients & same_patients)
        in_part = matched.task.select(study.rows) & self.part(study)
        numbers = np.flatnonzero(in_part & ~left_out)
        if in_part.any() and not len(numbers):
            raise InputError(
                f"all {in_part.sum():,} images of these data, or their patients, are among the "
                f"images of run {run.name} itself: give other data"
            )
        check_classes(matched.task, matched.task.targets(study.rows), {"external": numbers})
        data = self.describe(run, study, matched, numbers, overlap)
        record = ExternalRecord(
            run=run.name,
            weights=run.checksums.get(WEIGHTS, ""),
            predictions=run.checksums.get(PREDICTIONS, ""),
            home=run.data,
            left_out=int((in_part & left_out).sum()),
            unchecked=home.reason,
            only_home=matched.only_home,
            only_other=matched.only_other,
        )
        facts = Facts(
            experiment=self.other.experiment,
            data=data,
            environment=self.environment,
            external=record,
        )
        cell = run.cell.as_external(
            home=run.data, part=self.other.part, same_patients=same_patients
        )
        return _Job(
            run=run,
            cell=cell,
            facts=facts,
            matched=matched,
            study=study,
            pixels=store.pixels,
            rows=numbers,
        )

    def _decoded(self, image_size: int) -> tuple[StudyTable, PixelStore]:
        return decode_source(self.sized(image_size), self.progress)

    def sized(self, image_size: int) -> DataConfig:
        """The other data at a network's image size."""
        return self.config.model_copy(update={"image_size": image_size})

    def home(self, run: Run) -> HomeImages:
        """The images that a network was trained on."""
        key = run.data.fingerprint
        if key not in self.homes:
            self.homes[key] = home_images(run, progress=self.progress)
        return self.homes[key]

    def part(self, study: StudyTable) -> NDArray[np.bool_]:
        """Mask of the images that the chosen part has."""
        mask = np.ones(len(study.rows), np.bool_)
        if self.other.part == "test":
            mask[:] = False
            mask[make_split(study.rows, self.config).test] = True
        return mask

    def describe(
        self, run: Run, study: StudyTable, matched: Match, numbers: RowNumbers, overlap: Overlap
    ) -> DataRecord:
        """The description of the other data, with the counts of the network's own parts."""
        part_of_row = np.full(len(study.rows), len(PARTS))
        part_of_row[numbers] = PARTS.index("test")
        split = Split.of(
            part_of_row,
            rows=study.rows,
            name=self.other.part,
            seed=0,
            claims_disjoint=False,
            how="",
        )
        found = describe_data(
            study,
            matched.task,
            root=self.config.root,
            split=split,
            parts={"test": numbers},
            image_size=run.data.image_size,
            normalisation=run.data.normalisation,
        )
        own = run.predictions()
        parts = {
            "validation": _count(matched.of(own["validation"]), matched.outputs),
            "home": _count(matched.of(own["test"]), matched.outputs),
            "test": found.parts["test"],
        }
        return found.model_copy(update={"parts": parts, "leakage": (overlap.leakage,)})


def _count(predictions: Predictions, outputs: Outputs) -> PartRecord:
    patients = predictions.patients
    return PartRecord(
        images=len(patients),
        patients=None if (patients == "").any() else len(set(patients)),
        classes=predictions.counts(outputs),
    )


def _keep(job: _Job, *, device: torch.device, progress: Progress) -> Evaluated:
    """Predict and write where that has not been done."""
    store = Store(job.run.folder.parent).external
    folder = store.folder(job.cell, job.facts.data)
    with store.claim(folder) as claimed:
        if not claimed:
            raise InputError(f"another process is evaluating {job.run.name}: wait for it")
        already = store.outcome(folder) is not None and (
            store.run(folder.name).external == job.facts.external
        )
        if not already:
            predicted = _predict(job, device=device, progress=progress)
            own = job.run.predictions()
            parts = {
                "validation": job.matched.of(own["validation"]),
                "home": job.matched.of(own["test"]),
                "test": predicted,
            }
            store.begin(folder, job.cell, job.facts)
            store.write_parts(folder, parts, job.matched.outputs)
            store.end(folder, Outcome(state="finished"))
    return Evaluated(run=store.run(folder.name), already=already)


def _predict(job: _Job, *, device: torch.device, progress: Progress) -> Predictions:
    model = LoadedModel(job.run.folder, device=device)
    rows = job.study.rows.iloc[job.rows]
    pixel_rows = rows["pixel_row"].to_numpy(dtype=np.int64)
    found: list[NDArray[Any]] = []
    for start in range(0, len(rows), CHUNK):
        found.append(model(np.asarray(job.pixels[pixel_rows[start : start + CHUNK]])))
        done = min(start + CHUNK, len(rows))
        progress.advance(f"{job.run.cell.label} predicts", done, len(rows))
    return Predictions(
        images=rows["image"].to_numpy(dtype=object),
        patients=rows["patient"].to_numpy(dtype=object),
        targets=job.matched.task.targets(rows),
        probabilities=job.matched.probabilities(np.concatenate(found)),
    )
