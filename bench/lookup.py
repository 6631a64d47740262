"""Whether all that an experiment names is registered; answered without torch, so at once."""

from __future__ import annotations

from bench.config import Experiment
from bench.controls import find_control
from bench.data.tasks import make_task
from bench.registry import DATASETS, LOSSES, find_model


def check_names(experiment: Experiment) -> None:
    """Look up the task, the data source and its options, models, losses and controls.

    Args:
        experiment: without ``vary``.

    Raises:
        InputError: an unknown name or option, or an image size that a model does not take.
    """
    make_task(experiment.task)
    DATASETS.get(experiment.data.source).parse_options(dict(experiment.data.options))
    for model in experiment.models:
        find_model(model).check_image_size(experiment.data.image_size)
    for loss in experiment.losses:
        LOSSES.get(loss)
    for control in experiment.controls:
        find_control(control)
    for model in experiment.model.options:
        find_model(model)  # it need not be among the models of this run, which may be narrowed
