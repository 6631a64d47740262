"""Whether what an experiment names is registered, as far as that needs no torch: at once."""

from __future__ import annotations

from bench.config import Experiment
from bench.controls import find_control
from bench.data.tasks import make_task
from bench.registry import DATASETS, LOSSES


def check_names(experiment: Experiment) -> None:
    """Look up the task, the data source and its options, the losses and the controls.

    Models are not looked up: timm has to be loaded to know its own.

    Args:
        experiment: without ``vary``.

    Raises:
        InputError: an unknown name or option.
    """
    make_task(experiment.task)
    DATASETS.get(experiment.data.source).parse_options(dict(experiment.data.options))
    for loss in experiment.losses:
        LOSSES.get(loss)
    for control in experiment.controls:
        find_control(control)
