"""Predictions as CSV, JSON, or a table for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from bench.data.study import SEPARATOR
from bench.predict.images import skipped_lines
from bench.predict.records import ImageRecord, PredictionReport, Values
from bench.text import plain_table, printable

MOST_COLUMNS = 3  # probabilities in the table for people; the files have all


def as_json(report: PredictionReport) -> str:
    """The whole report, indented."""
    return report.model_dump_json(indent=2) + "\n"


def as_csv(report: PredictionReport) -> str:
    """One line an image; blank where there is no value."""
    shown = _shown(report)
    rows = []
    for image in report.images:
        row: dict[str, Any] = {"image": image.image}
        row |= _columns("probability", image.probabilities, shown)
        if len(report.runs) > 1:
            row |= _columns("sd", image.deviations, shown)
        row |= _columns("calibrated", image.calibrated, shown)
        row |= {
            "decision": _joined(image.decision),
            "decision_at_95_specificity": _joined(image.decision_specific),
            "unlike": _yes(image.unlike),
            "because": image.because,
            "error": image.error,
            "image_sha256": image.sha256,
            "runs": SEPARATOR.join(run.run for run in report.runs),
        }
        rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False)


FORMATS: dict[str, Callable[[PredictionReport], str]] = {".csv": as_csv, ".json": as_json}
"""Writers of files, by suffix."""


def table(report: PredictionReport) -> str:
    """Table for people."""
    shown = _shown(report)
    several = len(shown) > MOST_COLUMNS
    heads = ["most probable"] if several else [f"p({printable(name)})" for name in shown]
    rows = []
    for image in report.images:
        row = {"image": printable(image.image)}
        if several:
            row["most probable"] = _most_probable(image)
        else:
            row |= {head: _number(image, name) for head, name in zip(heads, shown, strict=True)}
            if len(shown) == 1:
                row["calibrated"] = _text((image.calibrated or {}).get(next(iter(shown))))
        row |= {
            "decision": _joined(image.decision),
            "at 95 % specificity": _joined(image.decision_specific),
            "unlike": image.because if image.unlike else _yes(image.unlike),
        }
        if report.errors:
            row["error"] = image.error
        rows.append(row)
    return plain_table(rows, numbers=[*heads, "calibrated"])


def summary_lines(report: PredictionReport) -> Iterator[str]:
    """Lines on the runs, data and thresholds that the predictions rest on."""
    data, seeds = report.data, len(report.runs)
    mean = f"mean of {seeds} seeds" if seeds > 1 else f"run {report.runs[0].run}"
    yield (
        f"{report.model} {report.loss}, {mean}; {data.question} ({data.task}), trained on "
        f"{data.training_images:,} images of {data.root or data.source}"
    )
    for run in report.runs:
        yield f"  weights {run.weights_sha256[:16]} of {run.run}"
    yield f"  data {data.fingerprint[:16]}, split {data.split} {data.split_hash[:16]}"
    if len(report.thresholds) == 1:
        yield (
            f"  threshold {_only(report.thresholds)}, at {report.specificity:.0%} specificity "
            f"{_only(report.specific_thresholds)}; temperature {_only(report.temperatures)}; "
            f"chosen on {data.validation_images:,} validation images"
        )
    yield _about_unlike(report)
    yield from (f"  {line}" for line in (*report.notes, *skipped_lines(report.skipped)))
    if report.errors:
        yield f"  images that could not be read: {report.errors:,} of {len(report.images):,}"
    yield f"cxnet-bench {report.version}: {report.notice}"


def _about_unlike(report: PredictionReport) -> str:
    rule = report.unlike
    if rule is None:
        return "  unlike: not known; the run has no statistics of its training images"
    if rule.false_alarm_rate is None:
        return (
            f"  unlike: beyond a distance that at most {rule.training_share:.0%} of the training "
            "images exceed"
        )
    flagged = sum(image.unlike is True for image in report.images)
    return (
        f"  unlike the training images: {flagged:,} of {len(report.images) - report.errors:,}; of "
        f"{rule.validation_images:,} validation images {rule.false_alarms:,} would be "
        f"({rule.false_alarm_rate:.1%} false alarms)"
    )


def _shown(report: PredictionReport) -> list[str]:
    """The classes whose probabilities are written: the second of two says both."""
    two = report.kind == "multiclass" and len(report.classes) == 2
    return list(report.classes[1:] if two else report.classes)


def _columns(kind: str, values: Values | None, shown: list[str]) -> dict[str, float | None]:
    return {
        kind if len(shown) == 1 else f"{kind}_{name}": (values or {}).get(name) for name in shown
    }


def _number(image: ImageRecord, name: str) -> str:
    deviation = (image.deviations or {}).get(name)
    text = _text((image.probabilities or {}).get(name))
    return text if deviation is None else f"{text} ± {deviation:.3f}"


def _most_probable(image: ImageRecord) -> str:
    if not image.probabilities:
        return ""
    name = max(image.probabilities, key=lambda each: image.probabilities[each] or 0.0)  # type: ignore[index]
    return f"{printable(name)} {_number(image, name)}"


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _only(values: Values) -> str:
    (value,) = values.values()
    return _text(value) or "none"


def _joined(names: tuple[str, ...] | None) -> str:
    return SEPARATOR.join(names or ())


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[value]
