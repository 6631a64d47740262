"""Checks before anything starts, so that a mistake costs seconds and not a night."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config import Experiment, TrainConfig
from bench.data.tasks import Task, make_task
from bench.errors import InputError, first_line
from bench.execute.controls import check_control
from bench.registry import DATASETS, LOSSES, NetworkShape, find_model, near_matches
from bench.registry.costs import check_answer
from bench.runs.cells import FROZEN, Cell, make_cells, pretrained_models
from bench.train import make_step, pick_memory_format, pick_precision
from bench.train.random_images import random_images

if TYPE_CHECKING:
    import torch


def check_experiment(experiment: Experiment, *, device: torch.device) -> Task:
    """Everything about an experiment that can be checked without its data and weights.

    Args:
        experiment: what to run.
        device: where networks would be trained.

    Returns:
        The task, over NIH's fourteen findings where it names findings: those of the data source
        are not known yet.

    Raises:
        InputError: an unknown name, an image or option that a model does not take, a model that
            does not answer with the task's logits, or an optimiser that cannot be had.
    """
    task = make_task(experiment.task)
    _check_names(experiment)
    _check_optimizer(experiment.train, device)
    for model in experiment.models:
        check_answer(find_model(model), network_shape(experiment, model, task))
    for loss in experiment.losses:
        LOSSES.get(loss).check(
            kind=task.kind,
            outputs=len(task.classes),
            options=experiment.loss.options.get(loss, {}),
        )
    return task


def network_shape(experiment: Experiment, model: str, task: Task) -> NetworkShape:
    """The shape of one of an experiment's networks."""
    return NetworkShape(
        in_channels=experiment.model.in_channels,
        outputs=len(task.classes),
        image_size=experiment.data.image_size,
        options=experiment.model.options.get(model, {}),
    )


def plan_cells(experiment: Experiment, *, device: torch.device) -> list[Cell]:
    """The matrix of a checked experiment, with all that a key needs to know.

    Pretrained weights that are not on this machine are fetched.

    Raises:
        InputError: pretrained weights cannot be had.
    """
    weights = {}
    for model in pretrained_models(experiment):
        timm_name = find_model(model).timm_name
        assert timm_name is not None
        weights[model] = _digest_of_weights(timm_name, experiment.model.weights_dir)
    if FROZEN in experiment.controls:
        from baselines.frozen import smallest_at_hand  # imports timm

        network = smallest_at_hand(
            experiment.data.image_size, weights_dir=experiment.model.weights_dir
        )
        if network is not None:
            weights[FROZEN] = _digest_of_weights(network, experiment.model.weights_dir)
    train = experiment.train.model_copy(
        update={
            "precision": pick_precision(experiment.train.precision, device),
            "memory_format": pick_memory_format(experiment.train.memory_format, device),
        }
    )
    return make_cells(experiment.model_copy(update={"train": train}), weights=weights)


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
    for loss in (*experiment.losses, *experiment.loss.options):
        LOSSES.get(loss)
    for control in experiment.controls:
        check_control(control)
    for model in experiment.models:
        find_model(model).check_image_size(experiment.data.image_size)
    for model in experiment.model.options:
        find_model(model)  # it need not be among the models of this run, which may be narrowed
    for model in experiment.model.both:
        if find_model(model).timm_name is None:
            raise InputError(
                f"model.both: model {model!r} has no pretrained weights: it always starts from "
                "scratch"
            )


def _check_optimizer(config: TrainConfig, device: torch.device) -> None:
    """Take a step of a tiny network: some of timm's optimisers want CUDA or a second gradient."""
    import torch

    name = config.optimizer
    if name != "sgd":
        from timm.optim import list_optimizers

        known = [str(other) for other in list_optimizers()]
        if name not in known:
            near = near_matches(name.lower(), ["sgd", *known])
            hint = near if near.startswith("did you") else "sgd, or one of timm's (adamw, lamb, …)"
            raise InputError(f"unknown optimizer {name!r}: {hint}")
    try:
        with torch.random.fork_rng(devices=[]):
            network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2)).to(device)
            images = random_images(2, side=8, device=device)
            tiny = config.model_copy(update={"batch_size": 2, "compile": False})
            make_step(network, torch.nn.CrossEntropyLoss(), images, config=tiny, seed=0)(0)
    except Exception as error:
        raise InputError(f"optimizer {name!r} cannot be used here: {first_line(error)}") from None
