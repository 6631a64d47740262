"""The five losses of :mod:`cxnet.losses` under their names; torch is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.registry.losses import TargetKind, register_loss

if TYPE_CHECKING:
    from torch import Tensor, nn


@register_loss("ce", description="Cross entropy (the paper's v0)")
def ce(*, kind: TargetKind, class_weights: Tensor | None = None) -> nn.Module:
    """See :class:`cxnet.CrossEntropy`."""
    from cxnet import CrossEntropy

    return CrossEntropy(kind=kind, class_weights=class_weights)


@register_loss(
    "weighted_ce",
    description="Cross entropy with every class weighted by its rarity",
    needs_class_weights=True,
)
def weighted_ce(*, kind: TargetKind, class_weights: Tensor | None = None) -> nn.Module:
    """See :class:`cxnet.WeightedCrossEntropy`."""
    from cxnet import WeightedCrossEntropy

    return WeightedCrossEntropy(kind=kind, class_weights=class_weights)


@register_loss("focal", description="Focal loss, gamma 2 (Lin et al. 2017)")
def focal(*, kind: TargetKind, class_weights: Tensor | None = None) -> nn.Module:
    """See :class:`cxnet.FocalLoss`."""
    from cxnet import FocalLoss

    return FocalLoss(kind=kind, class_weights=class_weights)


@register_loss(
    "sin", description="Sin-loss, weight sin(pi/2 (1 - p_t)); the paper's eq. (9) reconstructed"
)
def sin(*, kind: TargetKind, class_weights: Tensor | None = None) -> nn.Module:
    """See :class:`cxnet.SinLoss`."""
    from cxnet import SinLoss

    return SinLoss(kind=kind, class_weights=class_weights)


@register_loss(
    "sin_hump",
    description="Sin-loss, weight 1 + sin(pi p_t), highest on the undecided; a reconstruction too",
)
def sin_hump(*, kind: TargetKind, class_weights: Tensor | None = None) -> nn.Module:
    """See :class:`cxnet.SinHumpLoss`."""
    from cxnet import SinHumpLoss

    return SinHumpLoss(kind=kind, class_weights=class_weights)
