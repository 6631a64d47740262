"""The effect of each thing that a question varies, with everything else equal.

An effect is the test AUC at one level less that at the reference, averaged over the *contexts*:
the combinations of everything else (model, loss, other settings) in which both were run, with the
seeds that both have. Where the test images are the same, both are resampled alike
(:mod:`bench.evaluate.bootstrap`); where they differ, as between two ways of splitting, each for
itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.config import Factor
from bench.data.description import DataRecord
from bench.evaluate.design import (
    NOT_APPLICABLE,
    Design,
    Point,
    find_designs,
    level_text,
)
from bench.evaluate.estimate import Estimate, Interval, difference, mean_of
from bench.evaluate.measures import leading
from bench.evaluate.question_result import (
    Answer,
    Comparison,
    ContextScores,
    FactorAnswer,
    Interaction,
    Score,
)
from bench.evaluate.scorer import Scorer
from bench.runs.cells import concerns_controls
from bench.runs.records import ExperimentRecord
from bench.runs.run import Run


def answer_questions(
    runs: Iterable[Run], recorded: Iterable[ExperimentRecord], *, scorer: Scorer | None = None
) -> list[Answer]:
    """An answer for each experiment with a question.

    Args:
        runs: those that ended.
        recorded: the experiments that were run.
        scorer: of all runs.

    Raises:
        InputError: predictions are gone or damaged.
    """
    judge = _Judge(scorer or Scorer())
    return [_answer(design, judge) for design in find_designs(runs, recorded)]


class _Judge:
    """What is needed of each run."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.resamples = scorer.resampling.resamples

    def auc(self, run: Run) -> Estimate:
        return self._scorer.score(run).figures[leading(run.outputs)]

    def images(self, run: Run) -> str:
        """A digest of the test images."""
        return self._scorer.score(run).images

    def over_seeds(self, runs: Mapping[int, Run], seeds: Iterable[int]) -> Estimate:
        return self._scorer.resampling.over_seeds({seed: self.auc(runs[seed]) for seed in seeds})


def _answer(design: Design, judge: _Judge) -> Answer:
    table = _Table(design, judge)
    runs = [run for by_seed in design.networks.values() for run in by_seed.values()]
    asked: dict[tuple[str, str], DataRecord] = {}
    for run in runs:
        asked.setdefault((judge.images(run), run.data.task), run.data)
    problem = design.problem or ("" if runs else "no network of it has finished")
    return Answer(
        experiment=design.name,
        question=design.question,
        factors=()
        if problem
        else tuple(_factor(table, place) for place in range(len(design.question.factors))),
        keys=design.keys,
        cells=tuple(run.cell for run in runs),
        data=tuple(asked.values()),
        notes=_notes(table),
        seeds=tuple(sorted({run.cell.seed for run in runs})),
        resamples=judge.resamples,
        best_controls={table.data_label(data): best for data, best in table.best_controls.items()},
        without_controls=table.without_controls(),
        not_above_controls=tuple(
            design.label(point) for point in design.networks if table.learned(point) is False
        ),
        gaps=tuple(design.gaps),
        problem=problem,
    )


def _notes(table: _Table) -> tuple[str, ...]:
    """What is noted of the data: of all of them first, then of some levels, with their names."""
    by_level: dict[str, dict[str, None]] = {}
    for point, by_seed in table.design.networks.items():
        notes = [note for run in by_seed.values() for note in run.data.notes]
        by_level.setdefault(table.label_of_data(point), {}).update(dict.fromkeys(notes))
    every = {note: None for notes in by_level.values() for note in notes}
    shared = [note for note in every if all(note in notes for notes in by_level.values())]
    own = [
        f"{note} ({level})"
        for level, notes in by_level.items()
        for note in notes
        if note not in shared
    ]
    return (*shared, *own)


