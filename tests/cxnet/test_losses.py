"""The sin-loss and its controls: values by hand, gradients, extremes, class weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis.extra.numpy import arrays
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

from cxnet import (
    CrossEntropy,
    FocalLoss,
    SinDetachedLoss,
    SinHumpDetachedLoss,
    SinHumpLoss,
    SinLoss,
    TargetKind,
    WeightedCrossEntropy,
    WeightedLoss,
    balanced_class_weights,
)

DIFFERENTIATED = [CrossEntropy, FocalLoss, SinLoss, SinHumpLoss]
UNWEIGHTED = [*DIFFERENTIATED, SinDetachedLoss, SinHumpDetachedLoss]
Case = tuple[TargetKind, int, Tensor]
CASES: dict[str, Case] = {
    "2 classes": ("multiclass", 2, torch.tensor([0, 1, 1])),
    "14 classes": ("multiclass", 14, torch.tensor([0, 13, 7])),
    "14 labels": ("multilabel", 14, (torch.arange(42).reshape(3, 14) % 3 == 0).float()),
}


def two_class_logits(p_true: float) -> Tensor:
    """Logits of one image of class 1 that give its class the probability ``p_true``."""
    return torch.tensor([[0.0, math.log(p_true) - math.log1p(-p_true)]], dtype=torch.float64)


@pytest.mark.parametrize("p", [0.01, 0.25, 0.5, 0.75, 0.99])
@pytest.mark.parametrize(
    ("loss", "beta"),
    [
        (CrossEntropy, lambda _: 1.0),
        (FocalLoss, lambda p: (1 - p) ** 2),
        (SinLoss, lambda p: math.sin(math.pi / 2 * (1 - p))),
        (SinHumpLoss, lambda p: 1 + math.sin(math.pi * p)),
        (SinDetachedLoss, lambda p: math.sin(math.pi / 2 * (1 - p))),
        (SinHumpDetachedLoss, lambda p: 1 + math.sin(math.pi * p)),
    ],
)
def test_value_is_beta_times_cross_entropy(
    loss: type[WeightedLoss], beta: Callable[[float], float], p: float
) -> None:
    expected = beta(p) * -math.log(p)
    classes = loss(kind="multiclass")(two_class_logits(p), torch.tensor([1]))
    labels = loss(kind="multilabel")(two_class_logits(p)[:, 1:], torch.ones(1, 1))
    negative = loss(kind="multilabel")(-two_class_logits(p)[:, 1:], torch.zeros(1, 1))
    for value in (classes, labels, negative):
        assert float(value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "betas"),
    [(SinLoss, (1.0, math.sqrt(0.5), 0.0)), (SinHumpLoss, (1.0, 2.0, 1.0))],
)
def test_sine_weights_at_wrong_undecided_and_right(
    loss: type[WeightedLoss], betas: tuple[float, float, float]
) -> None:
    log_pt = torch.tensor([-math.inf, math.log(0.5), 0.0], dtype=torch.float64)
    assert loss(kind="multiclass").beta(log_pt).tolist() == pytest.approx(betas, abs=1e-12)


@given(arrays(np.float64, 2, elements=st.floats(-50, 0)))
def test_sin_weight_is_bounded_and_never_grows_with_certainty(log_pts: np.ndarray) -> None:
    less, more = SinLoss(kind="multiclass").beta(torch.from_numpy(np.sort(log_pts)))
    assert 0 <= float(more) <= float(less) <= 1


@given(st.floats(-50, 0))
def test_hump_weight_stays_between_one_and_two(log_pt: float) -> None:
    beta = SinHumpLoss(kind="multiclass").beta(torch.tensor(log_pt, dtype=torch.float64))
    assert 1 <= float(beta) <= 2


@pytest.mark.parametrize("case", CASES)
def test_ce_is_torchs(case: str) -> None:
    kind, outputs, targets = CASES[case]
    logits = torch.randn(3, outputs)
    if kind == "multiclass":
        expected = F.cross_entropy(logits, targets)
    else:
        expected = F.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(CrossEntropy(kind=kind)(logits, targets), expected)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("smoothing", [0.1, 1.0])
def test_label_smoothing_is_torchs(case: str, smoothing: float) -> None:
    kind, outputs, targets = CASES[case]
    logits = torch.randn(3, outputs)
    if kind == "multiclass":
        expected = F.cross_entropy(logits, targets, label_smoothing=smoothing)
    else:
        softened = targets * (1 - smoothing) + smoothing / 2
        expected = F.binary_cross_entropy_with_logits(logits, softened)
    loss = CrossEntropy(kind=kind, label_smoothing=smoothing)
    torch.testing.assert_close(loss(logits, targets), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 3.0])
def test_gamma_is_the_exponent_of_the_focal_weight(gamma: float) -> None:
    loss = FocalLoss(kind="multiclass", gamma=gamma)
    value = loss(two_class_logits(0.3), torch.tensor([1]))
    assert float(value) == pytest.approx(0.7**gamma * -math.log(0.3))
    certain = torch.tensor([[-1e4, 1e4]], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(certain, torch.tensor([1])), certain)
    assert bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize(
    ("attached", "detached", "gradients"),
    [
        # At p_t = 0.1, from −(β(p)·log p)′·p·(1 − p) and β(p)·(1 − p).
        (SinHumpLoss, SinHumpDetachedLoss, (0.55894, 1.17812)),
        (SinLoss, SinDetachedLoss, (0.93984, 0.88892)),
    ],
)
def test_gradient_through_the_weight_and_without(
    attached: type[WeightedLoss], detached: type[WeightedLoss], gradients: tuple[float, float]
) -> None:
    for loss, expected in zip((attached, detached), gradients, strict=True):
        logits = torch.tensor([[math.log(0.1 / 0.9)]], dtype=torch.float64, requires_grad=True)
        loss(kind="multilabel")(logits, torch.ones(1, 1)).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert -float(logits.grad) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_smoothing_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="label_smoothing"):
        CrossEntropy(kind="multiclass", label_smoothing=share)


@pytest.mark.parametrize("gamma", [-1.0, math.nan])
def test_a_negative_gamma_is_refused(gamma: float) -> None:
    with pytest.raises(ValueError, match="gamma"):
        FocalLoss(kind="multiclass", gamma=gamma)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", [*DIFFERENTIATED, WeightedCrossEntropy])
def test_gradient_agrees_with_finite_differences(loss: type[WeightedLoss], case: str) -> None:
    kind, outputs, targets = CASES[case]
    weights = balanced_class_weights(targets, kind=kind, outputs=outputs)
    function = loss(kind=kind, class_weights=weights)
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(3, outputs, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda x: function(x, targets), logits.requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", UNWEIGHTED)
def test_finite_at_extreme_logits(loss: type[WeightedLoss], case: str, dtype: torch.dtype) -> None:
    """Right beyond doubt, wrong beyond doubt, and all logits alike."""
    kind, outputs, targets = CASES[case]
    for size in (1e4, -1e4, 30.0, -30.0, 0.0):
        one_sided = torch.zeros(3, outputs)
        one_sided[:, 0] = size
        for logits in (one_sided, torch.full((3, outputs), size)):
            logits = logits.to(dtype).requires_grad_()
            value = loss(kind=kind)(logits, targets)
            assert value.dtype == torch.float32
            assert bool(torch.isfinite(value)), size
            (gradient,) = torch.autograd.grad(value, logits)
            assert bool(torch.isfinite(gradient).all()), size


def test_computed_in_float32_under_autocast() -> None:
    logits, targets = torch.randn(64, 14, dtype=torch.bfloat16), torch.arange(64) % 14
    expected = SinLoss(kind="multiclass")(logits.float(), targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = SinLoss(kind="multiclass")(logits, targets)
    assert value.dtype == torch.float32
    assert float(value) == float(expected)


def test_a_gradient_remains_where_p_t_rounds_to_one() -> None:
    """1 − p_t is 1e-9 there, which plain float32 subtraction would call 0."""
    logits = torch.tensor([[20.723266]], requires_grad=True)
    SinLoss(kind="multilabel")(logits, torch.ones(1, 1)).backward()  # type: ignore[no-untyped-call]
    # loss ≈ π/2 · q², with q = 1 − p_t = 1e-9 and dq/dlogit ≈ −q.
    assert logits.grad is not None
    assert float(logits.grad) == pytest.approx(-math.pi * 1e-18, rel=1e-4)


def test_class_weights_multiply_and_the_mean_stays_plain() -> None:
    logits = torch.zeros(3, 2)
    loss = CrossEntropy(kind="multiclass", class_weights=torch.tensor([0.5, 2.0]))
    value = loss(logits, torch.tensor([0, 0, 1]))
    assert float(value) == pytest.approx(math.log(2) * (0.5 + 0.5 + 2.0) / 3)
    weights = torch.tensor([[1.0, 3.0], [2.0, 5.0]])
    labels = CrossEntropy(kind="multilabel", class_weights=weights)
    value = labels(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    assert float(value) == pytest.approx(math.log(2) * (3 + 2) / 2)


def test_weighted_ce_is_ce_with_weights_and_nothing_without() -> None:
    logits, targets, weights = torch.randn(8, 2), torch.arange(8) % 2, torch.tensor([0.4, 1.6])
    weighted = WeightedCrossEntropy(kind="multiclass", class_weights=weights)
    plain = CrossEntropy(kind="multiclass", class_weights=weights)
    assert float(weighted(logits, targets)) == float(plain(logits, targets))
    with pytest.raises(ValueError, match="none were given"):
        WeightedCrossEntropy(kind="multiclass", class_weights=None)


@pytest.mark.parametrize(
    ("kind", "targets", "complaint"),
    [
        ("multiclass", torch.zeros(3, 1, dtype=torch.long), "targets of shape"),
        ("multiclass", torch.zeros(4, dtype=torch.long), "targets of shape"),
        ("multilabel", torch.zeros(3), "targets of shape"),
        ("multilabel", torch.zeros(1, 2), "targets of shape"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(
    kind: TargetKind, targets: Tensor, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        CrossEntropy(kind=kind)(torch.zeros(3, 2), targets)


def test_class_weights_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(labels, 2\)"):
        CrossEntropy(kind="multilabel", class_weights=torch.ones(14))
    loss = CrossEntropy(kind="multiclass", class_weights=torch.ones(3))
    with pytest.raises(ValueError, match="3 class weights do not fit 2 outputs"):
        loss(torch.zeros(1, 2), torch.tensor([0]))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_balanced_weights_average_one_and_are_scikit_learns(classes: list[int]) -> None:
    targets = torch.tensor(classes)
    weights = balanced_class_weights(targets, kind="multiclass", outputs=6)
    assert float(weights[targets].mean()) == pytest.approx(1, rel=1e-5)
    occurring = np.unique(classes)
    expected = compute_class_weight("balanced", classes=occurring, y=np.asarray(classes))
    assert weights[occurring].tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert all(weights[c] == 0 for c in range(6) if c not in classes)


def test_balanced_weights_of_labels_by_hand() -> None:
    """Four images: one, two and none with each of three labels."""
    targets = torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]).float()
    weights = balanced_class_weights(targets, kind="multilabel", outputs=3)
    expected = torch.tensor([[4 / 6, 2.0], [1.0, 1.0], [1.0, 0.0]])
    torch.testing.assert_close(weights, expected)


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        ("multiclass", torch.tensor([], dtype=torch.long)),
        ("multiclass", torch.tensor([0, 2])),
        ("multiclass", torch.tensor([-1, 0])),
        ("multilabel", torch.zeros(4, 3)),
    ],
)
def test_balanced_weights_refuse_targets_that_do_not_fit(kind: TargetKind, targets: Tensor) -> None:
    with pytest.raises(ValueError, match="target"):
        balanced_class_weights(targets, kind=kind, outputs=2)
