"""The built-in networks under their names; torch and timm are imported on first use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.registry.core import TIMM
from bench.registry.models import MODELS, TIMM_PREFIX, ModelEntry, register_model
from bench.registry.search import Reals

if TYPE_CHECKING:
    from torch import nn

    from bench.registry.models import ModelFactory
    from cxnet import DropoutPlace


# The paper does not state its rate; 0 is in the range, which takes dropout away.
DROPOUT = Reals(0.0, 0.8)


@register_model(
    "cxnet_m1",
    description="CXNet-m1, the paper's thin network (Xu 2019)",
    min_image_size=8,
    search={"model.options.cxnet_m1.dropout": DROPOUT},
)
def cxnet_m1(
    *,
    in_channels: int,
    outputs: int,
    image_size: int,
    dropout: float = 0.5,
    dropout_at: DropoutPlace = "before_norm",
    conv4_kernel: int = 5,
) -> nn.Module:
    """See :class:`cxnet.CXNetM1`."""
    from cxnet import CXNetM1

    del image_size  # fully convolutional
    with _options_of("cxnet_m1"):
        return CXNetM1(
            in_channels=in_channels,
            outputs=outputs,
            dropout=dropout,
            dropout_at=dropout_at,
            conv4_kernel=conv4_kernel,
        )


@register_model(
    "cxnet_m1_v2",
    description="CXNet-m1 (v2), wider kernels for 512 px (Xu 2019)",
    min_image_size=8,
    search={"model.options.cxnet_m1_v2.dropout": DROPOUT},
)
def cxnet_m1_v2(
    *,
    in_channels: int,
    outputs: int,
    image_size: int,
    dropout: float = 0.5,
    dropout_at: DropoutPlace = "before_norm",
    conv4_kernel: int = 11,
) -> nn.Module:
    """See :class:`cxnet.CXNetM1V2`."""
    from cxnet import CXNetM1V2

    del image_size  # fully convolutional
    with _options_of("cxnet_m1_v2"):
        return CXNetM1V2(
            in_channels=in_channels,
            outputs=outputs,
            dropout=dropout,
            dropout_at=dropout_at,
            conv4_kernel=conv4_kernel,
        )


@contextmanager
def _options_of(name: str) -> Iterator[None]:
    """Turns a network's refusal of an option into the user's mistake."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"model.options.{name}: {error}") from None


def _timm_factory(timm_name: str) -> ModelFactory:
    def make(
        *,
        in_channels: int,
        outputs: int,
        image_size: int,
        pretrained: bool,
        weights_dir: Path | None,
    ) -> nn.Module:
        from baselines.backbones import create
        from baselines.weights import WeightsError

        try:
            return create(
                timm_name,
                in_channels=in_channels,
                outputs=outputs,
                image_size=image_size,
                pretrained=pretrained,
                weights_dir=weights_dir,
            )
        except (ValueError, WeightsError) as error:
            raise InputError(str(error)) from None

    return make


def _register_baseline(
    name: str, *, description: str, min_image_size: int = 1, image_size_multiple: int = 1
) -> None:
    # The sizes are those of `baselines.backbones.BUILT_IN`, which cannot be imported here
    # without timm; a test holds the two together.
    MODELS.add(
        ModelEntry(
            name=name,
            description=description,
            factory=_timm_factory(name),
            min_image_size=min_image_size,
            image_size_multiple=image_size_multiple,
            timm_name=name,
        )
    )


_register_baseline(
    "vgg16_bn",
    description="VGG-16 with batch norm (2014): plain stacks of 3×3, by far the most parameters",
    min_image_size=32,
)
_register_baseline(
    "inception_v3",
    description="Inception v3 (2015): parallel, factorised convolutions",
    min_image_size=75,
)
_register_baseline(
    "resnet18", description="ResNet-18 (2015): residual connections, the common small baseline"
)
_register_baseline(
    "resnet50", description="ResNet-50 (2015): residual bottlenecks, the common large baseline"
)
_register_baseline(
    "densenet121",
    description="DenseNet-121 (2016): the usual network on ChestX-ray14 since CheXNet",
    min_image_size=29,
)
_register_baseline(
    "mobilenetv3_small_100",
    description="MobileNetV3-Small (2019): found by search for telephones, few operations",
)
_register_baseline(
    "efficientnet_b0",
    description="EfficientNet-B0 (2019): depth, width and resolution scaled together",
)
_register_baseline(
    "convnext_tiny",
    description="ConvNeXt-T (2022): a convolutional network with a transformer's habits",
    min_image_size=32,
)
_register_baseline(
    "vit_small_patch16_224",
    description="ViT-S/16 (2020): a plain transformer over 16×16 patches",
)
_register_baseline(
    "swin_tiny_patch4_window7_224",
    description="Swin-T (2021): a hierarchical transformer with shifted windows",
    min_image_size=4,
    image_size_multiple=4,
)


def timm_entry(name: str) -> ModelEntry:
    """An entry for any of timm's networks.

    Args:
        name: ``timm:NAME``, with timm's own name and optionally the tag of its weights.

    Raises:
        InputError: timm does not know the name; the message lists near matches.
    """
    from baselines.backbones import check_image_size, check_name

    timm_name = name.removeprefix(TIMM_PREFIX)

    def check(image_size: int) -> None:
        try:
            check_image_size(timm_name, image_size)
        except ValueError as error:
            raise InputError(str(error)) from None

    try:
        check_name(timm_name)
    except ValueError as error:
        raise InputError(str(error)) from None
    return ModelEntry(
        name=name,
        description=f"timm's {timm_name}",
        factory=_timm_factory(timm_name),
        timm_name=timm_name,
        size_check=check,
        source=TIMM,
    )
