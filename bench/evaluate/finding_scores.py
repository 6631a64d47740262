"""The figures of a task that names findings: several labels an image, or one class of several."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.evaluate.estimate import Estimate
from bench.evaluate.findings import (
    AVERAGED,
    FindingsMetrics,
    choose_thresholds,
    class_metrics,
    label_metrics,
)
from bench.evaluate.measures import AT_THRESHOLD
from bench.evaluate.sample import Bools, Floats, Sample
from bench.evaluate.two_class_scores import NO_VALIDATION, calls_of
from bench.runs.predictions import Outputs, Predictions
from cxnet.hierarchy import Blame, Routed, blame, leaf_of


@dataclass(frozen=True, kw_only=True)
class FindingScores:
    """As :class:`bench.evaluate.run_scores.RunScores` has them."""

    figures: dict[str, Estimate]
    findings: dict[str, dict[str, Estimate]]
    macro_over: dict[str, int]
    confusion: NDArray[np.int64]


def findings_figures(
    sample: Sample, validation: Predictions | None, outputs: Outputs
) -> FindingScores:
    """All figures of a task that names findings.

    Args:
        sample: the test part.
        validation: answers for the validation part, on which the thresholds of labels are
            chosen; without it nothing is called, and what rests on calls is undefined.
        outputs: what the predictions are about.
    """
    p, positive = sample.probabilities, sample.positive()
    if outputs.kind == "multiclass":
        # The most probable class is the answer: there is no threshold to choose.
        metrics = class_metrics(sample.targets, p)
        called = p.argmax(axis=1)[:, None] == np.arange(p.shape[1])
        confusion = positive.T.astype(np.int64) @ called.astype(np.int64)
    else:
        thresholds = (
            np.full(p.shape[1], math.nan)
            if validation is None
            else choose_thresholds(validation.targets, validation.probabilities)
        )
        called = p >= thresholds if sample.called is None else sample.called
        metrics = label_metrics(sample.targets, p, thresholds=thresholds, called=called)
        confusion = np.stack(
            [(a & b).sum(axis=0) for a in (~positive, positive) for b in (~called, called)], axis=1
        ).astype(np.int64)
    uncalled = outputs.kind == "multilabel" and validation is None and sample.called is None
    estimates = [
        _of_finding(sample, positive[:, k], p[:, k], called[:, k], vars(metrics.findings[k]))
        for k in range(p.shape[1])
    ]
    figures = _averages(sample, estimates, metrics, positive, p, called)
    if sample.called is not None:
        figures |= _routing(sample, estimates)
    if uncalled:
        figures = {name: _without_calls(name, one) for name, one in figures.items()}
        estimates = [
            {name: _without_calls(name, one) for name, one in by_name.items()}
            for by_name in estimates
        ]
        confusion = np.zeros_like(confusion)
    chosen = sample.undefined("chosen, not estimated")
    return FindingScores(
        figures=figures,
        findings={
            name: by_name | {"threshold": replace(chosen, value=finding.threshold)}
            for name, by_name, finding in zip(
                outputs.classes, estimates, metrics.findings, strict=True
            )
        },
        macro_over={name: macro.findings for name, macro in metrics.macro.items()},
        confusion=confusion,
    )


def _routing(sample: Sample, estimates: list[dict[str, Estimate]]) -> dict[str, Estimate]:
    """Shares of a cascade's answers: normal images left alone, and the stages that erred first.

    The number of findings named tells where the routing ended (:func:`cxnet.hierarchy.leaf_of`),
    so that the answers alone tell which stage was the first to be wrong.
    """
    assert sample.called is not None
    truth = sample.positive()
    normal: Bools = truth.sum(axis=1) == 0
    right: Bools = sample.called.sum(axis=1) == 0
    blamed = blame(Routed(leaf=leaf_of(sample.called), findings=sample.called), truth)
    every = np.ones(len(truth), bool)
    stages = {"lost_m1": Blame.M1, "lost_m2": Blame.M2, "lost_leaf": Blame.LEAF}
    return {
        "macro_precision": macro(sample, [figures["precision"] for figures in estimates]),
        "normal_right": sample.share(_mean(right[normal]), of=normal, hits=right),
        **{
            name: sample.share(_mean(blamed == stage), of=every, hits=blamed == stage)
            for name, stage in stages.items()
        },
    }


def _mean(hits: Bools) -> float:
    return float(hits.mean()) if len(hits) else math.nan


def _of_finding(
    sample: Sample, positive: Bools, p: Floats, called: Bools, values: dict[str, float]
) -> dict[str, Estimate]:
    squares = (p - positive) ** 2
    present = bool(positive.any())
    figures = {
        "auc": sample.drawn.auc(positive, p),
        "average_precision": sample.average_precision(values["average_precision"], positive, p),
        **calls_of(sample, positive, called, {name: values[name] for name in AT_THRESHOLD}),
        "brier": sample.ratio(values["brier"], hits=squares, of=np.ones(len(p))),
        "ece": sample.calibration_error(values["ece"], positive, p),
    }
    if present:
        return figures
    return dict.fromkeys(figures, sample.undefined("no test image has it"))


def _averages(
    sample: Sample,
    estimates: list[dict[str, Estimate]],
    metrics: FindingsMetrics,
    positive: NDArray[np.bool_],
    p: Floats,
    called: NDArray[np.bool_],
) -> dict[str, Estimate]:
    figures = {
        f"macro_{name}": macro(sample, [one[name] for one in estimates]) for name in AVERAGED
    }
    micro = metrics.micro
    hits, named, there = (
        matrix.sum(axis=1).astype(np.float64) for matrix in (called & positive, called, positive)
    )
    pooled = sample.pooled()
    figures |= {
        "micro_auc": pooled.drawn.auc(positive.ravel(), p.ravel()),
        "micro_average_precision": pooled.average_precision(
            micro["average_precision"], positive.ravel(), p.ravel()
        ),
        "micro_recall": sample.ratio(micro["recall"], hits=hits, of=there),
        "micro_f1": sample.ratio(micro["f1"], hits=2 * hits, of=named + there),
        "exact_match": sample.share(
            metrics.exact_match,
            of=np.ones(len(p), bool),
            hits=(called == positive).all(axis=1),
        ),
    }
    return figures


def macro(sample: Sample, estimates: list[Estimate]) -> Estimate:
    """The mean over the findings for which it is defined, on the images and in each resample.

    A rare finding is not drawn in some resamples: they have the mean of the others, as a test
    part without it would.

    Args:
        sample: the images.
        estimates: one a finding.
    """
    defined = [one for one in estimates if not math.isnan(one.value)]
    if not defined:
        return sample.undefined("no finding has it defined")
    draws = np.stack([one.draws for one in defined])
    there = ~np.isnan(draws)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is meant
        means = np.where(there, draws, 0.0).sum(axis=0) / there.sum(axis=0)
    # Of a single patient in all there can be no interval, however many findings it has.
    every = np.ones(len(sample.drawn.groups), bool)
    value = float(np.mean([one.value for one in defined]))
    return sample.estimate(value, means, why_not=sample.of_few(every))


# What needs no threshold.
_RANKED = frozenset({"auc", "average_precision", "brier", "ece"})


def _without_calls(name: str, estimate: Estimate) -> Estimate:
    if name.removeprefix("macro_").removeprefix("micro_") in _RANKED:
        return estimate
    nothing = np.full_like(estimate.draws, math.nan)
    return replace(estimate, value=math.nan, draws=nothing, reason=NO_VALIDATION)
