r"""The sin-loss and its controls, as one family.

Every loss here is the mean over elements of

    class weight · β(p_t) · (−log p_t)

where p_t is the probability given to the truth: by softmax over the classes of an image
("multiclass", an element is an image), or by a sigmoid of its own for each label ("multilabel",
an element is a label of an image). They differ in the weight β alone:

=====================  ====================  ==================================================
``ce``                 1                     cross entropy
``weighted_ce``        1                     cross entropy that must be given class weights
``focal``              (1 − p_t)^γ           Lin et al., "Focal Loss", ICCV 2017; γ is 2
``sin``                sin(π/2 · (1 − p_t))  ours for the paper's sin-loss
``sin_hump``           1 + sin(π · p_t)      ours, another reading of it
``sin_detached``       as ``sin``            no gradient flows through the weight
``sin_hump_detached``  as ``sin_hump``       no gradient flows through the weight
=====================  ====================  ==================================================

The paper's eq. (10) is the mean of β_i · C_i, with the cross entropy C_i and a weight β_i that
adapts itself to each image, so that the network learns "from misclassified and
indistinguishable images". Its eq. (9), which defines β_i, could not be found: ``sin`` and
``sin_hump`` are **reconstructions**. The equation leaves open whether the gradient flows through β
too, as it does through the focal loss's weight. It makes a difference: at p_t = 0.1 the gradient of
``sin_hump`` by the logit is 0.56 with it and 1.18 without. So both readings are here.

All is computed in float32, whatever the precision of the logits (in float64 where they are
float64), from log p_t, so that logits of ±10,000 give finite losses and gradients.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TargetKind = Literal["multiclass", "multilabel"]


class WeightedLoss(nn.Module):
    """Cross entropy with a weight β for each element: what all losses here share.

    Args:
        kind: "multiclass" (one class of several per image) or "multilabel" (any of several
            labels per image).
        class_weights: float (classes,) for multi-class, (labels, 2) as (negative, positive) for
            multi-label; None weighs all alike. The mean is over the number of elements, not
            over the sum of the weights, so weights should average 1 over the training images,
            as :func:`balanced_class_weights` makes them.

    Raises:
        ValueError: the weights have the wrong shape for the kind.
    """

    class_weights: Tensor | None

    def __init__(self, *, kind: TargetKind, class_weights: Tensor | None = None) -> None:
        super().__init__()
        if class_weights is not None:
            wanted = "(classes,)" if kind == "multiclass" else "(labels, 2)"
            good = (
                class_weights.ndim == 1
                if kind == "multiclass"
                else (class_weights.ndim == 2 and class_weights.shape[1] == 2)
            )
            if not good:
                raise ValueError(
                    f"class weights of a {kind} loss have the shape {wanted}, "
                    f"not {tuple(class_weights.shape)}"
                )
        self.kind = kind
        self.register_buffer("class_weights", class_weights)

    def beta(self, log_pt: Tensor) -> Tensor:
        """The weight of each element.

        Args:
            log_pt: float (...), log of the probability given to the truth, at most 0.

        Returns:
            Float (...), the weight that multiplies the element's cross entropy.
        """
        raise NotImplementedError

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            logits: float (images, outputs) of any precision.
            targets: int64 (images,) in 0..outputs-1 for multi-class; 0 or 1 as
                float (images, outputs) for multi-label.

        Returns:
            A scalar, float32 (float64 for float64 logits).

        Raises:
            ValueError: targets or class weights do not fit the logits' shape.
        """
        self._check_shapes(logits, targets)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        losses = self._elements(logits, targets)
        if self.class_weights is not None:
            losses = losses * self._weights_of(targets, self.class_weights.to(losses.dtype))
        return losses.mean()

    def _elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each element: (images,) for multi-class, (images, labels) for multi-label."""
        if self.kind == "multiclass":
            log_pt = F.log_softmax(logits, dim=1).gather(1, targets[:, None])[:, 0]
        else:
            log_pt = F.logsigmoid(torch.where(targets > 0.5, logits, -logits))
        return self.beta(log_pt) * -log_pt

    def _weights_of(self, targets: Tensor, class_weights: Tensor) -> Tensor:
        if self.kind == "multiclass":
            return class_weights[targets]
        return torch.where(targets > 0.5, class_weights[:, 1], class_weights[:, 0])

    def _check_shapes(self, logits: Tensor, targets: Tensor) -> None:
        # Shapes that do not fit would be broadcast to a wrong loss without a word.
        wanted = logits.shape[:1] if self.kind == "multiclass" else logits.shape
        if logits.ndim != 2 or targets.shape != wanted:
            raise ValueError(
                f"{self.kind} targets of shape {tuple(targets.shape)} do not fit logits of shape "
                f"{tuple(logits.shape)}"
            )
        if self.class_weights is not None and len(self.class_weights) != logits.shape[1]:
            raise ValueError(
                f"{len(self.class_weights)} class weights do not fit {logits.shape[1]} outputs"
            )


class CrossEntropy(WeightedLoss):
    """Cross entropy (``ce``).

    Args:
        kind, class_weights: see :class:`WeightedLoss`.
        label_smoothing: share of the truth that is spread over all classes of an image, or over
            yes and no of a label (Szegedy et al., "Rethinking the Inception Architecture", 2016).

    Raises:
        ValueError: the share is not in 0..1, or the weights have the wrong shape.
    """

    def __init__(
        self,
        *,
        kind: TargetKind,
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(kind=kind, class_weights=class_weights)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing is a share from 0 to 1, not {label_smoothing}")
        self.label_smoothing = label_smoothing

    def beta(self, log_pt: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(log_pt)

    def _elements(self, logits: Tensor, targets: Tensor) -> Tensor:
        losses = super()._elements(logits, targets)
        if self.label_smoothing == 0:
            return losses
        if self.kind == "multiclass":
            spread = -F.log_softmax(logits, dim=1).mean(dim=1)
        else:
            spread = -(F.logsigmoid(logits) + F.logsigmoid(-logits)) / 2
        return torch.lerp(losses, spread, self.label_smoothing)


class WeightedCrossEntropy(CrossEntropy):
    """Cross entropy that must be given class weights (``weighted_ce``).

    Raises:
        ValueError: no class weights, or of the wrong shape.
    """

    def __init__(
        self, *, kind: TargetKind, class_weights: Tensor | None, label_smoothing: float = 0.0
    ) -> None:
        if class_weights is None:
            raise ValueError("weighted_ce is cross entropy with class weights: none were given")
        super().__init__(kind=kind, class_weights=class_weights, label_smoothing=label_smoothing)


class FocalLoss(WeightedLoss):
    """Focal loss (``focal``; Lin et al. 2017).

    Args:
        kind, class_weights: see :class:`WeightedLoss`.
        gamma: how much less elements weigh that the network is sure of; 0 is cross entropy.

    Raises:
        ValueError: gamma is below 0, or the weights have the wrong shape.
    """

    def __init__(
        self, *, kind: TargetKind, class_weights: Tensor | None = None, gamma: float = 2.0
    ) -> None:
        super().__init__(kind=kind, class_weights=class_weights)
        if not gamma >= 0:
            raise ValueError(f"gamma is at least 0, not {gamma}")
        self.gamma = gamma

    def beta(self, log_pt: Tensor) -> Tensor:
        """(1 − p_t)^γ."""
        # The power's gradient is infinite at 0 where γ is below 1.
        return _one_minus_pt(log_pt).clamp(min=torch.finfo(log_pt.dtype).tiny) ** self.gamma


class SinLoss(WeightedLoss):
    """The sin-loss (``sin``), eq. (10) with our reconstruction of eq. (9)."""

    def beta(self, log_pt: Tensor) -> Tensor:
        """sin(π/2 · (1 − p_t)): 1 when confidently wrong, 0.707 at ½, 0 when rightly sure."""
        return torch.sin(math.pi / 2 * _one_minus_pt(log_pt))


class SinHumpLoss(WeightedLoss):
    """Cross entropy with up to twice the weight on the undecided (``sin_hump``); ours too."""

    def beta(self, log_pt: Tensor) -> Tensor:
        """1 + sin(π · p_t): 2 at ½, 1 at both ends."""
        return 1 + torch.sin(math.pi * log_pt.exp())


class SinDetachedLoss(SinLoss):
    """The sin-loss whose weight is a constant to the gradient (``sin_detached``)."""

    def beta(self, log_pt: Tensor) -> Tensor:
        """The weight of :class:`SinLoss`, without gradient."""
        return super().beta(log_pt.detach())


class SinHumpDetachedLoss(SinHumpLoss):
    """The loss ``sin_hump`` whose weight is a constant to the gradient (``sin_hump_detached``)."""

    def beta(self, log_pt: Tensor) -> Tensor:
        """The weight of :class:`SinHumpLoss`, without gradient."""
        return super().beta(log_pt.detach())


def _one_minus_pt(log_pt: Tensor) -> Tensor:
    # 1 - exp(log_pt) would lose every digit where p_t is near 1.
    return -torch.expm1(log_pt)


def balanced_class_weights(targets: Tensor, *, kind: TargetKind, outputs: int) -> Tensor:
    """Class weights that give every class the same say, and average 1 over the targets.

    A class gets n / (classes that occur · its count): King and Zeng (2001), and
    scikit-learn's "balanced". For multi-label targets each label's negatives and positives are
    balanced by themselves. A class that does not occur gets 0, and the others share its part.

    Args:
        targets: int64 (images,) for multi-class; 0 or 1 as (images, outputs) for multi-label.
        kind: "multiclass" or "multilabel".
        outputs: number of classes or labels.

    Returns:
        Float32 (outputs,) for multi-class, (outputs, 2) as (negative, positive) for multi-label.

    Raises:
        ValueError: no targets, or targets that do not fit ``outputs``.
    """
    if len(targets) == 0:
        raise ValueError("class weights need at least one target")
    if kind == "multiclass":
        if targets.ndim != 1 or int(targets.min()) < 0 or int(targets.max()) >= outputs:
            raise ValueError(f"multiclass targets are not (images,) in 0..{outputs - 1}")
        counts = torch.bincount(targets, minlength=outputs)
    else:
        if targets.shape != (len(targets), outputs):
            raise ValueError(f"multilabel targets are {tuple(targets.shape)}, not (n, {outputs})")
        positives = (targets > 0.5).sum(dim=0)
        counts = torch.stack([len(targets) - positives, positives], dim=1)
    occurring = (counts > 0).sum(dim=-1, keepdim=True)
    weights = len(targets) / (occurring * counts.double())
    return torch.where(counts > 0, weights, 0.0).float()
