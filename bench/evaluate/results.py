"""What a comparison table is made of, before it is text: tables, their rows, and figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.evaluate.comparison import Versus
from bench.evaluate.estimate import Interval
from bench.evaluate.run_scores import RunScores
from bench.evaluate.settings import Comparison
from bench.runs.predictions import Outputs
from bench.runs.records import TuningRecord
from bench.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A metric over the seeds of a row.

    Attributes:
        mean: over the seeds; NaN where it is undefined for any of them.
        deviation: sample standard deviation over the seeds; None for a single seed.
        interval: of the mean, for other patients and seeds; None where it was not asked for.
    """

    mean: float
    deviation: float | None
    interval: Interval | None = None

    @classmethod
    def over(cls, values: Sequence[float], *, interval: Interval | None = None) -> Figure:
        """Mean and sample standard deviation of one value a seed."""
        array = np.asarray(values, dtype=np.float64)
        deviation = float(array.std(ddof=1)) if len(values) > 1 else None
        return cls(mean=float(array.mean()), deviation=deviation, interval=interval)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model with one loss (or one control) under one choice of settings, over its seeds.

    Attributes:
        kind: ``network``, ``control`` or ``imported``.
        model, loss: names; loss is "" where nothing was trained here.
        weights: ``from scratch``, ``pretrained`` or ``pretrained, head``
            (:func:`bench.evaluate.settings.weights`); "" for a control.
        settings: what tells this row from others (:func:`bench.evaluate.settings.captions`).
        train_share: the share of the training part that it learned from.
        seeds: those that finished.
        runs: that finished, in the order of the seeds.
        scores: of these runs, in their order.
        metrics: of the whole task, by the names of :mod:`bench.evaluate.measures`, the one that
            sorts the table first; empty where no seed finished.
        findings: those of each finding, in the order of the outputs; empty for a two-class task.
        macro_over: how many findings each macro average is over.
        parameters, multiply_adds: of the network; None for a control.
        train_seconds, images_per_second, inference_images_per_second: means over the seeds; None
            for a control, and where there is more than one of ``devices``.
        devices: what the seeds that finished were trained on, earlier attempts included.
        micro_batches: seed and size, in images, where batches were split to fit the device.
        failures: seed and reason of each failed run.
        unavailable: why a control cannot be had; "" otherwise.
        tuning: how its settings were searched for; None where they were given.
        answered: of how many test images it answers how many, where it does not answer all:
            imported predictions; None elsewhere. Its figures are of these images.
        delong: the AUC with DeLong's interval, clustered by patient (Obuchowski), as a check; None
            unless the row is one run of a two-class task.
        versus: held against the table's reference; None for the reference itself, where there
            is none, and where no seed finished.
        below_controls: a network, or imported predictions, whose mean AUC (macro over the
            findings, where there are several) is not above that of the best control of the same
            share of the training part.
    """

    kind: str
    model: str
    loss: str
    weights: str
    settings: str
    train_share: float
    seeds: tuple[int, ...]
    runs: tuple[Run, ...] = ()
    scores: tuple[RunScores, ...] = ()
    metrics: dict[str, Figure] = field(default_factory=dict)
    findings: dict[str, dict[str, Figure]] = field(default_factory=dict)
    macro_over: dict[str, int] = field(default_factory=dict)
    parameters: int | None = None
    multiply_adds: int | None = None
    train_seconds: float | None = None
    images_per_second: float | None = None
    inference_images_per_second: float | None = None
    devices: tuple[str, ...] = ()
    micro_batches: tuple[tuple[int, int], ...] = ()
    failures: tuple[tuple[int, str], ...] = ()
    unavailable: str = ""
    tuning: TuningRecord | None = None
    answered: tuple[int, int] | None = None
    delong: Interval | None = None
    versus: Versus | None = None
    below_controls: bool = False

    @property
    def auc(self) -> float:
        """Mean AUC, macro over the findings where there are several.

        Minus infinity where there is none, so that such rows sort last.
        """
        mean = next((figure.mean for figure in self.metrics.values()), math.nan)
        return -math.inf if math.isnan(mean) else mean

    @property
    def timed_on_several_devices(self) -> bool:
        """Times of a network that cannot be averaged."""
        return self.kind == "network" and len(self.devices) > 1

    @property
    def name(self) -> str:
        """For sentences and pictures: ``cxnet_m1 sin``, ``control: prior``."""
        name = f"{self.model} {self.loss}".strip()
        return name if self.kind == "network" else f"{self.kind}: {name}"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The row that all others of a table are held against.

    Attributes:
        model, loss: registered names; loss is "" for a control or imported predictions.
    """

    model: str = "cxnet_m1"
    loss: str = "sin"


@dataclass(frozen=True, kw_only=True)
class Table:
    """The comparison on one data set, task and split.

    Attributes:
        data: ``PreparedData.describe()`` of its runs, merged (:func:`bench.evaluate.merge.merge`).
        outputs: what its runs' predictions are about.
        settings: what those of its networks have in common.
        rows: by falling AUC; failed and unavailable ones last.
        hidden: how many more rows there are, which were compared and are not shown.
        superseded: runs of settings that a tuning held for the best until a larger budget found
            others, by folder name; they are in no row.
        best_controls: name and AUC of the best control of each share of the training part;
            shares without any are left out.
        environments: those of its runs, earlier attempts included; those of imports only where
            there is nothing else.
        wanted: the reference that was asked for.
        reference: the row that all others are held against; None where it is not there.
    """

    data: dict[str, Any]
    outputs: Outputs
    settings: Comparison
    rows: tuple[Row, ...]
    best_controls: dict[float, tuple[str, float]]
    environments: tuple[dict[str, Any], ...]
    hidden: int = 0
    superseded: tuple[str, ...] = ()
    wanted: Reference = Reference()
    reference: Row | None = None
