"""Signs in a trained network's logits that something is wrong with the network."""

from __future__ import annotations

from torch import Tensor

from bench.runs.records import LogitFault


def logit_fault(logits: Tensor) -> LogitFault | None:
    """The sign that a network's logits of several images show; None for none.

    Args:
        logits: (images, outputs).
    """
    if len(logits) > 1 and bool((logits == logits[0]).all()):
        return "equal"
    if bool(((logits >= 0) & (logits <= 1)).all()):
        return "within_0_and_1"
    return None
