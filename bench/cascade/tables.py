"""From stored runs to the rows of the cascade's tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.cascade.answers import (
    Answers,
    Truth,
    answer_always_normal,
    answer_by_cascade,
    answer_flat,
    read_truth,
)
from bench.cascade.gather import CASCADE_TASKS, FLAT, STAGES, Entrant, Ground, gather
from bench.cascade.scores import OVERALL, PER_FINDING, Scores, score
from bench.cascade.separation import Separation, read_separation
from bench.data.description import DataRecord
from bench.errors import InputError
from bench.evaluate.settings import captions, weights
from bench.report import Figure
from bench.runs.run import Run

System = Literal["cascade", "flat", "always normal"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a seed of a row has no answers.

    Attributes:
        seed: of the runs.
        reason: the stages that are missing, failed or cannot be had.
        mendable: running again may help; not so a control that this data cannot have.
    """

    seed: int
    reason: str
    mendable: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system with one model and loss under one choice of settings, over its seeds.

    Attributes:
        system: "cascade", "flat", or "always normal", which has neither model nor loss.
        kind: "network" or "control"; "" for "always normal".
        model, loss: names; "" where there is none.
        weights: as in the tables of ``bench report``; "" for controls.
        settings: what tells this row from others.
        answers: by seed, of those whose runs are all finished.
        figures: by the keys of :data:`bench.cascade.scores.OVERALL`; empty without answers.
        findings: by the keys of :data:`bench.cascade.scores.PER_FINDING`, one for each finding;
            empty without answers.
        training_images: by stage, how many each learned from; of the first seed.
        problems: of the other seeds.
    """

    system: System
    kind: str = ""
    model: str = ""
    loss: str = ""
    weights: str = ""
    settings: str = ""
    answers: Mapping[int, Answers] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    findings: Mapping[str, tuple[Figure, ...]] = field(default_factory=dict)
    training_images: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A cascade and the flat network of the same model, loss and settings."""

    cascade: Row
    flat: Row


@dataclass(frozen=True, kw_only=True)
class Table:
    """All systems on one data set, image size and split.

    Attributes:
        data: description of it, from one of its runs.
        separation: the images of the split, checked to be apart.
        truth: what the test images show.
        pairs: networks by falling macro AUC of the cascade, then the controls likewise.
        always_normal: the answer that needs no network.
    """

    data: DataRecord
    separation: Separation
    truth: Truth
    pairs: tuple[Pair, ...]
    always_normal: Row

    def rows(self) -> Iterator[Row]:
        """All rows, in the order in which they are shown."""
        for pair in self.pairs:
            yield pair.cascade
            yield pair.flat
        yield self.always_normal

    @property
    def incomplete(self) -> bool:
        """A run is missing or failed that could be had."""
        return any(problem.mendable for row in self.rows() for problem in row.problems)


@dataclass(frozen=True, kw_only=True)
class Collected:
    """The tables, and where there are too few runs for one.

    Attributes:
        tables: by data source, split and image size.
        without_table: a line for each data set and split that has none.
    """

    tables: tuple[Table, ...]
    without_table: tuple[str, ...]


def collect(runs: Iterable[Run], *, splits: Path) -> Collected:
    """Judge every cascade that some runs make up, and the flat networks beside them.

    Args:
        runs: those that ended.
        splits: the folder of their split files (:attr:`bench.runs.store.Store.splits`).

    Raises:
        InputError: not one of them can be judged; the stages of a cascade rest on different
            data or splits; a test image was learned from; stored predictions are damaged.
    """
    tables, without = [], []
    for ground in gather(runs):
        finished = ground.first_finished()
        truth = read_truth(finished)
        if truth is None:
            without.append(_too_few(ground, finished))
        else:
            tables.append(_table(ground, truth, splits))
    if not tables:
        why = "; ".join(without) or f"there is no run of {', '.join(CASCADE_TASKS)}"
        raise InputError(f"no cascade to judge: {why}; bench cascade MODEL trains what is missing")
    tables.sort(key=lambda t: (t.data.source, t.data.split.name, t.data.image_size or 0))
    return Collected(tables=tuple(tables), without_table=tuple(without))


def _too_few(ground: Ground, finished: Mapping[str, Run]) -> str:
    data = ground.data
    where = f"{data.source}, split {data.split.name}, {data.image_size} px"
    return f"{where}: finished are only runs of {', '.join(sorted(finished)) or 'no task'}"


def _table(ground: Ground, truth: Truth, splits: Path) -> Table:
    separation = read_separation(splits, ground.data)
    texts = captions([entrant.cell for entrant in ground.entrants])
    pairs = [
        Pair(
            cascade=_row("cascade", entrant, text, truth, separation),
            flat=_row("flat", entrant, text, truth, separation),
        )
        for entrant, text in zip(ground.entrants, texts, strict=True)
    ]
    pairs.sort(key=_order)
    answers = answer_always_normal(truth)
    return Table(
        data=ground.data,
        separation=separation,
        truth=truth,
        pairs=tuple(pairs),
        always_normal=Row(
            system="always normal", answers={0: answers}, **_over_seeds([score(answers, truth)])
        ),
    )


def _order(pair: Pair) -> tuple[bool, float, str, str, str]:
    row = pair.cascade
    auc = row.figures["auc"].mean if row.figures else math.nan
    falling = math.inf if math.isnan(auc) else -auc
    return row.kind == "control", falling, row.model, row.loss, row.settings


def _row(
    system: Literal["cascade", "flat"],
    entrant: Entrant,
    settings: str,
    truth: Truth,
    separation: Separation,
) -> Row:
    tasks = STAGES if system == "cascade" else (FLAT,)
    answers: dict[int, Answers] = {}
    problems: list[Problem] = []
    training_images: dict[str, int] = {}
    for seed, runs in sorted(entrant.by_seed.items()):
        if problem := _problem(seed, runs, tasks):
            problems.append(problem)
            continue
        answers[seed] = (
            answer_by_cascade(runs, truth, separation=separation)
            if system == "cascade"
            else answer_flat(runs[FLAT], truth, separation=separation)
        )
        training_images = training_images or {
            task: runs[task].data.parts["train"].images for task in tasks
        }
    cell = entrant.cell
    return Row(
        system=system,
        kind=cell.kind,
        model=cell.model,
        loss=cell.loss,
        weights=weights(cell),
        settings=settings,
        answers=answers,
        training_images=training_images,
        problems=tuple(problems),
        **_over_seeds([score(one, truth) for one in answers.values()]),
    )


def _problem(seed: int, runs: Mapping[str, Run], tasks: Sequence[str]) -> Problem | None:
    reasons, mendable = [], False
    for task in tasks:
        if task not in runs:
            reasons.append(f"{task} has no run that ended")
            mendable = True
        elif (outcome := runs[task].outcome).state == "failed":
            reasons.append(f"{task} failed ({outcome.reason})")
            mendable = True
        elif outcome.state == "unavailable":
            reasons.append(f"{task} is not available ({outcome.reason})")
    if not reasons:
        return None
    return Problem(seed=seed, reason=", ".join(reasons), mendable=mendable)


def _over_seeds(scores: Sequence[Scores]) -> dict[str, Any]:
    if not scores:
        return {}
    findings = {
        name: tuple(
            Figure.over(list(values))
            for values in zip(*(one.findings[name] for one in scores), strict=True)
        )
        for name in PER_FINDING
    }
    figures = {name: Figure.over([one.overall[name] for one in scores]) for name in OVERALL}
    return {"figures": figures, "findings": findings}
