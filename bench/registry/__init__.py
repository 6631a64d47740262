"""Names → factories for models, losses and data sources.

A registration is one decorator (:func:`register_model`, :func:`register_loss`,
:func:`register_dataset`). The built-in names are registered when a registry is first used;
their factories import torch and timm only when called.
"""

from bench.registry.core import Registry, near_matches
from bench.registry.datasets import DATASETS, register_dataset
from bench.registry.losses import LOSSES, LossEntry, TargetKind, register_loss
from bench.registry.models import MODELS, ModelEntry, NetworkShape, find_model, register_model

__all__ = [
    "DATASETS",
    "LOSSES",
    "MODELS",
    "LossEntry",
    "ModelEntry",
    "NetworkShape",
    "Registry",
    "TargetKind",
    "find_model",
    "near_matches",
    "register_dataset",
    "register_loss",
    "register_model",
]