class _Table:
    """The AUCs of a design's networks and controls, by point."""

    def __init__(self, design: Design, judge: _Judge) -> None:
        self.design = design
        self.runs = design.networks | {point: {0: run} for point, run in design.controls.items()}
        self.best_controls: dict[Point, tuple[str, float]] = {}
        self._judge = judge
        for point, run in design.controls.items():
            value = judge.auc(run).value
            if value > self.best_controls.get(self._data(point), ("", -math.inf))[1]:
                self.best_controls[self._data(point)] = (run.cell.model, value)

    def auc(self, point: Point, seeds: Iterable[int] | None = None) -> Estimate:
        """Mean over the seeds that there are, or over some of them."""
        runs = self.runs[point]
        return self._judge.over_seeds(runs, runs if seeds is None else seeds)

    def learned(self, point: Point) -> bool | None:
        """Whether a network is above the best control of its data; a tie is not above.

        None where there is no control, and of a control itself.
        """
        if point in self.design.controls or self._data(point) not in self.best_controls:
            return None
        _, best = self.best_controls[self._data(point)]
        return self.auc(point).value > best

    def without_controls(self) -> tuple[str, ...]:
        """The levels of the networks' data on which no control has finished."""
        levels = dict.fromkeys(map(self._data, self.design.networks))
        return tuple(self.data_label(data) for data in levels if data not in self.best_controls)

    def images(self, point: Point) -> str:
        """What tells one set of test images from another."""
        return self._judge.images(_any(self.runs[point]))

    def train_images(self, point: Point) -> int:
        return int(_any(self.runs[point]).data.parts["train"].images)

    def data_label(self, data: Point) -> str:
        """``data.image_size=512``; "" where no key of the data is varied."""
        keys = filter(concerns_controls, self.design.keys)
        return ", ".join(f"{key}={level}" for key, level in zip(keys, data, strict=True))

    def label_of_data(self, point: Point) -> str:
        """:meth:`data_label` of the data of a network."""
        return self.data_label(self._data(point))

    def _data(self, point: Point) -> Point:
        """The levels of the keys that concern the controls."""
        keys = self.design.keys
        return tuple(
            level for key, level in zip(keys, point, strict=True) if concerns_controls(key)
        )


def _any(runs: Mapping[int, Run]) -> Run:
    return next(iter(runs.values()))


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A level and the reference in one context."""

    effect: Estimate
    seeds: int
    same_images: bool
    learned: bool | None  # None where no control can tell


Context = Point
"""The levels of all keys but a factor's."""


def _factor(table: _Table, place: int) -> FactorAnswer:
    design = table.design
    factor = design.question.factors[place]
    at, reference = design.keys.index(factor.key), level_text(factor.reference)
    networks = _contexts(design.networks, at)
    pairs = _pairs(table, networks, reference)
    controls = _contexts(design.controls if concerns_controls(factor.key) else (), at)
    levels = [
        level
        for level in design.levels[factor.key]
        if any(level in points for points in networks.values())
    ]
    return FactorAnswer(
        key=factor.key,
        reference=reference,
        levels={
            level: _score(
                table,
                [points[level] for points in networks.values() if level in points],
                list(pairs[level].values()),
            )
            for level in levels
        },
        contexts=_by_context(table, networks, pairs, at),
        controls=_by_context(table, controls, _pairs(table, controls, reference), at),
        interactions=tuple(
            interaction
            for other in design.question.factors[place + 1 :]
            if other.key != factor.key
            for level in levels
            for interaction in _interactions(design, pairs[level], level, at, other)
        ),
    )


def _contexts(points: Iterable[Point], at: int) -> dict[Context, dict[str, Point]]:
    """Points by everything but one key, and then by their level of it, where it concerns them."""
    contexts: defaultdict[Context, dict[str, Point]] = defaultdict(dict)
    for point in points:
        if point[at] != NOT_APPLICABLE:
            contexts[point[:at] + point[at + 1 :]][point[at]] = point
    return dict(contexts)


