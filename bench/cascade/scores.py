"""How good the final answers are, for each finding and all in all.

A finding that no test image shows has no figure (NaN), not 0 or 1, and is in no macro mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from bench.cascade.answers import Answers, Truth
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
    labels, called = truth.labels > 0, answers.findings > 0
    normal = np.flatnonzero(~labels.any(axis=1))
    present = labels.any(axis=0)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, called, average=None, zero_division=math.nan
    )
    auc = np.full(len(truth.findings), math.nan)
    if answers.scores is not None:
        for k in np.flatnonzero(present & ~labels.all(axis=0)):
            auc[k] = roc_auc_score(labels[:, k], answers.scores[:, k])
    by_name = {"precision": precision, "recall": recall, "f1": f1, "auc": auc}
    findings = {name: np.where(present, values, math.nan) for name, values in by_name.items()}
    return Scores(
        overall={
            "exact_match": float(accuracy_score(labels, called)),
            "normal_right": _mean(np.asarray(~called[normal].any(axis=1))),
            **{name: _mean(values[~np.isnan(values)]) for name, values in findings.items()},
            "micro_f1": float(f1_score(labels, called, average="micro", zero_division=math.nan)),
            "lost_m1": _lost(answers, Blame.M1),
            "lost_m2": _lost(answers, Blame.M2),
            "lost_leaf": _lost(answers, Blame.LEAF),
        },
        findings=findings,
    )


def _lost(answers: Answers, stage: Blame) -> float:
    return math.nan if answers.blame is None else float((answers.blame == stage).mean())


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan
