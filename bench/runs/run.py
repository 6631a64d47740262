"""A stored run: its settings, data and environments, how it ended, and its predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bench.data.description import DataRecord
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.runs.cells import Cell, NetworkSettings
from bench.runs.predictions import OTHERS, PREDICTIONS, Outputs, Predictions, from_frame, read_frame
from bench.runs.records import ExternalRecord, ImportRecord, Outcome

EVALUATED_PARTS = ("validation", "test")
EXTERNAL_PARTS = ("validation", "home", "test")
"""Parts of a run on other data: its own validation and test part, and the other images."""
PARTS_OF = {"cascade": ("test",), "external": EXTERNAL_PARTS}
"""The parts that runs of a kind predict; of other kinds ``EVALUATED_PARTS``."""


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A run that began and did not end: a process is at it, or it was interrupted."""

    name: str
    running: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that ended."""

    folder: Path
    cell: Cell
    data: DataRecord
    attempts: tuple[EnvironmentRecord, ...]  # environment of each time it was started, oldest first
    outcome: Outcome
    checksums: Mapping[str, str] = field(compare=False)  # SHA-256 of its files by name
    # The file that imported predictions come from; None of a run that was made here.
    imported: ImportRecord | None = None
    # The run whose network predicts other data; None of a run on its own data.
    external: ExternalRecord | None = None

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def environment(self) -> EnvironmentRecord:
        """The environment in which it ended."""
        return self.attempts[-1]

    @property
    def outputs(self) -> Outputs:
        """Classes or findings that it predicts."""
        return Outputs(kind=self.data.kind, classes=self.data.classes)

    @property
    def predicted_images(self) -> dict[str, int]:
        """Number of images by part that it predicts; imported predictions may lack some, or a part.

        Parts of which it predicts none are left out.
        """
        parts = PARTS_OF.get(self.cell.kind, EVALUATED_PARTS)
        counts = (
            self.imported.images
            if self.imported
            else {part: self.data.parts[part].images for part in parts}
        )
        return {part: images for part, images in counts.items() if images}

    def describe(self) -> dict[str, Any]:
        """Facts of the run, of JSON's types, in reading order: for people.

        Its settings by dotted key, data, environments, outcome and files with their sizes in bytes.
        """
        cell, data = self.cell, self.data
        facts: dict[str, Any] = {
            "run": self.name,
            "kind": cell.kind,
            "model": cell.model,
            "loss": cell.loss,
            "seed": cell.seed,
            "state": self.outcome.state,
            "reason": self.outcome.reason,
            "settings": cell.dotted,
            "data": {
                "source": data.source,
                "task": data.task,
                "question": data.question,
                "classes": list(data.classes),
                "image_size": data.image_size,
                "split": data.split.model_dump(),
                "parts": {name: part.model_dump() for name, part in data.parts.items()},
                "fingerprint": data.fingerprint,
            },
            "attempts": [attempt.model_dump() for attempt in self.attempts],
            "costs": self.outcome.costs.model_dump() if self.outcome.costs else None,
            "imported": self.imported.model_dump() if self.imported else None,
            "external": self.external.model_dump(mode="json") if self.external else None,
            "files": {name: (self.folder / name).stat().st_size for name in self.checksums},
        }
        return {name: value for name, value in facts.items() if value not in (None, "")}

    def finished_network(self) -> NetworkSettings:
        """The settings of its network, whose weights are stored with it."""
        name, kind = self.name, self.cell.kind
        self.refuse_external()
        if kind != "network":
            raise InputError(
                f"run {name} is of kind {kind}: only a network, whose weights are kept, can "
                "predict images, so name a run of one"
            )
        if self.outcome.state != "finished":
            raise InputError(f"run {name} is {self.outcome.state}: name a finished one")
        return self.cell.network

    def refuse_external(self) -> None:
        """Refuse a run on other data, which has no weights, split or training of its own."""
        if self.external is not None:
            raise InputError(
                f"run {self.name} is the network of {self.external.run} on other data: name "
                "that run"
            )

    def predictions_frame(self) -> pd.DataFrame:
        """The stored predictions as they are in the file, probabilities as float64."""
        with self._damaged_predictions():
            frame = read_frame(self.folder / PREDICTIONS, self.outputs, with_targets=True)
            found = frame["part"].value_counts().to_dict()
            if found != self.predicted_images:
                raise ValueError(f"images by part are {found}, not {self.predicted_images}")
            return frame

    def tables(self) -> dict[str, pd.DataFrame]:
        """The stored predictions by file: for images of the task, and for others if there are."""
        with self._damaged_predictions():
            return {
                name: read_frame(self.folder / name, self.outputs, with_targets=name == PREDICTIONS)
                for name in (PREDICTIONS, OTHERS)
                if name in self.checksums
            }

    def predictions(self) -> dict[str, Predictions]:
        """The predictions for the images of the task, by part (``EVALUATED_PARTS``, or
        ``EXTERNAL_PARTS`` for other data).

        Imported predictions may have none for the validation part.
        """
        frame = self.predictions_frame()
        with self._damaged_predictions():
            return {
                part: from_frame(frame[frame["part"] == part], self.outputs)
                for part in self.predicted_images
            }

    def probabilities(self, part: str) -> pd.DataFrame:
        """The probabilities for every image of a part, those outside the task too.

        Args:
            part: one of ``EVALUATED_PARTS``.

        Returns:
            One row an image, indexed by its id and sorted by it; a column for each output.
        """
        frames = [self.predictions_frame()]
        with self._damaged_predictions():
            if (self.folder / OTHERS).is_file():
                frames.append(read_frame(self.folder / OTHERS, self.outputs, with_targets=False))
            # Targets would be parsed, and those of the other images are not there.
            found = [
                from_frame(
                    frame[frame["part"] == part].drop(columns="target", errors="ignore"),
                    self.outputs,
                )
                for frame in frames
            ]
        return pd.concat(
            pd.DataFrame(each.probabilities, index=each.images, columns=list(self.outputs.classes))
            for each in found
        ).sort_index()

    @contextmanager
    def _damaged_predictions(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise InputError(
                f"predictions of run {self.name} are damaged ({error}): `bench doctor` says "
                "what to do"
            ) from error
