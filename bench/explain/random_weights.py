"""A run's network with random weights: the sanity check of what a map says.

Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: a map that looks the same for a
network with random weights says nothing about what the network has learned.
"""

from __future__ import annotations

from copy import copy

import torch

from bench.model import LoadedModel
from bench.randomness import derive_seed
from bench.registry import find_model
from bench.train.device import random_state_kept


def with_random_weights(model: LoadedModel) -> LoadedModel:
    """The run's network with its initial weights, of the run's own seed and not pretrained.

    Args:
        model: the run's, which stays as it is.
    """
    with random_state_kept(model.device):
        torch.manual_seed(derive_seed(model.run.cell.seed, "initialisation"))
        network = find_model(model.run.cell.model).build(model.shape)
    other = copy(model)
    other.network = network.to(model.device).eval()
    return other
