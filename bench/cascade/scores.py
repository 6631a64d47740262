"""How good the final answers are, for each finding and all in all.

A finding that no test image shows has no figure (NaN), not 0 or 1, and is in no macro mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.cascade.answers import Answers, Truth
from bench.evaluate.findings import FindingsMetrics, label_metrics
from cxnet.hierarchy import Blame

# In the order of the table's columns.
OVERALL = {
    "exact_match": "exact match",
    "normal_right": "normal right",
    "precision": "macro precision",
    "recall": "macro recall",
    "f1": "macro F1",
    "micro_f1": "micro F1",
    "auc": "macro AUC",
    "lost_m1": "lost at m1",
    "lost_m2": "lost at m2",
    "lost_leaf": "lost at leaf",
}
PER_FINDING = {"precision": "precision", "recall": "recall", "f1": "F1", "auc": "AUC"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The figures of one system, from 0 to 1; NaN where undefined.

    Attributes:
        overall: by the keys of :data:`OVERALL`. ``normal_right`` is the share of normal images
            that are answered so; the macro means are over the findings for which the figure is
            defined; what is lost at a stage is a share of all test images.
        findings: by the keys of :data:`PER_FINDING`, float64 (k,).
    """

    overall: dict[str, float]
    findings: dict[str, NDArray[np.float64]]


def score(answers: Answers, truth: Truth) -> Scores:
    """Compare answers with the truth."""
    called = _judge(truth, answers.findings.astype(np.float64))
    ranked = None if answers.scores is None else _judge(truth, answers.scores).findings
    findings = {
        "precision": np.array([one.precision for one in called.findings]),
        "recall": np.array([one.recall for one in called.findings]),
        "f1": np.array([one.f1 for one in called.findings]),
        "auc": np.array([one.auc for one in ranked or ()] or [math.nan] * len(truth.findings)),
    }
    normal = np.flatnonzero(truth.labels.sum(axis=1) == 0)
    return Scores(
        overall={
            "exact_match": called.exact_match,
            "normal_right": _mean(answers.findings[normal].sum(axis=1) == 0),
            **{name: _mean(values[~np.isnan(values)]) for name, values in findings.items()},
            "micro_f1": called.micro["f1"],
            "lost_m1": _lost(answers, Blame.M1),
            "lost_m2": _lost(answers, Blame.M2),
            "lost_leaf": _lost(answers, Blame.LEAF),
        },
        findings=findings,
    )


def _judge(truth: Truth, values: NDArray[np.float64]) -> FindingsMetrics:
    # Answers are 0 and 1, which any threshold between tells apart; AUC needs none.
    return label_metrics(truth.labels, values, thresholds=np.full(values.shape[1], 0.5))


def _lost(answers: Answers, stage: Blame) -> float:
    return math.nan if answers.blame is None else float((answers.blame == stage).mean())


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan
