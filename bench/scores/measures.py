"""What is measured of a run, by the kind of its task's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.metrics import (
    AVERAGED,
    FindingsMetrics,
    binary_metrics,
    choose_threshold,
    choose_thresholds,
    class_metrics,
    label_metrics,
)
from bench.predictions import Outputs
from bench.runs import JUDGED_PARTS, Run

# Names and column heads in the order of the columns; the first sorts the rows.
TWO_CLASSES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "recall": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "F1",
    "average_precision": "AP",
    "brier": "Brier",
    "ece": "ECE",
}
LABELS = {
    "macro_auc": "macro AUC",
    "micro_auc": "micro AUC",
    "macro_average_precision": "macro AP",
    "macro_recall": "macro sensitivity",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "exact_match": "exact match",
}
# Where each image has one finding and is called one, micro F1 is the accuracy.
CLASSES = {name: head for name, head in LABELS.items() if name != "micro_f1"} | {
    "exact_match": "accuracy"
}
# Of each finding, a table each.
PER_FINDING = {"auc": "AUC", "average_precision": "AP", "recall": "Sensitivity"}
# Any of these can be made perfect at the cost of another, so none of them has a best row.
TRADED = frozenset({"recall", "specificity", "precision", "macro_recall"})
# Where a smaller value is the better one.
ERRORS = frozenset({"brier", "ece"})


def columns(outputs: Outputs) -> dict[str, str]:
    """The measures of a comparison table, by name, and their column heads."""
    if outputs.binary:
        return TWO_CLASSES
    return LABELS if outputs.kind == "multilabel" else CLASSES


def all_measures(outputs: Sequence[Outputs]) -> list[str]:
    """Names of all that is measured of any of these, which is more than the tables show.

    Those of two classes come first: they are also those of a single finding.
    """
    names = list(TWO_CLASSES)
    if all(one.binary for one in outputs):
        return names
    averages = [f"{kind}_{name}" for kind in ("macro", "micro") for name in AVERAGED]
    return [*names, "threshold", *averages, "exact_match"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The test figures of a run.

    Attributes:
        figures: of the whole task, the one that sorts the table first.
        findings: the figures of each finding, by its name, ``threshold`` among them; empty for
            a two-class task.
        macro_over: how many findings each macro average is over; empty for a two-class task.
    """

    figures: dict[str, float]
    findings: dict[str, dict[str, float]] = field(default_factory=dict)
    macro_over: dict[str, int] = field(default_factory=dict)


def measure(run: Run) -> Measured:
    """Test figures of a run, at the thresholds chosen on its validation part.

    Args:
        run: one that finished.

    Raises:
        InputError: its predictions are gone or damaged.
    """
    judged = run.judged()
    validation, test = (judged[part] for part in JUDGED_PARTS)
    if run.outputs.kind == "multiclass" and not run.outputs.binary:
        # The most probable class is the answer: there is no threshold to choose.
        return _of_findings(class_metrics(test.targets, test.probabilities), run.outputs)
    if run.outputs.kind == "multilabel":
        thresholds = choose_thresholds(validation.targets, validation.probabilities)
        metrics = label_metrics(test.targets, test.probabilities, thresholds=thresholds)
        return _of_findings(metrics, run.outputs)
    threshold = choose_threshold(validation.targets, validation.probabilities[:, 1])
    of_two = binary_metrics(test.targets, test.probabilities[:, 1], threshold=threshold)
    return Measured(figures={name: float(vars(of_two)[name]) for name in TWO_CLASSES})


def _of_findings(metrics: FindingsMetrics, outputs: Outputs) -> Measured:
    return Measured(
        figures={
            **{f"macro_{name}": macro.mean for name, macro in metrics.macro.items()},
            **{f"micro_{name}": value for name, value in metrics.micro.items()},
            "exact_match": metrics.exact_match,
        },
        findings={
            name: {key: float(vars(finding)[key]) for key in (*TWO_CLASSES, "threshold")}
            for name, finding in zip(outputs.classes, metrics.findings, strict=True)
        },
        macro_over={name: macro.findings for name, macro in metrics.macro.items()},
    )
