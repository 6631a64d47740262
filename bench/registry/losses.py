"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.registry.core import Entry, Registry, calling_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    LossFactory = Callable[..., nn.Module]

TargetKind = Literal["multiclass", "multilabel"]


@dataclass(frozen=True, kw_only=True)
class LossEntry(Entry):
    """A registered loss.

    Attributes:
        target: a callable, or its import string. It is called with the keywords ``kind``
            ("multiclass" or "multilabel") and ``class_weights`` (a float tensor (classes,) for
            multi-class, (labels, 2) as (negative, positive) for multi-label, or None); returns a
            module from (logits (images, outputs), targets) to a scalar: the mean loss. Targets
            are int64 (images,) for multi-class and float (images, labels) for multi-label.
        needs_class_weights: the loss is nothing without them (``weighted_ce``).
    """

    needs_class_weights: bool = False

    def build(
        self,
        *,
        kind: TargetKind,
        targets: NDArray[np.generic],
        outputs: int,
        weighted: bool = False,
    ) -> nn.Module:
        """Make the loss.

        Args:
            kind: how logits become probabilities.
            targets: of the training part, whose balance the class weights follow: int64
                (images,), or 0 and 1 (images, outputs) for multi-label.
            outputs: number of logits.
            weighted: with class weights, for a loss that can also do without.

        Returns:
            A module from (logits, targets) to a scalar; see :class:`LossEntry`.
        """
        weights = None
        if weighted or self.needs_class_weights:
            import torch

            from cxnet.losses import balanced_class_weights

            weights = balanced_class_weights(torch.from_numpy(targets), kind=kind, outputs=outputs)
        loss: nn.Module = self.factory(kind=kind, class_weights=weights)
        return loss


LOSSES: Registry[LossEntry] = Registry("loss", builtins="bench.registry.builtins")


def register_loss(
    name: str, *, description: str, needs_class_weights: bool = False
) -> Callable[[LossFactory], LossFactory]:
    """Decorator that registers a loss's factory under a name; see :class:`LossEntry`.

    Raises:
        InputError: the name is taken or not snake_case.
    """
    return LOSSES.decorator(
        LossEntry,
        name=name,
        description=description,
        needs_class_weights=needs_class_weights,
        source=calling_module(),
    )
