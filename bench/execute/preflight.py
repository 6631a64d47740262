"""Checks before anything starts, so that a mistake costs seconds and not a night."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config import Experiment, TrainConfig
from bench.data.tasks import Task, make_task
from bench.errors import InputError, first_line
from bench.execute.controls import check_control
from bench.execute.training_check import check_training
from bench.registry import (
    DATASETS,
    LOSSES,
    ModelEntry,
    NetworkShape,
    find_model,
    near_matches,
)
from bench.registry.core import check_options, comes_from_plugin
from bench.registry.costs import check_answer
from bench.runs.cells import FROZEN, Cell, make_cells, pretrained_models
from bench.train.device import pick_memory_format, pick_precision
from bench.train.distributed.launch import check_devices
from bench.train.random_images import random_images
from bench.train.step import make_step

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An experiment without ``vary`` after its checks."""

    # Over NIH's fourteen findings where it names findings: those of the data source are not known
    # yet.
    task: Task
    # By name, why a user's own model or loss cannot be trained.
    model_faults: Mapping[str, InputError]
    loss_faults: Mapping[str, InputError]

    def fault(self, *, model: str, loss: str) -> InputError | None:
        """The reason why a model cannot be trained with a loss; None where it can."""
        return self.model_faults.get(model) or self.loss_faults.get(loss)

    def cell_fault(self, cell: Cell) -> InputError | None:
        """The reason why a cell cannot be run; None where it can, as every control can."""
        return self.fault(model=cell.model, loss=cell.loss) if cell.kind == "network" else None


def check_levels(levels: Sequence[Experiment], *, device: torch.device) -> list[Checked]:
    """Check all of an experiment's levels that needs neither their data nor weights.

    A model or loss of a plugin that cannot be trained is a fault of its own cells: they fail
    with the reason, and the others are run.

    Args:
        levels: what to run, without ``vary``.
    """
    known: dict[str, InputError | None] = {}
    checked = [_check_level(level, device, known) for level in levels]
    faults = [
        found.fault(model=model, loss=loss)
        for level, found in zip(levels, checked, strict=True)
        for model in level.models
        for loss in level.losses
    ]
    if faults and all(faults):
        assert faults[0] is not None
        raise faults[0]
    return checked


def _check_level(
    experiment: Experiment, device: torch.device, known: dict[str, InputError | None]
) -> Checked:
    """Check one level.

    Args:
        known: faults of models by what they depend on, of this level and those before it: most
            levels have their models in common, and building one takes a tenth of a second.
    """
    task = make_task(experiment.task)
    _check_names(experiment)
    _check_optimizer(experiment.train, device)
    check_devices(experiment.train, device)
    model_faults, loss_faults = {}, {}
    for model in experiment.models:
        shape = network_shape(experiment, model, task)
        key = repr((model, shape, task.kind))
        if key not in known:
            known[key] = _model_fault(find_model(model), shape, task, device)
        if (found := known[key]) is not None:
            model_faults[model] = found
    for name in experiment.losses:
        loss = LOSSES.get(name)
        try:
            loss.check(
                kind=task.kind,
                outputs=len(task.classes),
                options=experiment.loss.options.get(name, {}),
            )
        except InputError as error:
            if not comes_from_plugin(loss.source):
                raise
            loss_faults[name] = error
    return Checked(task=task, model_faults=model_faults, loss_faults=loss_faults)


def _model_fault(
    entry: ModelEntry, shape: NetworkShape, task: Task, device: torch.device
) -> InputError | None:
    """The reason why a plugin's network cannot be trained; that of any other is raised."""
    if not comes_from_plugin(entry.source):
        check_answer(entry, shape)  # our own tests train it, and that may take seconds
        return None
    try:
        check_answer(entry, shape)
        check_training(entry, shape, kind=task.kind, device=device)
    except InputError as error:
        return error
    return None


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
    """
    weights = {}
    for model in pretrained_models(experiment):
        timm_name = find_model(model).timm_name
        assert timm_name is not None
        weights[model] = digest_of_weights(timm_name, experiment.model.weights_dir)
    if FROZEN in experiment.controls:
        digest = frozen_weights(experiment.data.image_size, experiment.model.weights_dir)
        if digest is not None:
            weights[FROZEN] = digest
    train = experiment.train.model_copy(
        update={
            "precision": pick_precision(experiment.train.precision, device),
            "memory_format": pick_memory_format(experiment.train.memory_format, device),
        }
    )
    return make_cells(experiment.model_copy(update={"train": train}), weights=weights)


def frozen_weights(image_size: int, weights_dir: Path | None) -> str | None:
    """SHA-256 of the weights that the control ``frozen`` uses; None where none are here."""
    from baselines.frozen import smallest_at_hand  # imports timm

    network = smallest_at_hand(image_size, weights_dir=weights_dir)
    return None if network is None else digest_of_weights(network, weights_dir)


def digest_of_weights(timm_name: str, weights_dir: Path | None) -> str:
    """SHA-256 of the pretrained weights' file, fetched where it is not on this machine."""
    from baselines.weights import WeightsError, ensure_weights

    try:
        path = ensure_weights(timm_name, weights_dir=weights_dir)
    except (WeightsError, ValueError) as error:
        raise InputError(str(error)) from None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_names(experiment: Experiment) -> None:
    DATASETS.get(experiment.data.source).parse_options(experiment.data.options)
    for loss in (*experiment.losses, *experiment.loss.options):
        LOSSES.get(loss)
    for control in experiment.controls:
        check_control(control)
    for loss in experiment.losses:
        options = experiment.loss.options.get(loss, {})
        check_options("loss", loss, LOSSES.get(loss).factory, options)
    for model in experiment.models:
        entry = find_model(model)
        entry.check_image_size(experiment.data.image_size)
        check_options("model", model, entry.factory, experiment.model.options.get(model, {}))
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
