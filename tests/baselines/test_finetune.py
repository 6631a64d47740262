"""Each fine-tuning policy trains its own part of each built-in network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from baselines.backbones import BUILT_IN, create
from baselines.finetune import apply_policy, set_training_mode
from tests.baselines.networks import CLASSES, without_memory

# The first part of the names of what `last_stage` trains, as the module's docstring tells it.
LAST_STAGE = {
    "vgg16_bn": {"pre_logits", "head"},
    "inception_v3": {"Mixed_7c", "fc"},
    "resnet18": {"layer4", "fc"},
    "resnet50": {"layer4", "fc"},
    "densenet121": {"features.denseblock4", "features.norm5", "classifier"},
    "mobilenetv3_small_100": {"conv_head", "classifier"},
    "efficientnet_b0": {"blocks.6", "conv_head", "bn2", "classifier"},
    **{
        f"tf_efficientnet_lite{number}": {"blocks.6", "conv_head", "bn2", "classifier"}
        for number in range(3)
    },
    "convnext_tiny": {"stages.3", "head"},
    "vit_small_patch16_224": {"blocks.11", "norm", "head"},
    "swin_tiny_patch4_window7_224": {"layers.3", "norm", "head"},
}


def trained(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_each_policy_trains(name: str) -> None:
    model = without_memory(name)
    every = {parameter_name for parameter_name, _ in model.named_parameters()}
    apply_policy(model, "head")
    head = trained(model)
    assert {n.rpartition(".")[2] for n in head} == {"weight", "bias"}
    assert len(head) == 2
    assert all(model.get_parameter(n).shape[0] == CLASSES for n in head)

    apply_policy(model, "last_stage")
    last_stage = trained(model)
    assert head < last_stage < every
    prefixes = tuple(f"{prefix}." for prefix in LAST_STAGE[name])
    assert last_stage == {n for n in every if n.startswith(prefixes)}

    apply_policy(model, "full")
    assert trained(model) == every


def test_frozen_parts_keep_their_statistics_and_weights() -> None:
    model = create("resnet18", in_channels=1, outputs=2, image_size=32, pretrained=False)
    apply_policy(model, "last_stage")
    set_training_mode(model)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(torch.rand(4, 1, 32, 32)).square().sum().backward()
    optimizer.step()
    changed = {
        key for key, value in model.state_dict().items() if not torch.equal(value, before[key])
    }
    assert {key.partition(".")[0] for key in changed} == {"layer4", "fc"}
    assert "layer4.1.bn2.running_mean" in changed


def test_a_network_trained_in_full_is_wholly_in_training_mode() -> None:
    model = create("resnet18", in_channels=1, outputs=2, image_size=32, pretrained=False).eval()
    set_training_mode(model)
    assert all(module.training for module in model.modules())


def test_a_network_that_is_not_timms_is_trained_in_full_or_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    apply_policy(model, "full")
    with pytest.raises(ValueError, match="needs one of timm's networks, not Sequential"):
        apply_policy(model, "head")


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fine-tuning policy 'tail'"):
        apply_policy(without_memory("resnet18"), "tail")  # type: ignore[arg-type]
