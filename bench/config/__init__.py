"""The experiment: what is compared, on what, and how it is trained."""

from bench.config.keys import keys_of, suggest
from bench.config.load import load_experiment, shipped_folder, shipped_names
from bench.config.schema import (
    AugmentConfig,
    DataConfig,
    Experiment,
    Factor,
    PartSizes,
    Question,
    TrainConfig,
)
from bench.config.vary import expand, levels_of, missing_references, one_data_config

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "Experiment",
    "Factor",
    "PartSizes",
    "Question",
    "TrainConfig",
    "expand",
    "keys_of",
    "levels_of",
    "load_experiment",
    "missing_references",
    "one_data_config",
    "shipped_folder",
    "shipped_names",
    "suggest",
]
