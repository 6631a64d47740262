"""Training a part of a pretrained network: all of it, its classifier, or its last stage.

``last_stage`` follows timm's own grouping of layers (``group_matcher(coarse=True)``): the
classifier, and the groups before it up to and including the first that holds a weight matrix or
a kernel of its own. That is, for the built-in networks,

- ``vgg16_bn``: the two hidden fully connected layers;
- ``inception_v3``: the block ``Mixed_7c``;
- ``resnet18``, ``resnet50``: ``layer4``;
- ``densenet121``: ``denseblock4`` and the last norm;
- ``mobilenetv3_small_100``: the 1×1 convolution of the head;
- ``efficientnet_b0``, ``tf_efficientnet_lite0`` to ``2``: the last stage of blocks and the 1×1
  convolution after it;
- ``convnext_tiny``, ``swin_tiny_patch4_window7_224``: the last of four stages and the last norm;
- ``vit_small_patch16_224``: the last of twelve blocks and the last norm.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from torch import nn

__all__ = ["Policy", "apply_policy", "set_training_mode"]

Policy = Literal["full", "head", "last_stage"]


def apply_policy(model: nn.Module, policy: Policy) -> None:
    """Freeze what the policy does not train, by ``requires_grad``.

    Args:
        model: one of timm's networks; any network for ``full``.
        policy: ``full`` (everything is trained), ``head`` (the classifier alone) or
            ``last_stage`` (see the top of this module).

    Raises:
        ValueError: another policy, or a network that timm cannot tell the parts of.
    """
    if policy == "full":
        model.requires_grad_(True)
        return
    if policy not in ("head", "last_stage"):
        raise ValueError(f"unknown fine-tuning policy {policy!r}: full, head or last_stage")
    if not (hasattr(model, "get_classifier") and hasattr(model, "group_matcher")):
        raise ValueError(
            f"fine-tuning policy {policy!r} needs one of timm's networks, not "
            f"{type(model).__name__}: use policy 'full'"
        )
    trained = _classifier(model) if policy == "head" else _last_stage(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)


def set_training_mode(model: nn.Module) -> None:
    """Put a network into training mode, all but its frozen parts.

    A frozen part stays in evaluation mode: its batch norms keep the statistics they were
    pretrained with, and nothing is dropped out before the trained part.
    """
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            module.eval()


def _classifier(model: nn.Module) -> set[str]:
    own = {id(p) for p in cast(Any, model).get_classifier().parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) in own}


def _last_stage(model: nn.Module) -> set[str]:
    from timm.models import group_parameters  # timm takes seconds to import

    classifier = _classifier(model)
    groups = group_parameters(model, cast(Any, model).group_matcher(coarse=True))
    trained = set(classifier)
    for number in sorted(groups, reverse=True):
        trained |= set(groups[number])
        if any(model.get_parameter(name).ndim > 1 for name in set(groups[number]) - classifier):
            break
    return trained
