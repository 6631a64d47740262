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
    checked_scores,
    choose_threshold,
    choose_threshold_for_f1,
    expected_calibration_error,
    mid_ranks,
)
from bench.metrics.calibration import (
    Reliability,
    fit_temperature,
    reliability_curve,
    scaled,
)
from bench.metrics.curves import (
    PrecisionRecallCurve,
    RocCurve,
    precision_recall_curve,
    roc_curve,
    thinned,
)
from bench.metrics.findings import (
    AVERAGED,
    FindingsMetrics,
    Macro,
    choose_thresholds,
    class_metrics,
    label_metrics,
)
from bench.metrics.operating import OperatingPoint, fewest_spared, sensitivity_at_specificity

__all__ = [
    "AVERAGED",
    "BinaryMetrics",
    "CALIBRATION_BINS",
    "FindingsMetrics",
    "Macro",
    "OperatingPoint",
    "PrecisionRecallCurve",
    "Reliability",
    "RocCurve",
    "auc",
    "average_precision",
    "binary_metrics",
    "checked_scores",
    "choose_threshold",
    "choose_threshold_for_f1",
    "choose_thresholds",
    "class_metrics",
    "expected_calibration_error",
    "fewest_spared",
    "fit_temperature",
    "label_metrics",
    "mid_ranks",
    "precision_recall_curve",
    "reliability_curve",
    "roc_curve",
    "scaled",
    "sensitivity_at_specificity",
    "thinned",
]
