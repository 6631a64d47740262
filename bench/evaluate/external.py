"""External validation: figures of networks on data that they were not trained on, and the drop.

A stored run on other data (:mod:`bench.external`) has three parts: its network's own validation
and test part, and the other images. Thresholds and temperatures come from the first. The drop is
the AUC at home less that on the other images, network by network, then averaged over the seeds.
Patients of the two test sets are independent of each other; the seeds are those of the same
networks, so that what varies over them is each network's own drop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bench.data.description import DataRecord, PartRecord
from bench.data.leakage import Leakage
from bench.evaluate.auc import Auc, difference, mean_of
from bench.evaluate.ensemble import mean_predictions
from bench.evaluate.estimate import Figure, Interval
from bench.evaluate.figures import TASK, RowFigures, with_intervals
from bench.evaluate.measures import leading
from bench.evaluate.score import RunScores, auc_of
from bench.evaluate.scorer import Scorer
from bench.evaluate.seeds import Runs, pooled, variances
from bench.evaluate.settings import captions, weights
from bench.runs.predictions import Outputs
from bench.runs.records import ExternalRecord
from bench.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """Images that networks are tested on.

    Attributes:
        split: name of the split that the images are the test part of, or ``all``.
    """

    __test__ = False  # no class of tests

    source: str
    root: str
    fingerprint: str
    split: str
    images: int
    patients: int | None
    classes: dict[str, int]

    @classmethod
    def of(cls, data: DataRecord, part: PartRecord) -> TestSet:
        """The images of a part of some data."""
        return cls(
            source=data.source,
            root=data.root,
            fingerprint=data.fingerprint,
            split=data.split.name,
            **part.model_dump(),
        )

    @property
    def name(self) -> str:
        """``nih (ChestX-ray14)``."""
        return f"{self.source} ({self.root})" if self.root else self.source


@dataclass(frozen=True, kw_only=True)
class ExternalRow:
    """A network over its seeds, or its ensemble, on data that it was not trained on.

    Attributes:
        runs: names of the runs whose networks predict.
        home: its own test images.
        home_auc: the leading figure on these, for the outputs that both data have.
        figures: on the other images, by the names of :mod:`bench.evaluate.measures`; what rests on
            a threshold or a temperature takes those of home.
        drop: the leading figure at home less that on the other images; above 0 where it is lost.
        leakage: what the other data share with all home data, before images were left out.
        left_out: images of the other data that were left out for that.
        unchecked: why identical images could not be looked for; "" where they were.
        only_home, only_other: findings that one of the two alone has.
    """

    model: str
    loss: str
    weights: str
    settings: str
    seeds: tuple[int, ...]
    is_ensemble: bool = False
    runs: tuple[str, ...] = ()
    home: TestSet
    home_auc: Figure
    figures: dict[str, Figure] = field(default_factory=dict)
    drop: Interval
    leakage: Leakage
    left_out: int = 0
    unchecked: str = ""
    only_home: tuple[str, ...] = ()
    only_other: tuple[str, ...] = ()

    @property
    def above_chance(self) -> bool:
        """Whether the leading figure, an AUC, is shown to be above 0.5 on the other images."""
        figure = next(iter(self.figures.values()))
        return figure.has_interval and figure.low > 0.5


@dataclass(frozen=True, kw_only=True)
class ExternalTable:
    """Networks that were trained elsewhere, on the same images of some data.

    Attributes:
        data: these images.
        outputs: that the networks and the data have in common.
        part: ``all`` images, or the ``test`` part of the data's own split.
        selection: hash of the images.
        rows: by falling leading figure, each ensemble behind its seeds.
    """

    data: TestSet
    task: str
    question: str
    outputs: Outputs
    image_size: int
    part: str
    selection: str
    rows: tuple[ExternalRow, ...]


def drop_of(home: Sequence[Auc], other: Sequence[Auc]) -> Auc:
    """The mean over networks of what each loses on other images.

    Args:
        home: figure of each network on its own test images.
        other: on the other images, network by network.

    Returns:
        With the variance over patients of both, and over seeds where there are several networks.
    """
    drops = [difference(at_home, there) for at_home, there in zip(home, other, strict=True)]
    mean, count = mean_of(drops), len(drops)
    if count == 1 or mean.reason:
        return mean
    observed, by_patients = variances(drops, mean)
    return replace(
        mean,
        seeds=max(0.0, observed - by_patients) / count,
        seeds_observed=observed / count,
        seeds_df=count - 1,
    )


def external_tables(runs: Iterable[Run], *, scorer: Scorer) -> list[ExternalTable]:
    """A table for each set of images that networks from elsewhere predict."""
    groups: defaultdict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        data = run.data
        key = (data.source, data.task, data.fingerprint, data.split.hash, data.classes)
        groups[key].append(run)
    return [_table(groups[key], scorer=scorer) for key in sorted(groups, key=str)]


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The runs of a row in the order of their seeds, or an ensemble of them.

    ``scores`` are on the other images; ``home`` are the figures at home.
    """

    runs: Sequence[Run]
    settings: str
    scores: Sequence[RunScores]
    home: Sequence[Auc]
    is_ensemble: bool = False


