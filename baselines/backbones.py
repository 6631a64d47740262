"""timm's networks, made for our images: any number of channels, classes and pixels.

A transformer learns a position for each patch, so it is built for the size of its images;
timm resamples pretrained position embeddings (and Swin's relative position biases) to it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import timm
import torch
from timm.layers.patch_embed import PatchEmbed
from timm.models import adapt_input_conv
from torch import Tensor, nn

from baselines.weights import ensure_weights, loading, read_packaged

__all__ = [
    "BUILT_IN",
    "InputSize",
    "check_image_size",
    "check_name",
    "create",
    "names_like",
    "pretrained_normalisation",
]


@dataclass(frozen=True, kw_only=True)
class InputSize:
    """Sides of the square images that a network takes, in pixels.

    Attributes:
        smallest: found by training a step at every size from 1 px.
        multiple: sides must be a multiple of it. timm's patch embedding would otherwise cut the
            right and lower border of the image off without a word.
        pads_to: timm pads the image with zeros to a multiple of it.
    """

    smallest: int = 1
    multiple: int = 1
    pads_to: int = 1


BUILT_IN: Mapping[str, InputSize] = {
    "mobilenetv3_small_100": InputSize(),
    "tf_efficientnet_lite0": InputSize(),
    "efficientnet_b0": InputSize(),
    "tf_efficientnet_lite1": InputSize(),
    "tf_efficientnet_lite2": InputSize(),
    "densenet121": InputSize(smallest=29),
    "resnet18": InputSize(),
    "vit_small_patch16_224": InputSize(pads_to=16),
    "inception_v3": InputSize(smallest=75),
    "resnet50": InputSize(),
    "swin_tiny_patch4_window7_224": InputSize(smallest=4, multiple=4),
    "convnext_tiny": InputSize(smallest=32),
    "vgg16_bn": InputSize(smallest=32),
}
"""The baselines that are tested one by one, from small to large by parameters at 1,000 classes;
any other of timm's can be created as well."""


class _RefusedError(ValueError):
    def __init__(self, name: str, image_size: int, reason: str) -> None:
        first_line = reason.strip().partition("\n")[0][:120] or "it does not run at that size"
        super().__init__(f"timm model {name!r} cannot take images of {image_size} px: {first_line}")


def create(
    name: str,
    *,
    in_channels: int,
    outputs: int,
    image_size: int,
    pretrained: bool,
    weights_dir: Path | None = None,
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
) -> nn.Module:
    """Make one of timm's networks with a new classifier.

    Args:
        name: timm's name, with or without the tag of its weights ("resnet18",
            "resnet18.a1_in1k").
        in_channels: 1 (grayscale) or 3. timm adapts a pretrained first convolution: the one
            channel's kernel is the sum of the three.
        outputs: number of logits.
        image_size: side of the square input in pixels.
        pretrained: start from the weights that :func:`baselines.weights.ensure_weights` finds.
        weights_dir: a folder written by :func:`baselines.weights.fetch_weights`.
        drop_rate: dropout before the classifier; in some networks within the blocks too.
        drop_path_rate: share of residual branches that are left out in the last block of a
            training step, falling to none in the first (stochastic depth, Huang et al. 2016).

    Returns:
        A module from float (images, in_channels, image_size, image_size) to logits
        (images, outputs), in training mode.

    Raises:
        ValueError: unknown name, a size that the network cannot take, or a rate for a network that
            has no such layers.
        MissingWeightsError: pretrained weights are neither here nor to be had.
        WeightsError: the weights' file cannot be read, or is another network's.
    """
    check_name(name)
    rates = {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}
    arguments = {
        "in_chans": in_channels,
        **_size_arguments(name, image_size),
        **{rate: value for rate, value in rates.items() if value},
    }
    if pretrained:
        path = ensure_weights(name, weights_dir=weights_dir)
        model = _build_pretrained(name, path, image_size, arguments)
        cast(Any, model).reset_classifier(outputs)
    else:
        model = _build(name, image_size, {**arguments, "num_classes": outputs})
    return model.train()


def check_name(name: str) -> None:
    """Refuse a name that timm does not know.

    Raises:
        ValueError: the message lists near matches.
    """
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(architecture, timm.list_models(), n=4, cutoff=0.6)
        hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() names all"
        raise ValueError(f"unknown timm model {name!r}: {hint}")
    tags = timm.list_pretrained(f"{architecture}.*") if tag else []
    if tag and name not in tags:
        raise ValueError(f"timm knows no weights {name!r}: known: {', '.join(tags) or 'none'}")


