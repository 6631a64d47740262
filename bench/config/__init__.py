"""The experiment: what is compared, on what, and how it is trained."""

from bench.config.load import load_experiment, shipped_folder, shipped_names
from bench.config.schema import (
    AugmentConfig,
    DataConfig,
    Experiment,
    ModelConfig,
    TrainConfig,
)

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "Experiment",
    "ModelConfig",
    "TrainConfig",
    "load_experiment",
    "shipped_folder",
    "shipped_names",
]
