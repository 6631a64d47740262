"""The figures of a task that names findings: several labels an image, or one class of several.

Each finding is evaluated against all images without it, then averaged in two ways. *Macro* is the
mean over the findings, each counting the same however rare. *Micro* pools all pairs of an image
and a finding, so that frequent findings count most.

A finding that no image has cannot be found or missed: all its figures are undefined, and macro
averages are over the others. Its pairs are in the micro averages, since calling it is wrong there
too.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.auc import Auc, macro, undefined
from bench.evaluate.estimate import Estimate
from bench.evaluate.measures import AT_THRESHOLD, AVERAGED, CALIBRATED
from bench.evaluate.metrics import Bools, Floats
from bench.evaluate.resamples import Resamples
from bench.evaluate.sample import Sample
from bench.evaluate.thresholds import choose_thresholds
from bench.evaluate.two_classes import NO_VALIDATION
from bench.registry import TargetKind
from bench.runs.predictions import Outputs, Predictions

ABSENT = "no test image has it"
CHOSEN = "chosen, not estimated"


def finding_figures(
    sample: Sample, validation: Predictions | None, outputs: Outputs
) -> tuple[dict[str, Estimate | Auc], dict[str, dict[str, Estimate | Auc]], NDArray[np.int64]]:
    """All figures of the task and of each finding, and the confusions.

    Of several classes the most probable one is called, a tie going to the first; AUC and average
    precision set each class against all others ("one versus rest"). A label is called where its
    probability is at least its threshold, and in a cascade's predictions where the cascade names
    it (``sample.called``).

    Args:
        validation: predictions for the validation part, on which the thresholds of labels are
            chosen; without it, the figures that rest on them are undefined.

    Returns:
        ``figures``, ``findings`` and ``confusion`` of
        :class:`~bench.evaluate.score.RunScores`.
    """
    resamples, p, positive = sample.resamples, sample.probabilities, sample.positive()
    thresholds = np.full(p.shape[1], math.nan)
    called = sample.called
    if outputs.kind == "multiclass":
        called = p.argmax(axis=1)[:, None] == np.arange(p.shape[1])
    elif validation is not None:
        thresholds = choose_thresholds(validation.targets, validation.probabilities)
        called = p >= thresholds if called is None else called
    findings = {
        name: _finding(resamples, positive[:, k], p[:, k], None if called is None else called[:, k])
        for k, name in enumerate(outputs.classes)
    }
    figures: dict[str, Estimate | Auc] = {
        f"macro_{name}": _macro(resamples, [by_name[name] for by_name in findings.values()])
        for name in AVERAGED
    }
    if called is None:
        no_calls = resamples.undefined(NO_VALIDATION)
        figures |= dict.fromkeys(("macro_recall", "macro_f1"), no_calls)
    figures |= _pooled(resamples, positive, p, called)
    if sample.called is not None:
        precision = [by_name["precision"] for by_name in findings.values()]
        figures["macro_precision"] = _macro(resamples, precision)
        figures |= _routing(resamples, positive, sample.called)
    for by_name, threshold in zip(findings.values(), thresholds, strict=True):
        by_name["threshold"] = replace(resamples.undefined(CHOSEN), value=float(threshold))
    return figures, findings, _confusion(positive, called, kind=outputs.kind)


def _finding(
    resamples: Resamples, positive: Bools, p: Floats, called: Bools | None
) -> dict[str, Estimate | Auc]:
    """The figures of one finding; those of calls are undefined where nothing is ``called``."""
    if not positive.any():
        names = ("average_precision", *AT_THRESHOLD, *CALIBRATED)
        return {"auc": undefined(ABSENT), **dict.fromkeys(names, resamples.undefined(ABSENT))}
    at_threshold = (
        dict.fromkeys(AT_THRESHOLD, resamples.undefined(NO_VALIDATION))
        if called is None
        else resamples.classification(positive, called)
    )
    return {
        "auc": resamples.auc(positive, p),
        "average_precision": resamples.average_precision(positive, p),
        **at_threshold,
        **resamples.calibration(positive, p),
    }


def _macro(resamples: Resamples, findings: list[Estimate | Auc]) -> Estimate | Auc:
    """The mean of a figure over the findings for which it is defined."""
    aucs = [each for each in findings if isinstance(each, Auc)]
    others = [each for each in findings if isinstance(each, Estimate)]
    return macro(aucs) if aucs else resamples.macro(others)


def _pooled(
    resamples: Resamples, positive: Bools, p: Floats, called: Bools | None
) -> dict[str, Estimate | Auc]:
    """Micro averages, and the share of images whose whole answer is right."""
    pairs = resamples.pooled(p.shape[1])
    ranked: dict[str, Estimate | Auc] = {
        "micro_auc": pairs.auc(positive.ravel(), p.ravel()),
        "micro_average_precision": pairs.average_precision(positive.ravel(), p.ravel()),
    }
    if called is None:
        undefined = resamples.undefined(NO_VALIDATION)
        return ranked | dict.fromkeys(("micro_recall", "micro_f1", "exact_match"), undefined)
    hits, predicted, present = (
        matrix.sum(axis=1) for matrix in (called & positive, called, positive)
    )
    exact = (called == positive).all(axis=1)
    # Who calls all pairs alike has a sensitivity of 0 or 1, whoever the patients are.
    share = resamples.ratio if called.all() or not called.any() else resamples.share
    return ranked | {
        "micro_recall": share(hits, present),
        "micro_f1": share(2 * hits, predicted + present),
        "exact_match": resamples.share(exact, np.ones(len(p))),
    }


def _routing(resamples: Resamples, positive: Bools, called: Bools) -> dict[str, Estimate]:
    """Shares of a cascade's answers: normal images left alone, and the stages that erred first.

    The number of findings named tells where the routing ended (:mod:`cxnet.hierarchy`), so that
    the answers alone tell which stage was the first to be wrong, as :func:`cxnet.blame` does.
    That package imports torch, which no other report needs.
    """
    named, present = called.sum(axis=1), positive.sum(axis=1)
    m1 = (named == 0) != (present == 0)
    m2 = ~m1 & ((named > 1) != (present > 1))
    leaf = ~m1 & ~m2 & (called != positive).any(axis=1)
    every = np.ones(len(positive), bool)
    return {
        "normal_right": resamples.share((present == 0) & (named == 0), present == 0),
        "lost_m1": resamples.share(m1, every),
        "lost_m2": resamples.share(m2, every),
        "lost_leaf": resamples.share(leaf, every),
    }


def _confusion(positive: Bools, called: Bools | None, *, kind: TargetKind) -> NDArray[np.int64]:
    """:attr:`bench.evaluate.score.RunScores.confusion`; all zero where nothing is called."""
    if called is None:
        return np.zeros((positive.shape[1], 4), np.int64)
    if kind == "multiclass":
        return positive.T.astype(np.int64) @ called.astype(np.int64)
    return np.stack(
        [(t & c).sum(axis=0) for t in (~positive, positive) for c in (~called, called)], axis=1
    ).astype(np.int64)
