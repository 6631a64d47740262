"""What is checked before anything starts, so that a mistake costs seconds and not a night."""

from __future__ import annotations

from bench.cells import Cell, make_cells
from bench.config import Experiment
from bench.costs import model_costs
from bench.data.tasks import Task, find_task
from bench.errors import InputError
from bench.registry import find_model, near_matches


def check_experiment(experiment: Experiment) -> tuple[Task, list[Cell]]:
    """Everything about an experiment that can be checked without its data.

    Returns:
        The task and the matrix.

    Raises:
        InputError: an unknown name, an image or option that a model does not take, a model that
            does not answer with the task's logits, an unknown optimiser, or pretrained weights
            that cannot be had.
    """
    from baselines.weights import WeightsError, ensure_weights

    task = find_task(experiment.task)
    cells = make_cells(experiment)
    _check_optimizer(experiment.train.optimizer)
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
            try:
                ensure_weights(entry.timm_name, weights_dir=experiment.model.weights_dir)
            except WeightsError as error:
                raise InputError(str(error)) from None
    return task, cells


def _check_optimizer(name: str) -> None:
    if name == "sgd":
        return
    from timm.optim import list_optimizers

    known = [str(other) for other in list_optimizers()]
    if name not in known:
        raise InputError(f"unknown optimizer {name!r}: {near_matches(name, ['sgd', *known])}")
