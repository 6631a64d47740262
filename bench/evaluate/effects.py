"""The effect of each setting that a question asks about, with everything else equal.

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
from bench.evaluate.design import NOT_APPLICABLE, Design, Point, find_designs, level_text
from bench.evaluate.estimate import Estimate, Interval, difference, mean_of
from bench.evaluate.question_result import (
    ContextResult,
    FactorResult,
    Interaction,
    LevelEffect,
    LevelResult,
    QuestionResult,
)
from bench.evaluate.scorer import Scorer
from bench.runs.cells import concerns_controls
from bench.runs.records import ExperimentRecord
from bench.runs.run import Run

Context = Point
"""The levels of all keys but a factor's."""


def answer_questions(
    runs: Iterable[Run], recorded: Iterable[ExperimentRecord], *, scorer: Scorer | None = None
) -> list[QuestionResult]:
    """The effects of the settings that each experiment with a question varies.

    Args:
        runs: those that ended.
        recorded: the experiments that were run.
        scorer: of all runs.

    Raises:
        InputError: predictions are gone or damaged.
    """
    scorer = scorer or Scorer()
    return [_answer(_ScoredDesign(design, scorer)) for design in find_designs(runs, recorded)]


class _ScoredDesign:
    """A design with the AUCs of its runs.

    Attributes:
        design: the design.
        runs: its networks and controls, by point and seed.
        resamples: how many an interval rests on.
        best_controls: name and AUC of the best control by the label of its data.
    """

    def __init__(self, design: Design, scorer: Scorer) -> None:
        self.design = design
        self.runs = design.networks | {point: {0: run} for point, run in design.controls.items()}
        self.resamples = scorer.resampling.resamples
        self._scorer = scorer
        self.best_controls: dict[str, tuple[str, float]] = {}
        for point in design.controls:
            data, value = design.data_label(point), self.auc(point).value
            if value > self.best_controls.get(data, ("", -math.inf))[1]:
                self.best_controls[data] = (point[0], value)

    def auc(self, point: Point, seeds: Iterable[int] | None = None) -> Estimate:
        """The mean AUC over all seeds of a point, or over some of them."""
        runs = self.runs[point]
        by_seed = {
            seed: self._scorer.leading(runs[seed]).figure
            for seed in (runs if seeds is None else seeds)
        }
        return self._scorer.resampling.over_seeds(by_seed)

    def learned(self, point: Point) -> bool | None:
        """Whether a network is above the best control of its data; a tie is not above.

        None where there is no control, and of a control itself.
        """
        best = self.best_controls.get(self.design.data_label(point))
        if point in self.design.controls or best is None:
            return None
        return self.auc(point).value > best[1]

    def images(self, point: Point) -> str:
        """A digest of the test images, which are the same for all seeds."""
        return self._scorer.leading(next(iter(self.runs[point].values()))).images

    def train_images(self, point: Point) -> int:
        """Number of images that the networks of a point learned from."""
        return next(iter(self.runs[point].values())).data.parts["train"].images


@dataclass(frozen=True, kw_only=True)
class _Contrast:
    """A level against the reference in one context; ``learned`` as :class:`LevelEffect` has it."""

    effect: Estimate
    seeds: int
    same_images: bool
    learned: bool | None


def _answer(scored: _ScoredDesign) -> QuestionResult:
    design = scored.design
    runs = [run for by_seed in design.networks.values() for run in by_seed.values()]
    problem = design.problem or ("" if runs else "no network of it has finished")
    factors = design.question.factors
    data: dict[tuple[str, str], DataRecord] = {}
    for point, by_seed in design.networks.items():
        for run in by_seed.values():
            data.setdefault((scored.images(point), run.data.task), run.data)
    data_labels = dict.fromkeys(map(design.data_label, design.networks))
    return QuestionResult(
        experiment=design.name,
        question=design.question,
        factors=()
        if problem
        else tuple(_factor(scored, factor, factors[k + 1 :]) for k, factor in enumerate(factors)),
        keys=design.keys,
        cells=tuple(run.cell for run in runs),
        data=tuple(data.values()),
        notes=_notes(design),
        seeds=tuple(sorted({run.cell.seed for run in runs})),
        resamples=scored.resamples,
        best_controls=scored.best_controls,
        without_controls=tuple(each for each in data_labels if each not in scored.best_controls),
        not_above_controls=tuple(
            design.label(point) for point in design.networks if scored.learned(point) is False
        ),
        gaps=tuple(design.gaps),
        problem=problem,
    )


def _notes(design: Design) -> tuple[str, ...]:
    """The notes on all data first, then those on some levels of it, with their names."""
    by_level: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for point, by_seed in design.networks.items():
        notes = [note for run in by_seed.values() for note in run.data.notes]
        by_level[design.data_label(point)].update(dict.fromkeys(notes))
    every = dict.fromkeys(note for notes in by_level.values() for note in notes)
    shared = [note for note in every if all(note in notes for notes in by_level.values())]
    own = [
        f"{note} ({level})"
        for level, notes in by_level.items()
        for note in notes
        if note not in shared
    ]
    return (*shared, *own)


