"""What is checked before anything starts, so that a mistake costs seconds and not a night."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.cells import Cell, make_cells
from bench.config import Experiment
from bench.controls import CONTROLS
from bench.costs import model_costs
from bench.data.tasks import Task, find_task
from bench.errors import InputError
from bench.registry import DATASETS, LOSSES, find_model, near_matches


def check_experiment(experiment: Experiment) -> tuple[Task, list[Cell]]:
    """Everything about an experiment that can be checked without its data.

    Returns:
        The task and the matrix.

    Raises:
        InputError: an unknown name, an image or option that a model does not take, a model that
            does not answer with the task's logits, an unknown optimiser, or pretrained weights
            that cannot be had.
    """
    task = find_task(experiment.task)
    # Names first: a misspelt loss must not be found after gigabytes of weights were fetched.
    _check_names(experiment)
    weights = {}
    for model in experiment.models:
        entry = find_model(model)
        # Counting runs the network once without arithmetic, and so finds what it cannot take.
        model_costs(
            entry,
            in_channels=experiment.model.in_channels,
            outputs=len(task.classes),
            image_size=experiment.data.image_size,
            options=experiment.model.options.get(model, {}),
        )
        if experiment.model.pretrained and entry.timm_name is not None:
            weights[model] = _digest_of_weights(entry.timm_name, experiment.model.weights_dir)
    return task, make_cells(experiment, weights=weights)


def _digest_of_weights(timm_name: str, weights_dir: Path | None) -> str:
    """SHA-256 of the pretrained weights' file, fetched where it is not on this machine."""
    from baselines.weights import WeightsError, ensure_weights

    try:
        path = ensure_weights(timm_name, weights_dir=weights_dir)
    except (WeightsError, ValueError) as error:
        raise InputError(str(error)) from None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_names(experiment: Experiment) -> None:
    DATASETS.get(experiment.data.source).parse_options(dict(experiment.data.options))
    for model in experiment.models:
        find_model(model).check_image_size(experiment.data.image_size)
    for loss in experiment.losses:
        LOSSES.get(loss)
    for control in experiment.controls:
        if control not in CONTROLS:
            raise InputError(
                f"unknown control {control!r}: {near_matches(control, list(CONTROLS))}"
            )
    stray = sorted(set(experiment.model.options) - set(experiment.models))
    if stray:
        raise InputError(
            f"model.options names {stray[0]!r}, which is not among the models of this run: "
            f"{', '.join(experiment.models)}"
        )
    _check_optimizer(experiment.train.optimizer)


def _check_optimizer(name: str) -> None:
    if name == "sgd":
        return
    from timm.optim import list_optimizers

    known = [str(other) for other in list_optimizers()]
    if name not in known:
        raise InputError(f"unknown optimizer {name!r}: {near_matches(name, ['sgd', *known])}")
