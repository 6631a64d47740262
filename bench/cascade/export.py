"""The cascade's figures as JSON values, and its answers as CSV."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.cascade.answers import Answers, Truth
from bench.cascade.tables import Collected, Row, Table
from bench.cascade.text import leakage
from bench.report import Figure
from bench.runs.predictions import SEPARATOR
from cxnet.hierarchy import Blame, Leaf, leaf_of


def as_json(collected: Collected) -> dict[str, Any]:
    """Everything that the tables show, as JSON values; undefined figures are None."""
    return {
        "tables": [_table(table) for table in collected.tables],
        "without_table": list(collected.without_table),
    }


def write_answers(collected: Collected, path: Path) -> None:
    """Write one line for each test image and cascade, controls among them.

    Columns: ``source``, ``split``, ``split_hash``, ``image_size``, ``model``, ``loss``,
    ``settings``, ``weights``, ``seed``; ``image``, ``patient``; ``truth`` and ``answer``, findings
    joined by ``|`` and empty for normal; ``route`` (normal, one, several); ``first_wrong`` (m1,
    m2, leaf; empty for a right answer); ``soft_FINDING``, the stages' probabilities multiplied.

    Args:
        collected: what :func:`bench.cascade.collect` gave.
        path: the file; an older one is replaced.
    """
    frames = [
        _answers(answers, row, seed, table)
        for table in collected.tables
        for pair in table.pairs
        for row in (pair.cascade,)
        for seed, answers in row.answers.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    (pd.concat(frames) if frames else pd.DataFrame()).to_csv(path, index=False)


def _answers(answers: Answers, row: Row, seed: int, table: Table) -> pd.DataFrame:
    truth, data = table.truth, table.data
    assert answers.scores is not None
    assert answers.blame is not None
    columns: dict[str, Any] = {
        "source": data.source,
        "split": data.split.name,
        "split_hash": data.split.hash,
        "image_size": data.image_size,
        "model": row.model if row.kind == "network" else f"control: {row.model}",
        "loss": row.loss,
        "settings": row.settings,
        "weights": row.weights,
        "seed": seed,
        "image": truth.images,
        "patient": truth.patients,
        "truth": _names(truth.labels, truth),
        "answer": _names(answers.findings, truth),
        "route": [Leaf(leaf).name.lower() for leaf in leaf_of(answers.findings)],
        "first_wrong": [
            "" if stage == Blame.RIGHT else Blame(stage).name.lower() for stage in answers.blame
        ],
    }
    soft = pd.DataFrame(answers.scores, columns=[f"soft_{name}" for name in truth.findings])
    return pd.concat([pd.DataFrame(columns), soft], axis=1)


def _names(labels: np.ndarray[Any, np.dtype[np.bool_]], truth: Truth) -> list[str]:
    findings = np.array(truth.findings, dtype=object)
    return [SEPARATOR.join(findings[shown]) for shown in labels]


def _table(table: Table) -> dict[str, Any]:
    data, apart = table.data, table.separation
    found = leakage(data)
    support = table.truth.labels.sum(axis=0).tolist()
    return {
        "source": data.source,
        "root": data.root,
        "image_size": data.image_size,
        "fingerprint": data.fingerprint,
        "split": data.split.model_dump(),
        "separation": {
            "train": len(apart.train),
            "validation": len(apart.validation),
            "test": len(apart.test),
            # Anything else would have been refused.
            "judged_images_in_training": 0,
            "shared_patients": found.shared_patients,
            "images_of_shared_patients": found.images_of_shared_patients,
            "unknown_patients": found.unknown_patients,
        },
        "test_images_by_finding": dict(zip(table.truth.findings, support, strict=True)),
        "rows": [_row(row, table.truth) for row in table.rows()],
    }


def _row(row: Row, truth: Truth) -> dict[str, Any]:
    return {
        "system": row.system,
        "kind": row.kind,
        "model": row.model,
        "loss": row.loss,
        "weights": row.weights,
        "settings": row.settings,
        "seeds": list(row.answers),
        "training_images": dict(row.training_images),
        "overall": {name: _figure(figure) for name, figure in row.figures.items()},
        "findings": {
            name: {
                finding: _figure(figure)
                for finding, figure in zip(truth.findings, figures, strict=True)
            }
            for name, figures in row.findings.items()
        },
        "missing": [{"seed": problem.seed, "reason": problem.reason} for problem in row.problems],
    }


def _figure(figure: Figure) -> dict[str, float | None]:
    mean = None if math.isnan(figure.mean) else figure.mean
    return {"mean": mean, "sd": None if mean is None else figure.deviation}