def _factor(scored: _ScoredDesign, factor: Factor, later: Sequence[Factor]) -> FactorResult:
    """The effects of one factor, and its interactions with the later ones."""
    design, reference = scored.design, level_text(factor.reference)
    at = design.keys.index(factor.key)
    other_keys = (*design.keys[:at], *design.keys[at + 1 :])
    contexts = _contexts(design.networks, at)
    contrasts = _contrasts(scored, contexts, reference)
    controls = _contexts(design.controls if concerns_controls(factor.key) else (), at)
    levels = {}
    for level in design.levels[factor.key]:
        points = [points[level] for points in contexts.values() if level in points]
        if points:
            levels[level] = _score(scored, points, list(contrasts[level].values()))
    interactions = [
        _interaction(contrasts[level], level, other, other_keys.index(other.key))
        for other in later
        if other.key != factor.key
        for level in levels
    ]
    return FactorResult(
        key=factor.key,
        reference=reference,
        levels=levels,
        contexts=_by_context(scored, contexts, contrasts, other_keys),
        controls=_by_context(scored, controls, _contrasts(scored, controls, reference), other_keys),
        interactions=tuple(each for each in interactions if each),
    )


def _contexts(points: Iterable[Point], at: int) -> dict[Context, dict[str, Point]]:
    """Points by everything but one key, and then by their level of it, where it concerns them."""
    contexts: defaultdict[Context, dict[str, Point]] = defaultdict(dict)
    for point in points:
        if point[at] != NOT_APPLICABLE:
            contexts[point[:at] + point[at + 1 :]][point[at]] = point
    return dict(contexts)


def _contrasts(
    scored: _ScoredDesign, contexts: Mapping[Context, Mapping[str, Point]], reference: str
) -> defaultdict[str, dict[Context, _Contrast]]:
    """By level and context, wherever both the level and the reference were run."""
    contrasts: defaultdict[str, dict[Context, _Contrast]] = defaultdict(dict)
    for context, points in contexts.items():
        for level, point in points.items():
            if level == reference or reference not in points:
                continue
            base = points[reference]
            seeds = sorted(scored.runs[point].keys() & scored.runs[base].keys())
            if seeds:
                contrasts[level][context] = _Contrast(
                    effect=difference(scored.auc(point, seeds), scored.auc(base, seeds)),
                    seeds=len(seeds),
                    same_images=scored.images(point) == scored.images(base),
                    learned=_any([scored.learned(point), scored.learned(base)]),
                )
    return contrasts


def _by_context(
    scored: _ScoredDesign,
    contexts: Mapping[Context, Mapping[str, Point]],
    contrasts: Mapping[str, Mapping[Context, _Contrast]],
    other_keys: Sequence[str],
) -> tuple[ContextResult, ...]:
    return tuple(
        ContextResult(
            context=dict(zip(other_keys, context, strict=True)),
            scores={
                level: _score(
                    scored,
                    [point],
                    [contrasts[level][context]] if context in contrasts.get(level, {}) else [],
                )
                for level, point in points.items()
            },
        )
        for context, points in contexts.items()
    )


def _score(
    scored: _ScoredDesign, points: Sequence[Point], contrasts: Sequence[_Contrast]
) -> LevelResult:
    """The mean over the points of one level, and over its contrasts with the reference."""
    images = {scored.train_images(point) for point in points}
    seeds = [len(scored.runs[point]) for point in points]
    return LevelResult(
        auc=Interval.of(mean_of([scored.auc(point) for point in points])),
        contexts=len(points),
        seeds=(min(seeds), max(seeds)),
        train_images=images.pop() if len(images) == 1 else None,
        not_above_controls=sum(scored.learned(point) is False for point in points),
        comparison=_comparison(contrasts) if contrasts else None,
    )


def _comparison(contrasts: Sequence[_Contrast]) -> LevelEffect:
    seeds = [contrast.seeds for contrast in contrasts]
    return LevelEffect(
        effect=Interval.of(mean_of([contrast.effect for contrast in contrasts])),
        contexts=len(contrasts),
        seeds=(min(seeds), max(seeds)),
        same_images=all(contrast.same_images for contrast in contrasts),
        judged=sum(contrast.learned is not None for contrast in contrasts),
        learned=sum(contrast.learned is True for contrast in contrasts),
    )


def _interaction(
    contrasts: Mapping[Context, _Contrast], level: str, other: Factor, at: int
) -> Interaction | None:
    """The effect of a level at the other factor's reference less its effect elsewhere.

    None where the level was not run both there and elsewhere.

    Args:
        contrasts: of the level.
        level: the level.
        other: the other factor.
        at: position of its key in a context.
    """
    reference = level_text(other.reference)
    here = [contrast for context, contrast in contrasts.items() if context[at] == reference]
    elsewhere = [
        contrast
        for context, contrast in contrasts.items()
        if context[at] not in (reference, NOT_APPLICABLE)
    ]
    if not here or not elsewhere:
        return None
    sides = [mean_of([contrast.effect for contrast in side]) for side in (here, elsewhere)]
    learned = [_any([contrast.learned for contrast in side]) for side in (here, elsewhere)]
    return Interaction(
        level=level,
        key=other.key,
        reference=reference,
        here=Interval.of(sides[0]),
        effect=Interval.of(difference(*sides)),
        learned=_all(learned),
    )


def _any(values: Sequence[bool | None]) -> bool | None:
    """Whether any is true; None where that depends on one that is unknown."""
    return True if True in values else (None if None in values else False)


def _all(values: Sequence[bool | None]) -> bool | None:
    """Whether all are true; None where that depends on one that is unknown."""
    return False if False in values else (None if None in values else True)
