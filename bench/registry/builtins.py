"""The built-in networks and losses under their names; their import strings load nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench.registry.losses import LOSSES, LossEntry
from bench.registry.models import MODELS, TIMM_FACTORY, ModelEntry

if TYPE_CHECKING:
    from bench.registry.search import SearchChanges


def _dropout_search(name: str) -> SearchChanges:
    from optuna.distributions import FloatDistribution

    # The paper does not state its rate; 0 is in the range, which takes dropout away.
    return {f"model.options.{name}.dropout": FloatDistribution(0.0, 0.8)}


for name, target, description in (
    ("cxnet_m1", "cxnet:CXNetM1", "CXNet-m1, the paper's thin network (Xu 2019)"),
    ("cxnet_m1_v2", "cxnet:CXNetM1V2", "CXNet-m1 (v2), wider kernels for 512 px (Xu 2019)"),
):
    MODELS.add(
        ModelEntry(
            name=name,
            description=description,
            target=target,
            min_image_size=8,
            search=partial(_dropout_search, name),
        )
    )


def _baseline(name: str, description: str, *, smallest: int = 1, multiple: int = 1) -> None:
    # The sizes are those of `baselines.backbones.BUILT_IN`, which cannot be imported here
    # without timm; a test holds the two together.
    MODELS.add(
        ModelEntry(
            name=name,
            description=description,
            target=TIMM_FACTORY,
            min_image_size=smallest,
            image_size_multiple=multiple,
            timm_name=name,
        )
    )


_baseline(
    "vgg16_bn",
    "VGG-16 with batch norm (2014): plain stacks of 3×3, by far the most parameters",
    smallest=32,
)
_baseline("inception_v3", "Inception v3 (2015): parallel, factorised convolutions", smallest=75)
_baseline("resnet18", "ResNet-18 (2015): residual connections, the common small baseline")
_baseline("resnet50", "ResNet-50 (2015): residual bottlenecks, the common large baseline")
_baseline(
    "densenet121",
    "DenseNet-121 (2016): the usual network on ChestX-ray14 since CheXNet",
    smallest=29,
)
_baseline(
    "mobilenetv3_small_100",
    "MobileNetV3-Small (2019): found by search for telephones, few operations",
)
_baseline("efficientnet_b0", "EfficientNet-B0 (2019): depth, width and resolution scaled together")
_baseline(
    "convnext_tiny",
    "ConvNeXt-T (2022): a convolutional network with a transformer's habits",
    smallest=32,
)
_baseline("vit_small_patch16_224", "ViT-S/16 (2020): a plain transformer over 16×16 patches")
_baseline(
    "swin_tiny_patch4_window7_224",
    "Swin-T (2021): a hierarchical transformer with shifted windows",
    smallest=4,
    multiple=4,
)

for name, target, description in (
    ("ce", "cxnet:CrossEntropy", "Cross entropy (the paper's v0)"),
    (
        "weighted_ce",
        "cxnet:WeightedCrossEntropy",
        "Cross entropy with every class weighted by its rarity",
    ),
    ("focal", "cxnet:FocalLoss", "Focal loss, gamma 2 (Lin et al. 2017)"),
    (
        "sin",
        "cxnet:SinLoss",
        "Sin-loss, weight sin(pi/2 (1 - p_t)); the paper's eq. (9) reconstructed",
    ),
    (
        "sin_hump",
        "cxnet:SinHumpLoss",
        "Sin-loss, weight 1 + sin(pi p_t), highest on the undecided; a reconstruction too",
    ),
):
    LOSSES.add(
        LossEntry(
            name=name,
            description=description,
            target=target,
            needs_class_weights=name == "weighted_ce",
        )
    )
