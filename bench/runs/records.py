"""Records: typed models of everything on disk beside the predictions, and how they are read.

A run's data (:class:`bench.data.description.DataRecord`), its environment
(:class:`bench.environment.EnvironmentRecord`) and its settings (:mod:`bench.runs.cells`) are
defined where they come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import JsonValue, ValidationError

from bench.config import Experiment
from bench.config.schema import Frozen
from bench.environment import EnvironmentRecord
from bench.errors import InputError
from bench.runs.cells import RESULTS_VERSION, Cell, FileSettings

FORMAT_VERSION = 1
"""Raised when a record changes so that earlier versions of this package cannot read it."""

R = TypeVar("R", bound=Frozen)
State = Literal["finished", "failed", "unavailable"]


class CellRecord(Frozen):
    """The settings of a run, all that its key is made of.

    Attributes:
        cell: the settings.
        results_version: of the harness that the run is a result of.
    """

    cell: Cell
    results_version: int = RESULTS_VERSION


class AttemptsRecord(Frozen):
    """The environments of a run: an interrupted or failed run can go on elsewhere.

    Attributes:
        attempts: one for each time the run was started, oldest first.
    """

    attempts: tuple[EnvironmentRecord, ...]


class ImportRecord(FileSettings):
    """The file that imported predictions come from.

    Attributes:
        file: its name.
        images: predicted images by part.
        of: images of the task by part.
        ignored: rows of the file that are in no part of the split or outside the task.
    """

    file: str
    images: dict[str, int]
    of: dict[str, int]
    ignored: int


class RunCosts(Frozen):
    """Costs of a network and its training.

    Attributes:
        parameters: number of parameters, trainable or not.
        multiply_adds: of one image's forward pass.
        train_seconds: in training steps; validations, start-up, recording and compiling left out.
        images_per_second: training images a second.
        iterations: training steps done.
        best_iteration: the step whose weights were kept.
        inference_images_per_second: of the test part, in large batches; None before it is
            predicted.
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
    capture_seconds: float = 0.0
    compile_seconds: float = 0.0


class Outcome(Frozen):
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


class ExperimentRecord(Frozen):
    """An experiment that was run.

    Attributes:
        experiment: its settings as they were given.
        runs: folder names of its runs, finished or not.
    """

    experiment: Experiment
    runs: tuple[str, ...]


class Spent(Frozen):
    """Costs of a tuning so far; a trial that was interrupted and went on counts once.

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


class FailedTuningRecord(Frozen):
    """A search for the settings of one model with one loss that has no winner.

    Attributes:
        study: its name.
        experiment: name of the experiment that was to be tuned.
        task: its question.
        model, loss: registered names.
        budget: as :class:`TuningRecord`'s.
        reason: why there is none, with a hint where there is one.
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


class TuningRecord(Frozen):
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
    winner: dict[str, JsonValue]
    trial: int
    validation_auc: float
    seed: int
    seeds: tuple[int, ...]
    runs: tuple[str, ...]
    sampler: str
    pruner: str
    storage: str
    superseded: tuple[str, ...] = ()


def refuse_later(content: Mapping[str, Any], name: str) -> None:
    """Refuse what a later version of this package wrote; nothing of it is damaged.

    Args:
        content: of the file.
        name: what the file is of, for the message.

    Raises:
        InputError: it is of a later format, or a result of a later harness.
    """
    if (
        content.get("format", 0) > FORMAT_VERSION
        or content.get("results_version", 0) > RESULTS_VERSION
    ):
        raise InputError(
            f"{name} was written by a later version of cxnet-bench: use that version or a newer "
            "one, or give another folder with --out"
        )


def read_record(path: Path, model: type[R], *, name: str) -> R:
    """Read a file of its own, which says its format.

    Args:
        path: a JSON file.
        model: what is in it.
        name: as for :func:`refuse_later`.

    Raises:
        InputError: it is of a later format.
        ValueError, TypeError: it is damaged.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    refuse_later(content, name)
    del content["format"]
    return model.model_validate(content)


def damage(error: Exception) -> str:
    """The fault of a damaged record, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        inner = first.get("ctx", {}).get("error")  # a cell's settings are read by their kind
        if isinstance(inner, ValidationError):
            return damage(inner)
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
