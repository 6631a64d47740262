"""A stored run as the reports see it: how it ended, what it cost, what it answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bench.cells import Cell
from bench.errors import InputError
from bench.predictions import OTHERS, PREDICTIONS, Judged, Outputs, from_frame, read_frame

State = Literal["finished", "failed", "unavailable"]
JUDGED_PARTS = ("validation", "test")


@dataclass(frozen=True, kw_only=True)
class RunCosts:
    """What a network cost.

    Attributes:
        parameters: trainable or not, all of them.
        multiply_adds: of one image's forward pass.
        train_seconds: in training steps; validations, start-up, recording and compiling left out.
        images_per_second: training images a second.
        iterations: steps done.
        best_iteration: the step whose weights were kept.
        inference_images_per_second: while the test part was answered, in large batches; None in
            runs of the first versions, and of a control.
        micro_batch: most images that were on the device at once in a training step, where that
            was less than a batch; None where the whole batch was.
        capture_seconds: spent in recording training steps as CUDA graphs; 0 where none was.
        compile_seconds: spent in compiling the network; 0 where it was not.
    """

    parameters: int
    multiply_adds: int
    train_seconds: float
    images_per_second: float
    iterations: int
    best_iteration: int
    inference_images_per_second: float | None = None
    micro_batch: int | None = None
    capture_seconds: float = 0.0
    compile_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a run ended.

    Attributes:
        state: ``finished``; ``failed``; or ``unavailable`` (a control that this data cannot
            have).
        reason: why it failed or is unavailable; "" where finished.
        costs: of a finished network.
    """

    state: State
    reason: str = ""
    costs: RunCosts | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An experiment that was run.

    Attributes:
        experiment: its settings as they were given.
        runs: folder names of its runs, finished or not.
    """

    experiment: dict[str, Any]
    runs: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a tuning has cost so far; a trial that was interrupted and went on counts once.

    Attributes:
        trials: all that ended: ``finished`` + ``pruned`` + ``failed``.
        finished: trained to their end.
        pruned: stopped early, since others did better.
        failed: such as by a loss that is no longer finite.
        iterations: training steps of all of them, and of those that were lost with their
            machine and begun anew, up to their last validation.
        train_seconds: seconds in these training steps.
    """

    trials: int
    finished: int
    pruned: int
    failed: int
    iterations: int
    train_seconds: float

    def measured(self, unit: str) -> float:
        """How much it is in a budget's unit: ``trials``, ``iterations`` or ``minutes``."""
        return {
            "trials": float(self.trials),
            "iterations": float(self.iterations),
            "minutes": self.train_seconds / 60,
        }[unit]

    def overshoot(self, unit: str, *, validate_every: int) -> float:
        """How far one worker may pass a budget, since it ends a trial only at a validation.

        Args:
            unit: of the budget, and of the answer.
            validate_every: iterations between two validations.
        """
        of_an_iteration = self.measured(unit) / max(self.iterations, 1)
        return 0.0 if unit == "trials" else validate_every * of_an_iteration


@dataclass(frozen=True, kw_only=True)
class FailedTuning:
    """A search for the settings of one model with one loss that has no winner.

    Attributes:
        study: its name.
        experiment: name of the experiment that was to be tuned.
        task: its question.
        model, loss: registered names.
        budget: as :class:`Tuning`'s.
        reason: why there is none, with the way out where there is one.
        spent: what was used of the budget.
    """

    study: str
    experiment: str
    task: str
    model: str
    loss: str
    budget: dict[str, float]
    reason: str
    spent: Spent


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How the settings of one model with one loss were searched for.

    Attributes:
        study: its name.
        experiment: name of the experiment that was tuned.
        model, loss: registered names.
        budget: what every model and loss was given: ``{"trials": 20}``, ``{"iterations": …}`` or
            ``{"minutes": …}``.
        spent: what was used of it.
        searched: the dotted keys that were searched, each with its dimension in words
            (``1e-04 to 0.1, log``).
        winner: the settings that won, by dotted key.
        trial: number of the winning trial.
        validation_auc: what it reached there; never a result, since it is the best of many.
        seed: of the trainings of all trials; none of ``seeds``.
        seeds: those that the winner was run again with.
        runs: folder names of these runs, finished or not.
        sampler, pruner: in words.
        storage: what kind of database, without its address (``sqlite``, ``postgresql``).
        superseded: folder names of the runs of earlier winners of this study, which a larger
            budget has found others than; each may still be a run of another tuning's winner.
    """

    study: str
    experiment: str
    model: str
    loss: str
    budget: dict[str, float]
    spent: Spent
    searched: dict[str, str]
    winner: dict[str, Any]
    trial: int
    validation_auc: float
    seed: int
    seeds: tuple[int, ...]
    runs: tuple[str, ...]
    sampler: str
    pruner: str
    storage: str
    superseded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A run that began and did not end: a process is at it, or it was interrupted."""

    name: str
    running: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as the reports see it."""

    folder: Path
    cell: Cell
    verdict: Verdict
    data: dict[str, Any]
    environment: dict[str, Any]

    @property
    def outputs(self) -> Outputs:
        """What its predictions are about."""
        # The first runs did not say so: all of them are of m1.
        return Outputs(
            kind=self.data.get("kind", "multiclass"),
            classes=tuple(self.data.get("classes", ("normal", "abnormal"))),
        )

    @property
    def judged_images(self) -> dict[str, int]:
        """How many images of each part it answers; imported predictions may lack some, or a part.

        Parts of which it answers none are left out.
        """
        counts = self.data.get("imported", {}).get("images") or {
            part: self.data["parts"][part]["images"] for part in JUDGED_PARTS
        }
        return {part: images for part, images in counts.items() if images}

    def predictions(self) -> pd.DataFrame:
        """The stored predictions as they are in the file, probabilities as float64.

        Raises:
            InputError: the file is gone or damaged.
        """
        with self._damaged_predictions():
            frame = read_frame(self.folder / PREDICTIONS, self.outputs, with_targets=True)
            found = frame["part"].value_counts().to_dict()
            if found != self.judged_images:
                raise ValueError(f"images by part are {found}, not {self.judged_images}")
            return frame

    def judged(self) -> dict[str, Judged]:
        """The answers for the images that the task asks about, by part (``JUDGED_PARTS``).

        Imported predictions may have none for the validation part.

        Raises:
            InputError: the predictions are gone or damaged.
        """
        frame = self.predictions()
        with self._damaged_predictions():
            return {
                part: from_frame(frame[frame["part"] == part], self.outputs)
                for part in self.judged_images
            }

    def answers(self, part: str) -> pd.DataFrame:
        """The probabilities for every image of a part, asked about or not.

        Args:
            part: one of ``JUDGED_PARTS``.

        Returns:
            One row an image, indexed by its id and sorted by it; a column for each output.

        Raises:
            InputError: the predictions are gone or damaged.
        """
        frames = [self.predictions()]
        with self._damaged_predictions():
            if (self.folder / OTHERS).is_file():
                frames.append(read_frame(self.folder / OTHERS, self.outputs, with_targets=False))
            # Targets would be parsed, and those of the other images are not there.
            judged = [
                from_frame(
                    frame[frame["part"] == part].drop(columns="target", errors="ignore"),
                    self.outputs,
                )
                for frame in frames
            ]
        return pd.concat(
            pd.DataFrame(one.probabilities, index=one.images, columns=list(self.outputs.classes))
            for one in judged
        ).sort_index()

    @contextmanager
    def _damaged_predictions(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise InputError(
                f"predictions of run {self.folder.name} are damaged ({error}): delete its folder "
                "and run it again"
            ) from None
