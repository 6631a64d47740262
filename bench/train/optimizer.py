"""The optimiser of a training, by its name in the settings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from bench.config.schema import TrainConfig
from bench.train.errors import TrainingFailedError


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser over the parameters that are to be trained.

    ``sgd`` is torch's own, so that momentum and Nesterov mean what they say; every other name
    goes to timm's factory.

    On CUDA torch's SGD updates all parameters in one fused kernel. On a CPU that was measured
    to win nothing (``results/speed``) and rounds differently, so that it is left out.

    Args:
        network: on the device where it is trained.
        config: the settings.

    Raises:
        TrainingFailedError: the network has nothing to train.
        ValueError: timm knows no such optimiser.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    if not parameters:
        raise TrainingFailedError("the network has no parameter that is trained")
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=config.nesterov,
            fused=True if parameters[0].device.type == "cuda" else None,
        )
    from timm.optim import create_optimizer_v2

    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        parameters,
        opt=config.optimizer,
        lr=config.lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
    )
    return optimizer


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Restore momenta and learning rates, but not how the update is computed.

    Whether it is fused belongs to this device, not to the one where the state was written.
    """
    fused = [group.get("fused") for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, fused, strict=True):
        if "fused" in group:
            group["fused"] = own
