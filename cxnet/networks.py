"""The paper's two networks: CXNet-m1 (Fig. 5) and CXNet-m1 (v2) (Fig. 9).

Xu, Wu, Bie: "CXNet-m1: Anomaly Detection on Chest X-Rays With Image-Based Deep Learning",
IEEE Access 7 (2019), DOI 10.1109/ACCESS.2018.2885997.

The paper states the order of the layers and, for CXNet-m1, their widths and kernels. What it
does not state is chosen here, for both networks alike:

- convolutions keep the image's size (padding "same", stride 1) and have a bias;
- ReLU after every convolution but the last, conv-4 included;
- pooling is 2×2 max pooling, the global pooling an average;
- dropout drops single activations, at a rate of 0.5;
- weights begin as He et al. (2015) draw them, from a normal distribution; biases at zero.

For v2 the paper states the kernels alone. Ours keeps CXNet-m1's widths (32, 64, 128, 128, 1024)
and pools once per block.

Two of the paper's choices can be questioned, and so are options, whose defaults are the paper's:
the kernel of conv-4, which holds nearly all parameters, and the place of dropout. Drawn before
batch norm, dropout raises the variance that batch norm sees in training above the one it meets
afterwards: Li et al., "Understanding the Disharmony between Dropout and Batch Normalization by
Variance Shift", CVPR 2019.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Literal, get_args

from torch import Tensor, nn

DropoutPlace = Literal["before_norm", "after_norm"]
"""Position of dropout in the classification block; the paper draws it before batch norm."""

MIN_IMAGE_SIZE = 8
"""Smallest input side in pixels of both networks: three poolings leave one position of it."""


class _CXNet(nn.Module):
    """Convolution blocks, then the classification block; what both networks share."""

    def __init__(self, *, blocks: OrderedDict[str, nn.Module], classifier: nn.Sequential) -> None:
        super().__init__()
        self.blocks = nn.Sequential(blocks)
        self.classifier = classifier
        self._initialise()

    def _initialise(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                # No ReLU follows conv-5: its outputs are the logits.
                if name.endswith("conv5"):
                    nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
                else:
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch.

        Args:
            images: float (images, in_channels, height, width), both sides at least
                ``MIN_IMAGE_SIZE`` pixels.

        Returns:
            Float (images, outputs).
        """
        logits: Tensor = self.classifier(self.blocks(images))
        return logits

    def class_maps(self, images: Tensor) -> Tensor:
        """Class activation maps: the part of each logit that each position of the image gives.

        conv-5 is linear, and so takes the features before the pooling as well as their mean: in
        evaluation mode the mean of a map is the logit, its bias included. Zhou et al., "Learning
        Deep Features for Discriminative Localization", CVPR 2016.

        Args:
            images: as for a call.

        Returns:
            Float (images, outputs, height // 8, width // 8).
        """
        *until_pooling, _, conv5, _ = self.classifier  # the last one flattens
        features = self.blocks(images)
        for layer in until_pooling:
            features = layer(features)
        maps: Tensor = conv5(features)
        return maps


class CXNetM1(_CXNet):
    """CXNet-m1 (Fig. 5), for 224×224 images in the paper; takes any size from 8 px.

    3,374,594 parameters with one input channel and two outputs, 97 % of them in conv-4.

    Args:
        in_channels: 1 (grayscale) or 3.
        outputs: number of logits; 2 for normal vs abnormal.
        dropout: share of conv-4's activations that dropout zeroes in training.
        dropout_at: before batch norm, as the paper draws it, or after it.
        conv4_kernel: side of conv-4's kernel, odd.

    Raises:
        ValueError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        outputs: int = 2,
        dropout: float = 0.5,
        dropout_at: DropoutPlace = "before_norm",
        conv4_kernel: int = 5,
    ) -> None:
        super().__init__(
            blocks=OrderedDict(
                block1=_block(_conv(in_channels, 32, kernel=3)),
                block2=_block(_conv(32, 64, kernel=3)),
                block3=_block(_conv(64, 128, kernel=3)),
            ),
            classifier=_classification_block(
                128, outputs, kernel=conv4_kernel, dropout=dropout, dropout_at=dropout_at
            ),
        )


class CXNetM1V2(_CXNet):
    """CXNet-m1 (v2) (Fig. 9), for 512×512 images in the paper; takes any size from 8 px.

    About 16.6 million parameters, 96 % of them in conv-4. Options and errors are those of
    :class:`CXNetM1`.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        outputs: int = 2,
        dropout: float = 0.5,
        dropout_at: DropoutPlace = "before_norm",
        conv4_kernel: int = 11,
    ) -> None:
        super().__init__(
            blocks=OrderedDict(
                block1=_block(_conv(in_channels, 32, kernel=11)),
                block2=_block(_conv(32, 64, kernel=7)),
                block3=_block(_conv(64, 128, kernel=5), _conv(128, 128, kernel=5)),
            ),
            classifier=_classification_block(
                128, outputs, kernel=conv4_kernel, dropout=dropout, dropout_at=dropout_at
            ),
        )


def _conv(in_channels: int, out_channels: int, *, kernel: int) -> nn.Conv2d:
    # An odd kernel padded by half of it is "same" padding; given as a number, it exports and
    # compiles without the special case that torch makes of padding="same".
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


def _block(*convolutions: nn.Conv2d) -> nn.Sequential:
    """Convolutions, each with its ReLU, and one pooling that halves the image."""
    layers: list[nn.Module] = []
    for convolution in convolutions:
        layers += [convolution, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def _classification_block(
    in_channels: int, outputs: int, *, kernel: int, dropout: float, dropout_at: DropoutPlace
) -> nn.Sequential:
    """conv-4 → dropout and batch norm in either order → global pooling → conv-5."""
    _check_options(conv4_kernel=kernel, dropout=dropout, dropout_at=dropout_at)
    dropout_and_norm: list[tuple[str, nn.Module]] = [
        ("dropout", nn.Dropout(dropout)),
        ("norm", nn.BatchNorm2d(1024)),
    ]
    if dropout_at == "after_norm":
        dropout_and_norm.reverse()
    return nn.Sequential(
        OrderedDict(
            [
                ("conv4", _conv(in_channels, 1024, kernel=kernel)),
                ("relu4", nn.ReLU(inplace=True)),
                *dropout_and_norm,
                ("pool", nn.AdaptiveAvgPool2d(1)),
                ("conv5", nn.Conv2d(1024, outputs, 1)),
                ("flatten", nn.Flatten()),
            ]
        )
    )


def _check_options(*, conv4_kernel: Any, dropout: Any, dropout_at: Any) -> None:
    # Options also come from files of settings, where any type can stand; Python's `True` is an
    # int, and would be a kernel of 1×1.
    if not _is_number(conv4_kernel, int) or conv4_kernel < 1 or conv4_kernel % 2 == 0:
        raise ValueError(f"conv4_kernel must be an odd number of pixels, not {conv4_kernel!r}")
    if not _is_number(dropout, int, float) or not 0.0 <= dropout <= 1.0:
        raise ValueError(f"dropout must be a share from 0 to 1, not {dropout!r}")
    if dropout_at not in get_args(DropoutPlace):
        raise ValueError(
            f"dropout_at must be {' or '.join(get_args(DropoutPlace))}, not {dropout_at!r}"
        )


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
