"""Losses as the harness sees them: the built-in ones, their options, and checks of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cxnet
from bench.errors import InputError
from bench.registry import LOSSES, LossEntry, TargetKind

CLASSES = {
    "ce": cxnet.CrossEntropy,
    "weighted_ce": cxnet.WeightedCrossEntropy,
    "focal": cxnet.FocalLoss,
    "sin": cxnet.SinLoss,
    "sin_hump": cxnet.SinHumpLoss,
    "sin_detached": cxnet.SinDetachedLoss,
    "sin_hump_detached": cxnet.SinHumpDetachedLoss,
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_each_name_makes_its_loss(name: str, kind: TargetKind) -> None:
    targets = torch.tensor([0, 1]) if kind == "multiclass" else torch.eye(2)
    weights = cxnet.balanced_class_weights(targets, kind=kind, outputs=2)
    loss = LOSSES.get(name).factory(kind=kind, class_weights=weights)
    LOSSES.get(name).check(kind=kind, outputs=2)
    assert type(loss) is CLASSES[name]
    assert loss(torch.randn(2, 2), targets).shape == ()


def test_weighted_ce_alone_needs_class_weights() -> None:
    assert [entry.name for entry in LOSSES if entry.needs_class_weights] == ["weighted_ce"]


def test_the_reconstructions_say_so() -> None:
    assert all("reconstruct" in LOSSES.get(name).description for name in ("sin", "sin_hump"))


@pytest.mark.parametrize(
    ("loss", "weighted", "expected"),
    [("ce", False, None), ("ce", True, [2 / 3, 2.0]), ("weighted_ce", False, [2 / 3, 2.0])],
)
def test_class_weights_are_those_of_the_training_targets(
    loss: str, weighted: bool, expected: list[float] | None
) -> None:
    targets = np.array([0, 0, 0, 1])
    made = LOSSES.get(loss).build(kind="multiclass", targets=targets, outputs=2, weighted=weighted)
    weights = made.class_weights
    assert (weights is None) if expected is None else weights.tolist() == pytest.approx(expected)


TARGETS = np.array([0, 1])


def test_options_reach_the_loss() -> None:
    focal = LOSSES.get("focal").build(
        kind="multiclass", targets=TARGETS, outputs=2, options={"gamma": 3.0}
    )
    assert focal.gamma == 3.0


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        ("focal", {"gama": 3.0}, "loss 'focal' takes no option 'gama': did you mean gamma"),
        ("sin", {"gamma": 3.0}, "loss 'sin' takes no option 'gamma': it takes none"),
        ("focal", {"gamma": -1.0}, r"^loss\.options\.focal: gamma is at least 0"),
    ],
)
def test_options_that_a_loss_does_not_take_are_refused(
    loss: str, options: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        LOSSES.get(loss).check(kind="multiclass", outputs=2, options=options)


class Margin(nn.Module):
    """A user's own loss: squared distance of the true class's logit from a margin."""

    def __init__(
        self, *, kind: TargetKind, class_weights: Tensor | None = None, width: float = 1.0
    ) -> None:
        super().__init__()
        self.kind, self.class_weights, self.width = kind, class_weights, width

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return (logits.gather(1, targets[:, None]) - self.width).square().mean()


def with_a_needed_option(
    *, kind: TargetKind, class_weights: Tensor | None, width: float
) -> nn.Module:
    return Margin(kind=kind, class_weights=class_weights, width=width)


def without_keywords(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits.sum(dim=1) - targets).square().mean()


def makes_a_function(**_: object) -> object:
    return without_keywords


def takes_logits_too(logits: Tensor, targets: Tensor, **_: object) -> Tensor:
    return without_keywords(logits, targets)


class Returns(Margin):
    """Returns what it is told to, of the logits or whatever they are."""

    def __init__(self, value: object, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.value = value

    def forward(self, logits: Tensor, _: Tensor) -> Any:
        return self.value(logits) if callable(self.value) else self.value


def returning(value: object) -> Callable[..., nn.Module]:
    return partial(Returns, value)


def own(factory: Callable[..., object]) -> LossEntry:
    return LossEntry(name="own", description="A user's.", target=factory, source="my_losses")


def test_an_own_loss_with_an_option_is_built_and_checked() -> None:
    own(Margin).check(kind="multiclass", outputs=3, options={"width": 2.0})


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (without_keywords, "loss 'own' does not take the keyword kind: write it as def own"),
        (with_a_needed_option, "loss 'own' needs its option width: set loss.options.own.width"),
        (returning(0.5), "returns float: return the mean"),
        (returning(lambda logits: logits.sum(dim=1)), r"returns a tensor of shape \(8,\)"),
        (returning(lambda logits: logits.sum() * float("nan")), "is nan for ordinary"),
        (returning(lambda logits: logits.sum().detach()), "has no gradient"),
        (returning(lambda logits: logits.sum()[None]), r"returns a tensor of shape \(1,\)"),
        (returning(lambda logits: (0 * logits).sqrt().sum()), "its gradient is not finite"),
        (returning(lambda _: torch.ones((), requires_grad=True)), "its gradient is none"),
        (makes_a_function, "makes a function: make a torch.nn.Module"),
        (takes_logits_too, "takes logits and targets itself: write it as def own"),
        (returning(lambda logits: logits @ logits), "cannot be computed for 2 multiclass outputs"),
    ],
)
def test_a_loss_that_cannot_work_is_refused_in_one_line(
    factory: Callable[..., object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        own(factory).check(kind="multiclass", outputs=2)
    assert "\n" not in str(error.value)