def _pairs(
    table: _Table, contexts: Mapping[Context, Mapping[str, Point]], reference: str
) -> defaultdict[str, dict[Context, _Pair]]:
    """By level and context, wherever both the level and the reference were run."""
    pairs: defaultdict[str, dict[Context, _Pair]] = defaultdict(dict)
    for context, points in contexts.items():
        for level, point in points.items():
            if level == reference or reference not in points:
                continue
            other = points[reference]
            seeds = sorted(table.runs[point].keys() & table.runs[other].keys())
            if seeds:
                pairs[level][context] = _Pair(
                    effect=difference(table.auc(point, seeds), table.auc(other, seeds)),
                    seeds=len(seeds),
                    same_images=table.images(point) == table.images(other),
                    learned=_either(table.learned(point), table.learned(other)),
                )
    return pairs


def _either(one: bool | None, other: bool | None) -> bool | None:
    """Whether one of two is true; None where that hangs on one that is not known."""
    if one or other:
        return True
    return None if None in (one, other) else False


def _by_context(
    table: _Table,
    contexts: Mapping[Context, Mapping[str, Point]],
    pairs: Mapping[str, Mapping[Context, _Pair]],
    at: int,
) -> tuple[ContextScores, ...]:
    keys = table.design.keys
    found = []
    for context, points in contexts.items():
        here = {level: pairs.get(level, {}).get(context) for level in points}
        found.append(
            ContextScores(
                context=dict(zip((*keys[:at], *keys[at + 1 :]), context, strict=True)),
                scores={
                    level: _score(table, [point], [pair] if (pair := here[level]) else [])
                    for level, point in points.items()
                },
            )
        )
    return tuple(found)


def _score(table: _Table, points: Sequence[Point], pairs: Sequence[_Pair]) -> Score:
    images = {table.train_images(point) for point in points}
    return Score(
        auc=Interval.of(mean_of([table.auc(point) for point in points])),
        contexts=len(points),
        seeds=_range(len(table.runs[point]) for point in points),
        train_images=images.pop() if len(images) == 1 else None,
        not_above_controls=sum(table.learned(point) is False for point in points),
        comparison=Comparison(
            effect=Interval.of(mean_of([pair.effect for pair in pairs])),
            contexts=len(pairs),
            seeds=_range(pair.seeds for pair in pairs),
            same_images=all(pair.same_images for pair in pairs),
            judged=sum(pair.learned is not None for pair in pairs),
            learned=sum(pair.learned is True for pair in pairs),
        )
        if pairs
        else None,
    )


def _range(counts: Iterable[int]) -> tuple[int, int]:
    listed = list(counts)
    return min(listed), max(listed)


def _interactions(
    design: Design, pairs: Mapping[Context, _Pair], level: str, at: int, other: Factor
) -> list[Interaction]:
    """Nothing where the level was not run both at the other factor's reference and elsewhere."""
    keys = (*design.keys[:at], *design.keys[at + 1 :])
    there, reference = keys.index(other.key), level_text(other.reference)
    here = [pair for context, pair in pairs.items() if context[there] == reference]
    elsewhere = [
        pair for context, pair in pairs.items() if context[there] not in (reference, NOT_APPLICABLE)
    ]
    if not here or not elsewhere:
        return []
    effects = [mean_of([pair.effect for pair in side]) for side in (here, elsewhere)]
    sides = [_any_learned(side) for side in (here, elsewhere)]
    return [
        Interaction(
            level=level,
            key=other.key,
            reference=reference,
            here=Interval.of(effects[0]),
            effect=Interval.of(difference(*effects)),
            learned=False if False in sides else (None if None in sides else True),
        )
    ]


def _any_learned(pairs: Iterable[_Pair]) -> bool | None:
    """Whether it is known of a network that it learned; None where no control can tell."""
    learned = [pair.learned for pair in pairs]
    # One that is unknown may have learned.
    return True if True in learned else (None if None in learned else False)
