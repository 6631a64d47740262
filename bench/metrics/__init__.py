"""Metrics of predictions, computed from stored probabilities.

Only NumPy is needed here, since the training loop watches the validation AUC on machines that
have no scikit-learn; the tests hold every value against scikit-learn's.

An undefined value is NaN, never 0: reports show it as n/a.
"""

from bench.metrics.binary import (
    CALIBRATION_BINS,
    BinaryMetrics,
    auc,
    average_precision,
    binary_metrics,
    choose_threshold,
    choose_threshold_for_f1,
    expected_calibration_error,
)
from bench.metrics.findings import (
    AVERAGED,
    FindingsMetrics,
    Macro,
    choose_thresholds,
    class_metrics,
    label_metrics,
)

__all__ = [
    "AVERAGED",
    "CALIBRATION_BINS",
    "BinaryMetrics",
    "FindingsMetrics",
    "Macro",
    "auc",
    "average_precision",
    "binary_metrics",
    "choose_threshold",
    "choose_threshold_for_f1",
    "choose_thresholds",
    "class_metrics",
    "expected_calibration_error",
    "label_metrics",
]
