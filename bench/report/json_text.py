"""A report as JSON, for programs: every figure with full precision and its interval.

One object::

    version      1; raised when a key is renamed, removed or means something else
    level        confidence of all intervals, 0.95
    tables       one object for each data set, image size, task and split
    questions    one object for each question that was asked
    unfinished   runs that have not ended: name, running
    failed_tunings  models and losses whose search has no winner: study, experiment, task, model,
                 loss, budget, reason, spent

A table::

    title, data             in words; the description of its data, split and leakage
    outputs                 kind, classes
    measures                name: column head; the first is the leading one, which sorts the rows
                            and which models are compared by
    shared_settings         what all its networks have in common, by dotted key
    best_controls           train_share, name, value (of the leading measure)
    reference               model, loss: that was asked for; found: whether it is among the rows
    resamples               how many an interval rests on
    hidden                  how many more rows were compared, and are left out by the filters
    superseded              runs of settings that a later tuning replaced; they are in no row
    rows                    by falling leading measure
    published               figures that others published; none was made by this harness

A row::

    name, kind, model, loss, weights, settings (in words), train_share
    state                   finished, failed or unavailable
    failures, unavailable   seed and reason of each failed run; why a control cannot be had
    seeds, runs             that finished: numbers, and names of their folders
    run_settings            all settings of its first run; null where none finished
    reference               whether all others are held against this row
    below_controls          whether it is not above the best control
    answered                images, of: how many test images it answers, where not all; else null
    delong                  the AUC with DeLong's interval, clustered by patient (Obuchowski
                            1997); null but for one run of a two-class task
    figures                 measure: figure
    findings                finding: measure: figure; empty for two classes
    macro_over              measure: how many findings its macro average is over
    confusion               of each run; as bench.evaluate.run_scores.RunScores has it
    versus                  against the reference: difference (an interval), p, p_holm, verdict,
                            smallest (difference that would have been shown with 80 %), images,
                            delong_p; null for the reference and where nothing was compared
    costs                   parameters, multiply_adds, train_seconds, images_per_second,
                            inference_images_per_second, devices
    tuning                  as bench.runs.Tuning; null where settings were given
    imported                file, digest, combine, images and of by part; null for what was run here

A figure is ``mean``, ``sd`` (over the seeds; null for one) and ``interval``. An interval is
``value``, ``low``, ``high``, ``left_out`` (resamples in which it is undefined) and ``reason`` (why
there is none, else ""). Numbers that are not defined, or not finite, are null.

A question has ``experiment``, ``asks``, ``yes_if``, ``problem`` (why there is no answer, else ""),
``factors`` (as :class:`bench.evaluate.question_result.FactorAnswer`), ``conclusions`` and
``caveats`` (sentences) and ``gaps`` (runs that should be there).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from bench.evaluate.estimate import LEVEL
from bench.evaluate.measures import columns, leading
from bench.evaluate.question_result import Answer
from bench.evaluate.results import Figure, Row, Table
from bench.report import facts
from bench.report.anchors import anchors_for
from bench.report.conclusions import caveats, conclusions
from bench.report.report import Report

VERSION = 1
COSTS = (
    "parameters",
    "multiply_adds",
    "train_seconds",
    "images_per_second",
    "inference_images_per_second",
    "devices",
)


def json_text(report: Report) -> str:
    """The report as one JSON object, in the form that the module's docstring says."""
    content = {
        "version": VERSION,
        "level": LEVEL,
        "tables": [_table(table) for table in report.tables],
        "questions": [_question(answer) for answer in report.answers],
        "unfinished": report.unfinished,
        "failed_tunings": report.failed_tunings,
    }
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _table(table: Table) -> dict[str, Any]:
    name = leading(table.outputs)
    draws = (len(one.figures[name].draws) for row in table.rows for one in row.scores)
    return {
        "title": facts.title(table),
        "data": table.data,
        "outputs": table.outputs,
        "measures": columns(table.outputs),
        "shared_settings": table.settings.shared,
        "best_controls": [
            {"train_share": share, "name": control, "value": value}
            for share, (control, value) in table.best_controls.items()
        ],
        "reference": {
            "model": table.wanted.model,
            "loss": table.wanted.loss,
            "found": table.reference is not None,
        },
        "resamples": next(draws, None),
        "hidden": table.hidden,
        "superseded": table.superseded,
        "rows": [_row(row) for row in table.rows],
        "published": anchors_for(table),
    }


def _row(row: Row) -> dict[str, Any]:
    finished = "finished" if row.seeds else "failed"
    first = row.runs[0] if row.runs else None
    return {
        "name": row.name,
        "kind": row.kind,
        "model": row.model,
        "loss": row.loss,
        "weights": row.weights,
        "settings": row.settings,
        "train_share": row.train_share,
        "state": "unavailable" if row.unavailable else finished,
        "failures": [{"seed": seed, "reason": reason} for seed, reason in row.failures],
        "unavailable": row.unavailable,
        "seeds": row.seeds,
        "runs": [run.folder.name for run in row.runs],
        "run_settings": first.cell.settings if first else None,
        "reference": row.is_reference,
        "below_controls": row.below_controls,
        "answered": _answered(row),
        "delong": row.delong,
        "figures": {name: _figure(figure) for name, figure in row.metrics.items()},
        "findings": {
            finding: {name: _figure(figure) for name, figure in by_name.items()}
            for finding, by_name in row.findings.items()
        },
        "macro_over": row.macro_over,
        "confusion": [one.confusion for one in row.scores],
        "versus": row.versus,
        "costs": {name: getattr(row, name) for name in COSTS},
        "tuning": row.tuning,
        "imported": first.imported if first else None,
    }


def _answered(row: Row) -> dict[str, int] | None:
    if row.answered is None:
        return None
    images, of = row.answered
    return {"images": images, "of": of}


def _figure(figure: Figure) -> dict[str, Any]:
    return {"mean": figure.mean, "sd": figure.deviation, "interval": figure.interval}


def _question(answer: Answer) -> dict[str, Any]:
    answered = not answer.problem
    return {
        "experiment": answer.experiment,
        "asks": answer.question.asks,
        "yes_if": answer.question.yes_if,
        "problem": answer.problem,
        "factors": answer.factors,
        "conclusions": conclusions(answer) if answered else [],
        "caveats": caveats(answer) if answered else [],
        "gaps": answer.gaps,
    }


def _plain(value: Any) -> Any:
    """JSON values: dataclasses as objects, arrays as lists, what is not finite as null."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
