"""Parameter groups: where weight decay falls, and the learning rates of layers."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.optim import create_optimizer_v2
from torch import nn

from bench.config import TrainConfig
from bench.train.errors import TrainingFailedError
from bench.train.optimizer import make_optimizer
from cxnet import CXNetM1


def vit() -> nn.Module:
    network: nn.Module = timm.create_model("vit_small_patch16_224", depth=2, num_classes=2)
    return network


def decays(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, float]:
    of_id = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    return {name: of_id[id(p)] for name, p in network.named_parameters()}


def test_sgd_is_torchs_own_and_means_what_it_says() -> None:
    config = TrainConfig(momentum=0.7, nesterov=True, lr=0.3)
    optimizer = make_optimizer(nn.Linear(4, 2), config)
    assert type(optimizer) is torch.optim.SGD
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["nesterov"]) == (0.3, 0.7, True)


def test_other_optimizers_come_from_timm() -> None:
    optimizer = make_optimizer(nn.Linear(4, 2), TrainConfig(optimizer="adamw", lr=0.001))
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.param_groups[0]["lr"] == 0.001


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weight_decay_falls_where_timm_lets_it_fall(optimizer: str) -> None:
    """Not on norms, biases, position embeddings and the class token."""
    network = vit()
    config = TrainConfig(optimizer=optimizer, weight_decay=0.05)
    theirs = create_optimizer_v2(network, opt=optimizer, lr=0.01, weight_decay=0.05)
    ours = decays(make_optimizer(network, config), network)
    assert ours == decays(theirs, network)
    assert ours["pos_embed"] == ours["cls_token"] == ours["norm.weight"] == ours["head.bias"] == 0
    assert ours["head.weight"] == ours["blocks.0.attn.qkv.weight"] == 0.05


def test_weight_decay_of_our_own_networks_spares_norms_and_biases() -> None:
    network = CXNetM1()
    ours = decays(make_optimizer(network, TrainConfig(weight_decay=0.01)), network)
    assert {name: value > 0 for name, value in ours.items()} == {
        name: parameter.ndim > 1 for name, parameter in network.named_parameters()
    }


def test_layer_decay_lowers_the_rate_from_the_head_to_the_first_layer() -> None:
    network = vit()
    optimizer = make_optimizer(
        network, TrainConfig(optimizer="adamw", lr=0.1, weight_decay=0.05, layer_decay=0.5)
    )
    rate = {
        id(parameter): group["lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    rates = {name: rate[id(p)] for name, p in network.named_parameters()}
    assert rates["head.weight"] == 0.1
    assert rates["blocks.1.mlp.fc1.weight"] == pytest.approx(0.1 * 0.5)
    assert rates["blocks.0.mlp.fc1.weight"] == pytest.approx(0.1 * 0.5**2)
    assert rates["patch_embed.proj.weight"] == pytest.approx(0.1 * 0.5**3)
    assert all(group["initial_lr"] == group["lr"] for group in optimizer.param_groups)


def test_a_network_with_nothing_to_train_is_named() -> None:
    frozen = nn.Linear(4, 2).requires_grad_(False)
    for network in (nn.Flatten(), frozen):
        for weight_decay in (0.0, 0.1):
            with pytest.raises(TrainingFailedError, match="no parameter that is trained"):
                make_optimizer(network, TrainConfig(weight_decay=weight_decay))
