"""The names of all that is measured, and how reports call them."""

from __future__ import annotations

from bench.runs.predictions import Outputs

SPECIFICITIES = (0.95, 0.90)
"""Specificities at which the sensitivity is read off the ROC curve."""

AVERAGED = ("auc", "average_precision", "recall", "f1", "ece")
"""The figures of a finding that are averaged over the findings."""

# Names and column heads of two-class tasks; the first sorts the rows.
RANKED = {"auc": "AUC", "average_precision": "AP"}
AT_THRESHOLD = {
    "accuracy": "accuracy",
    "recall": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "f1": "F1",
}
OPERATING = {
    "sensitivity_at_95": "sensitivity at 95 % specificity",
    "sensitivity_at_90": "sensitivity at 90 % specificity",
    "needed_to_read_at_95": "number needed to read at 95 %",
    "needed_to_read_at_90": "number needed to read at 90 %",
}
CALIBRATED = {
    "brier": "Brier",
    "ece": "ECE",
    "calibration_slope": "slope",
    "calibration_intercept": "intercept",
}
CALIBRATION = CALIBRATED | {
    "temperature": "temperature",
    "brier_scaled": "Brier, scaled",
    "ece_scaled": "ECE, scaled",
}
TWO_CLASSES = RANKED | AT_THRESHOLD | OPERATING | CALIBRATION
LABELS = {
    "macro_auc": "macro AUC",
    "micro_auc": "micro AUC",
    "macro_average_precision": "macro AP",
    "macro_recall": "macro sensitivity",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "exact_match": "exact match",
    "macro_ece": "macro ECE",
}
# Where each image has one finding and is called one, micro F1 is the accuracy.
CLASSES = {name: head for name, head in LABELS.items() if name != "micro_f1"} | {
    "exact_match": "accuracy"
}
# Of each finding, a table each.
PER_FINDING = {
    "auc": "AUC",
    "average_precision": "AP",
    "recall": "Sensitivity",
    "ece": "ECE",
    "calibration_slope": "Calibration slope",
    "calibration_intercept": "Calibration intercept",
}
# Any of these can be made perfect at the cost of another, so none of them has a best row: whoever
# answers the prevalence is calibrated.
TRADED = frozenset(
    {
        *("recall", "specificity", "precision", "macro_recall"),
        *("ece", "ece_scaled", "macro_ece", "temperature"),
        *("calibration_slope", "calibration_intercept"),
    }
)
# Where a smaller value is the better one.
ERRORS = frozenset({"brier", "brier_scaled", "needed_to_read_at_95", "needed_to_read_at_90"})


def column_heads(outputs: Outputs) -> dict[str, str]:
    """The measures of a whole task, by name, and their column heads; the first sorts the rows."""
    if outputs.binary:
        return TWO_CLASSES
    return LABELS if outputs.kind == "multilabel" else CLASSES


def leading(outputs: Outputs) -> str:
    """The measure that sorts the rows and that models are compared by: AUC, or macro AUC."""
    return next(iter(column_heads(outputs)))


def leading_head(outputs: Outputs) -> str:
    """The column head of the leading measure: ``AUC`` or ``macro AUC``."""
    return column_heads(outputs)[leading(outputs)]
