"""Everything that a report shows, as typed values: the one thing that renderers read.

The code that makes them formats no figure; names and settings are texts. The code that reads
them chooses, orders and rounds, makes axes, and counts images; it computes no figure, interval or
verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.config.schema import MARGIN
from bench.data.description import DataRecord
from bench.environment import EnvironmentRecord
from bench.evaluate import frames
from bench.evaluate.auc import FEW_PATIENTS
from bench.evaluate.comparison import Comparison
from bench.evaluate.curves import Curves
from bench.evaluate.ensemble import Ensemble
from bench.evaluate.estimate import Figure, Interval
from bench.evaluate.external import ExternalTable
from bench.evaluate.heatmaps import HeatMaps
from bench.evaluate.published import PublishedFigure
from bench.evaluate.question_result import QuestionResult
from bench.evaluate.seeds import ONE_RUN, Spread
from bench.evaluate.settings import SharedSettings
from bench.registry.models import TIMM_PREFIX
from bench.runs.predictions import Outputs
from bench.runs.records import FailedTuningRecord, LogitFault, TuningRecord, Unusable
from bench.runs.run import Run, Unfinished


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredRun(Run):
    """One finished run of a row, and what its predictions for the test part amount to.

    Attributes:
        values: its figures, by measure.
        curves: ROC, precision-recall and reliability curve of each output, by its name.
        confusion: as :attr:`bench.evaluate.score.RunScores.confusion`.
    """

    values: dict[str, float]
    curves: dict[str, Curves]
    confusion: NDArray[np.int64]

    @property
    def seed(self) -> int:
        """Seed of its training."""
        return self.cell.seed


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model with one loss (or one control) under one choice of settings, over its seeds.

    Attributes:
        kind: ``network``, ``control`` or ``imported``; or how a cascade answers: ``cascade``,
            ``flat`` or ``always normal``.
        model, loss: names; loss is "" where nothing was trained here.
        weights: :func:`bench.evaluate.settings.weights`; "" for a control.
        settings: what tells this row from others (:func:`bench.evaluate.settings.captions`).
        train_share: the share of the training part that it learned from.
        seeds: those that finished.
        label: model, loss and what else tells it from the other rows, as one text for sentences and
            pictures; unique in its table.
        runs: that finished, in the order of the seeds.
        figures: of the whole task, by the names of :mod:`bench.evaluate.measures`, the one that
            sorts the table first; empty where no seed finished.
        findings: those of each finding, in the order of the outputs; empty for a two-class task.
        support: how many of the test images that the row answers have each output.
        patients: of each finding, or of the second of two classes, how many test patients have
            it, or do not have it, whichever are fewer; 0 where one of the two is missing.
        macro_over: how many findings each macro average is over.
        parameters, multiply_adds: of the network; None for a control.
        train_seconds, images_per_second, inference_images_per_second: means over the seeds; None
            for a control, and where there is more than one of ``devices``.
        devices: what the seeds that finished were trained on, earlier attempts included.
        failures: seed and reason of each failed run.
        logit_faults: seed and sign of each run whose logits show that something is wrong.
        unavailable: why a control cannot be had; "" otherwise.
        tuning: how its settings were searched for; None where they were given.
        answered: how many test images it answers, and how many there are, where these differ:
            imported predictions; None elsewhere. Its figures are of the images that it answers.
        comparison: with the table's reference; None for the reference itself, where there is
            none, and where no seed finished.
        trained_otherwise: whether a network's training settings, without what was searched for,
            are others than the reference's.
        over_control: its leading figure less that of the best control of the same share of the
            training part; None for controls, and where there is no control.
    """

    kind: str
    model: str
    loss: str
    weights: str
    settings: str
    train_share: float
    seeds: tuple[int, ...]
    label: str = ""
    runs: tuple[ScoredRun, ...] = ()
    figures: dict[str, Figure] = field(default_factory=dict)
    findings: dict[str, dict[str, Figure]] = field(default_factory=dict)
    support: dict[str, int] = field(default_factory=dict)
    patients: dict[str, int] = field(default_factory=dict)
    macro_over: dict[str, int] = field(default_factory=dict)
    parameters: int | None = None
    multiply_adds: int | None = None
    train_seconds: float | None = None
    images_per_second: float | None = None
    inference_images_per_second: float | None = None
    devices: tuple[str, ...] = ()
    failures: tuple[tuple[int, str], ...] = ()
    logit_faults: tuple[tuple[int, LogitFault], ...] = ()
    unavailable: str = ""
    tuning: TuningRecord | None = None
    answered: tuple[int, int] | None = None
    spread: Spread = ONE_RUN
    is_reference: bool = False
    comparison: Comparison | None = None
    trained_otherwise: bool = False
    over_control: Interval | None = None
    heat_maps: tuple[HeatMaps, ...] = ()

    @property
    def auc(self) -> float:
        """The leading figure; minus infinity where there is none, so that such rows sort last."""
        value = next((figure.value for figure in self.figures.values()), math.nan)
        return -math.inf if math.isnan(value) else value

    @property
    def below_controls(self) -> bool:
        """Whether it is not shown to be above the best control."""
        return self.over_control is not None and not self.over_control.low > 0.0

    @property
    def timed_on_several_devices(self) -> bool:
        """Whether its times cannot be averaged."""
        return self.kind == "network" and len(self.devices) > 1

    @property
    def state(self) -> str:
        """``finished``, ``failed`` or ``unavailable``."""
        if self.unavailable:
            return "unavailable"
        return "finished" if self.seeds else "failed"

    @property
    def name(self) -> str:
        """Its name in sentences and pictures: ``cxnet_m1 sin``, ``control: prior``."""
        name = f"{self.model} {self.loss}".strip()
        return name if self.kind == "network" else f"{self.kind}: {name}"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The row that all others of a table are compared with.

    Attributes:
        model, loss: registered names; loss is "" for a control or imported predictions.
    """

    model: str = "cxnet_m1"
    loss: str = "sin"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From ``MODEL[:LOSS]``, ``control:NAME`` or ``imported:NAME``."""
        for kind in ("control", "imported"):
            if text.startswith(f"{kind}:"):
                return cls(model=text.removeprefix(f"{kind}:").strip(), loss="")
        prefix = TIMM_PREFIX if text.startswith(TIMM_PREFIX) else ""
        model, _, loss = text.removeprefix(prefix).partition(":")
        return cls(model=prefix + model, loss=loss)