def pretrained_normalisation(name: str) -> tuple[float, float]:
    """Mean and deviation that a network's input was scaled by in its pretraining, on 0..1.

    A gray image has one channel, so that they are the means over timm's three.
    """
    config = timm.get_pretrained_cfg(name)
    assert config is not None, "it has pretrained weights"
    return sum(config.mean) / len(config.mean), sum(config.std) / len(config.std)


def names_like(pattern: str) -> list[str]:
    """timm's names that fit a shell pattern; one with a dot picks among names with tags."""
    return sorted(timm.list_models(pattern, include_tags="." in pattern))


def check_image_size(name: str, image_size: int) -> None:
    """Refuse a size that the network cannot take, by trying it without memory or arithmetic.

    Args:
        image_size: side of the square input in pixels.

    Raises:
        ValueError: unknown name, a size at which the network cannot be built or run, or a
            network that is not a classifier.
    """
    _try_image_size(name, image_size)


@cache  # every cell of a matrix asks, and a large network takes half a second
def _try_image_size(name: str, image_size: int) -> None:
    check_name(name)
    try:
        with torch.device("meta"):
            model = create(name, in_channels=1, outputs=2, image_size=image_size, pretrained=False)
            logits = model.eval()(torch.empty(1, 1, image_size, image_size))
    except _RefusedError:
        raise
    except Exception as error:
        # A thousand networks fail at a wrong size each in its own way.
        raise _RefusedError(name, image_size, str(error)) from None
    if not isinstance(logits, Tensor) or logits.shape != (1, 2):
        raise ValueError(f"timm model {name!r} does not return one row of logits per image")


def _size_arguments(name: str, image_size: int) -> dict[str, Any]:
    """Arguments of timm about the images' size; none for a network that takes any."""
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.fixed_input_size:
        return {}
    padding = BUILT_IN.get(name.partition(".")[0], InputSize()).pads_to
    if image_size % padding:
        padded = -(-image_size // padding) * padding
        return {"img_size": padded, "dynamic_img_size": True, "dynamic_img_pad": True}
    return {} if image_size == config.input_size[-1] else {"img_size": image_size}


def _build(name: str, image_size: int, arguments: Mapping[str, Any]) -> nn.Module:
    try:
        model = timm.create_model(name, **arguments)
    except TypeError as error:
        for rate in ("drop_rate", "drop_path_rate"):
            if f"'{rate}'" in str(error):
                raise ValueError(f"timm model {name!r} takes no {rate}") from None
        if "img_size" not in str(error):
            raise
        raise _RefusedError(name, image_size, "it takes its own size alone") from None
    _check_patches(name, model, image_size)
    return model


def _build_pretrained(
    name: str, path: Path, image_size: int, arguments: Mapping[str, Any]
) -> nn.Module:
    """The network with its weights, and still with the classifier it was trained with.

    timm could put the new classifier in at once, but then loads whatever fits: a file that holds
    another network would leave everything at random. With the old classifier it is strict.
    """
    with loading(name, path):
        packaged = read_packaged(name, path)
        if packaged is not None:
            model = _build(name, image_size, arguments)
            stem = "conv_stem.weight"
            packaged[stem] = adapt_input_conv(arguments["in_chans"], packaged[stem])
            model.load_state_dict(packaged)
            return model
    # Torchvision's Inception holds an auxiliary classifier, and timm is strict with it only
    # where the network has one too; ours returns one tensor, so it goes once loaded.
    has_auxiliary = name in ("inception_v3", "inception_v3.tv_in1k")
    auxiliary = {"aux_logits": True} if has_auxiliary else {}
    overlay = {
        "file": str(path),
        # Some networks load JAX arrays from a config's URL; the hub and `fetch_weights` hold an
        # ordinary state dictionary.
        "custom_load": False,
    }
    with loading(name, path):
        model = _build(
            name,
            image_size,
            {**arguments, **auxiliary, "pretrained": True, "pretrained_cfg_overlay": overlay},
        )
    if has_auxiliary:
        inception = cast(Any, model)
        inception.AuxLogits = None
        inception.aux_logits = False
    return model


def _check_patches(name: str, model: nn.Module, image_size: int) -> None:
    for module in model.modules():
        if isinstance(module, PatchEmbed) and not module.dynamic_img_pad:
            side = max(module.patch_size)
            if image_size % side:
                raise _RefusedError(name, image_size, f"the side must be a multiple of {side}")
            return
