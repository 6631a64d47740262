"""Losses by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import InputError, first_line
from bench.registry.core import (
    Entry,
    Registry,
    calling_module,
    check_options,
    comes_from_plugin,
    takes_all,
)

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
            multi-class, (labels, 2) as (negative, positive) for multi-label, or None), and with
            the loss's own options; returns a module from (logits (images, outputs), targets) to a
            scalar: the mean loss. Targets are int64 (images,) for multi-class and float
            (images, labels) for multi-label.
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
        options: Mapping[str, Any] | None = None,
    ) -> nn.Module:
        """Make the loss.

        Args:
            targets: of the training part, whose balance the class weights follow: int64
                (images,), or 0 and 1 (images, outputs) for multi-label.
            weighted: with class weights, for a loss that can also do without.

        Returns:
            A module from (logits, targets) to a scalar; see :class:`LossEntry`.
        """
        options = options or {}
        self._check_signature(options)
        weights = None
        if weighted or self.needs_class_weights:
            import torch

            from cxnet.losses import balanced_class_weights

            weights = balanced_class_weights(torch.from_numpy(targets), kind=kind, outputs=outputs)
        try:
            loss: nn.Module = self.factory(kind=kind, class_weights=weights, **options)
        except ValueError as error:
            if comes_from_plugin(self.source):
                raise
            raise InputError(f"loss.options.{self.name}: {error}") from None
        return loss

    def check(
        self, *, kind: TargetKind, outputs: int, options: Mapping[str, Any] | None = None
    ) -> None:
        """Try the loss on a few random answers, before anything is trained with it.

        Raises:
            InputError: it cannot be made or computed, or its value is no finite scalar with a
                gradient.
        """
        import torch

        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(8, outputs, generator=generator).requires_grad_()
        targets = torch.arange(8) % outputs
        if kind == "multilabel":
            targets = (torch.arange(8 * outputs).reshape(8, outputs) % 3 == 0).float()
        name = f"loss {self.name!r}"
        try:
            loss = self.build(kind=kind, targets=targets.numpy(), outputs=outputs, options=options)
            if not isinstance(loss, torch.nn.Module):
                raise InputError(
                    f"{name} makes a {type(loss).__name__}: make a torch.nn.Module, which is "
                    "then called with logits and targets"
                )
            value = loss(logits, targets)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{name} cannot be computed for {outputs} {kind} outputs: {first_line(error)}"
            ) from error
        if not isinstance(value, torch.Tensor) or value.ndim:
            shape = getattr(value, "shape", None)
            found = type(value).__name__ if shape is None else f"a tensor of shape {tuple(shape)}"
            raise InputError(f"{name} returns {found}: return the mean over the images, a scalar")
        if not value.isfinite():
            raise InputError(f"{name} is {value.item()} for ordinary logits of size 1")
        if not value.requires_grad:
            raise InputError(f"{name} has no gradient: compute it from the logits with torch")
        value.backward()  # type: ignore[no-untyped-call]
        if logits.grad is None or not logits.grad.isfinite().all():
            found = "none" if logits.grad is None else "not finite"
            raise InputError(f"{name}: its gradient is {found} for ordinary logits of size 1")

    def _check_signature(self, options: Mapping[str, Any]) -> None:
        parameters = inspect.signature(self.factory).parameters.values()
        names = {parameter.name for parameter in parameters}
        missing = [name for name in ("kind", "class_weights") if name not in names]
        if missing and not takes_all(self.factory):
            raise InputError(
                f"loss {self.name!r} does not take the keyword {missing[0]}: write it as "
                f"def {self.name}(*, kind, class_weights=None)"
            )
        if {"logits", "targets"} & names:
            raise InputError(
                f"loss {self.name!r} takes logits and targets itself: write it as "
                f"def {self.name}(*, kind, class_weights=None) that returns a torch.nn.Module, "
                "which is then called with them"
            )
        for parameter in parameters:
            if (
                parameter.name not in ("kind", "class_weights", *options)
                and parameter.default is inspect.Parameter.empty
                and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            ):
                raise InputError(
                    f"loss {self.name!r} needs its option {parameter.name}: set "
                    f"loss.options.{self.name}.{parameter.name}, or give it a default"
                )
        check_options("loss", self.name, self.factory, options)


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
