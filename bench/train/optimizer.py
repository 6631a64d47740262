"""The optimiser of a training, by its name in the settings."""

from __future__ import annotations

from collections.abc import Collection
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

    Returns:
        The optimiser. Each of its groups has an ``initial_lr``: its learning rate without warm-up
        and decay.

    Raises:
        TrainingFailedError: the network has nothing to train.
        ValueError: timm knows no such optimiser.
    """
    groups = _groups(network, config)
    if not groups:
        raise TrainingFailedError("the network has no parameter that is trained")
    if config.optimizer == "sgd":
        device = groups[0]["params"][0].device
        return torch.optim.SGD(
            groups,
            momentum=config.momentum,
            nesterov=config.nesterov,
            fused=True if device.type == "cuda" else None,
        )
    from timm.optim import create_optimizer_v2

    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        groups,
        opt=config.optimizer,
        lr=config.lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
    )
    return optimizer


def _groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Parameters by their weight decay and learning rate, as torch's optimisers take them.

    Weight decay falls on matrices and kernels alone: not on what has one dimension (norms,
    biases), nor on what timm's networks except (position embeddings). With layer decay the
    learning rate falls from the last layer to the first, by timm's division into layers.
    """
    if config.weight_decay == 0 and config.layer_decay == 1:
        trained = [p for p in network.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": trained}] if trained else []
    else:
        groups = _timm_groups(network, config)
    for group in groups:
        group["lr"] = group["initial_lr"] = config.lr * group.pop("lr_scale", 1.0)
    return groups


def _timm_groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    from timm.optim import param_groups_layer_decay, param_groups_weight_decay

    # A method of timm's networks.
    spared: Collection[str] = getattr(network, "no_weight_decay", tuple)()
    if config.layer_decay == 1 or not hasattr(network, "group_matcher"):
        groups: list[dict[str, Any]] = param_groups_weight_decay(
            network, weight_decay=config.weight_decay, no_weight_decay_list=spared
        )
    else:
        groups = param_groups_layer_decay(
            network,
            weight_decay=config.weight_decay,
            no_weight_decay_list=spared,
            layer_decay=config.layer_decay,
        )
    return groups


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Restore momenta and learning rates, but not how the update is computed.

    Whether it is fused belongs to this device, not to the one where the state was written.
    """
    fused = [group.get("fused") for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, fused, strict=True):
        if "fused" in group:
            group["fused"] = own
