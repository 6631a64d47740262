"""The probability that each loss wants where the true one is 0.9."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import brentq

from bench.evaluate.calibration import IMPROPER
from bench.registry import LOSSES

TRUE = 0.9


@pytest.mark.parametrize("name", ["ce", *sorted(IMPROPER), "sin_hump_detached"])
def test_the_expected_loss_has_no_gradient_at_the_stated_probability(name: str) -> None:
    loss = LOSSES.get(name).factory(kind="multilabel", class_weights=None)

    def gradient(logit: float) -> float:
        z = torch.full((1, 1), logit, dtype=torch.float64, requires_grad=True)
        one, none = torch.ones_like(z), torch.zeros_like(z)
        (TRUE * loss(z, one) + (1.0 - TRUE) * loss(z, none)).backward()
        assert z.grad is not None
        return float(z.grad)

    found = torch.sigmoid(torch.tensor(brentq(gradient, -0.5, 8.0))).item()
    assert found == pytest.approx(IMPROPER.get(name, TRUE), abs=5e-4)