class BestControl(NamedTuple):
    """The control that is best on the validation part, and its leading figure on the test part."""

    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Table:
    """The comparison on one data set, task and split.

    Attributes:
        data: the data of its runs, merged (:func:`bench.evaluate.merge.merge`).
        rows: by falling AUC; failed and unavailable ones last.
        best_controls: the control that is best on the validation part, for each share of the
            training part that has any.
        environments: those of its runs, earlier attempts included; those of imports only where
            there is nothing else.
        hidden: how many more rows there are, which were compared and are not shown.
        superseded: folder names of runs in no row: a tuning with a larger budget found better
            settings.
        wanted: the reference that was asked for.
        reference: the row that all others are compared with: the wanted one, or where it has not
            finished one that stands in (:mod:`bench.evaluate.reference`); None without either.
        margin: largest difference of the leading figure that counts as none.
        published: what others published for its data and task; none was run by this harness.
    """

    data: DataRecord
    outputs: Outputs
    settings: SharedSettings
    rows: tuple[Row, ...]
    best_controls: dict[float, BestControl]
    environments: tuple[EnvironmentRecord, ...]
    hidden: int = 0
    superseded: tuple[str, ...] = ()
    wanted: Reference = Reference()
    reference: Row | None = None
    ensembles: tuple[Ensemble, ...] = ()
    margin: float = MARGIN
    resamples: int = 0
    published: tuple[PublishedFigure, ...] = ()

    @property
    def few_patients(self) -> dict[str, int]:
        """Outputs with so few patients that their intervals are rough, and how many these are."""
        whole = [row.patients for row in self.rows if row.runs and row.answered is None]
        return {
            name: patients
            for name, patients in (whole[0] if whole else {}).items()
            if 0 < patients < FEW_PATIENTS
        }

    @property
    def stands_in(self) -> bool:
        """Whether the reference is another row than the wanted one."""
        found, wanted = self.reference, self.wanted
        return found is not None and (found.model, found.loss) != (wanted.model, wanted.loss)

    @property
    def smallest_difference(self) -> float | None:
        """Smallest true difference that this test set would have shown with a power of 80 %.

        The median over the rows that cannot be told from the reference, without controls; None
        where there is no such row.
        """
        found = [
            row.comparison.smallest
            for row in self.rows
            if row.kind != "control"
            and row.comparison is not None
            and row.comparison.verdict == "cannot tell"
            and not math.isnan(row.comparison.smallest)
        ]
        return median(found) if found else None


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that stored runs amount to.

    Attributes:
        tables: a comparison for each data set, image size, task and split.
        failed_tunings: models and losses whose search has no winner, and so no row.
        external: the networks on data that they were not trained on, a table for each such data.
        stale: runs that were trained anew or taken away since their networks were evaluated on
            other data; what the former ones predicted is in no table.
        stale_maps: likewise, since their heat maps were measured.
        unusable: runs and records that are damaged, or that another version wrote: in no row.
    """

    tables: tuple[Table, ...]
    questions: tuple[QuestionResult, ...] = ()
    external: tuple[ExternalTable, ...] = ()
    stale: tuple[str, ...] = ()
    stale_maps: tuple[str, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    failed_tunings: tuple[FailedTuningRecord, ...] = ()
    unusable: tuple[Unusable, ...] = ()

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One line for each row of each table, in their order.

        What identifies its table and itself; each figure with ``_sd``, ``_low`` and ``_high``
        (``auc``, ``auc_sd``, ``auc_low``, ``auc_high``, …); ``difference`` to the reference with
        its interval, ``p`` (``p_holm`` is corrected for all comparisons of the table), ``margin``,
        ``p_equivalent``, ``p_not_worse`` and ``verdict``; costs. A figure that is undefined, or
        that the row's task has not, is NaN.
        """
        return frames.rows(self.tables)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One line for each finding of each row; empty where all tasks have two classes.

        The columns that identify the row, ``finding``, ``support`` (test images that have it) and
        its figures as in :attr:`rows`. Its index is the row's in :attr:`rows`.
        """
        return frames.findings(self.tables)

    @cached_property
    def ensembles(self) -> pd.DataFrame:
        """One line for each ensemble of each table, with the kind ``ensemble``.

        The columns that identify the row of its seeds, its ``auc`` or ``macro_auc``, the ``gain``
        over the mean of its seeds and the ``difference`` to the reference's ensemble, each with
        ``_low`` and ``_high``.
        """
        return frames.ensembles(self.tables)

    @cached_property
    def external_rows(self) -> pd.DataFrame:
        """One line for each network, and for each ensemble, on data that it was not trained on.

        ``kind`` is ``external`` or ``external ensemble``; ``source``, ``data`` and the figures are
        of these data, ``home_source``, ``home_data`` and ``home_auc`` of its own, and ``drop`` is
        what is lost.
        """
        return frames.external_rows(self.external)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One line for each finished run: its folder's name, its seed and its figures."""
        return frames.runs(self.tables)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The stored predictions of all finished runs, one line an image.

        ``run``, ``part``, ``image``, ``patient``, ``target`` and the columns of probabilities of
        the run's task; those of other tasks are NaN.
        """
        return frames.predictions(self.tables)

    @cached_property
    def history(self) -> pd.DataFrame:
        """The validations of all finished runs, one a line, named by ``run``."""
        return frames.history(self.tables)

    def __repr__(self) -> str:
        """For a prompt: the tables, a line each."""
        lines = [
            f"{table.data.source} {table.data.task}, split {table.data.split.name}: "
            f"{len(table.rows)} rows"
            for table in self.tables
        ]
        return "\n".join([f"{type(self).__name__} (rows, runs, predictions, history):", *lines])

    def _repr_html_(self) -> str:
        """For notebooks: who is better, in a few columns."""
        return frames.short(self.rows).to_html(index=False, float_format="{:.3f}".format, na_rep="")
