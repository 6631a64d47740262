"""What is kept on disk of a run, an experiment and a tuning, beside the predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["finished", "failed", "unavailable"]


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
class Outcome:
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
class ExperimentRecord:
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
class FailedTuningRecord:
    """A search for the settings of one model with one loss that has no winner.

    Attributes:
        study: its name.
        experiment: name of the experiment that was to be tuned.
        task: its question.
        model, loss: registered names.
        budget: as :class:`TuningRecord`'s.
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
class TuningRecord:
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