def _table(runs: Sequence[Run], *, scorer: Scorer) -> ExternalTable:
    by_row: defaultdict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.cell.seed):
        by_row[run.data.split.hash, run.cell.without_task(), run.data.task].append(run)
    groups: list[_Group] = []
    texts = captions([of_row[0].cell.trained for of_row in by_row.values()])
    for of_row, parts in zip(by_row.values(), texts, strict=True):
        settings = ", ".join(parts)
        outputs = of_row[0].outputs
        groups.append(
            _Group(
                runs=of_row,
                settings=settings,
                scores=[scorer.score(run) for run in of_row],
                home=[auc_of(run.predictions()["home"], outputs) for run in of_row],
            )
        )
        if len(of_row) > 1:
            groups.append(
                _Group(
                    runs=of_row,
                    settings=settings,
                    scores=[scorer.score_mean(of_row)],
                    home=[auc_of(mean_predictions(of_row)["home"], outputs)],
                    is_ensemble=True,
                )
            )
    rows = _rows(groups, scorer=scorer)
    order = {row.runs: row for row in rows if not row.is_ensemble}
    name = leading(runs[0].outputs)
    rows.sort(key=lambda row: (-order[row.runs].figures[name].value, row.runs, row.is_ensemble))
    data = runs[0].data
    assert data.image_size is not None, "a network predicts pixels"
    return ExternalTable(
        data=TestSet.of(data, data.parts["test"]),
        task=data.task,
        question=data.question,
        outputs=runs[0].outputs,
        image_size=data.image_size,
        part=data.split.name,
        selection=data.split.hash,
        rows=tuple(rows),
    )


def _rows(groups: Sequence[_Group], *, scorer: Scorer) -> list[ExternalRow]:
    """The rows of a table; seeds share one variance, as in any other."""
    figures = with_intervals([RowFigures.of(g.scores, scorer.resampling) for g in groups])
    homes = [Runs.of(group.home) for group in groups]
    rows: list[ExternalRow] = []
    for group, found, home, spread in zip(groups, figures, homes, pooled(homes), strict=True):
        first = group.runs[0]
        record = _record(first)
        there = [each.leading.auc for each in group.scores]
        rows.append(
            ExternalRow(
                model=first.cell.model,
                loss=first.cell.loss,
                weights=weights(first.cell),
                settings=group.settings,
                seeds=tuple(run.cell.seed for run in group.runs),
                is_ensemble=group.is_ensemble,
                runs=tuple(_record(run).run for run in group.runs),
                home=TestSet.of(record.home, first.data.parts["home"]),
                home_auc=Figure.with_deviation(
                    home.auc(spread).interval(),
                    [each.value for each in group.home],
                    images=first.data.parts["home"].images,
                ),
                figures={**found.figures[TASK]},
                drop=drop_of(group.home, there).interval(),
                leakage=first.data.leakage[0],
                left_out=record.left_out,
                unchecked=record.unchecked,
                only_home=record.only_home,
                only_other=record.only_other,
            )
        )
    return rows


def _record(run: Run) -> ExternalRecord:
    assert run.external is not None, f"{run.name} is no run on other data"
    return run.external
