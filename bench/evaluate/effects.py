"""The effect of each setting that a question asks about, with everything else equal.

An effect is the test AUC at one level less that at the reference, averaged over the *contexts*:
the combinations of everything else (model, loss, other settings) in which both were run, with the
seeds that both have. Where the test images are the same, the difference is paired; where they
differ, as between two ways of splitting, the two sides are independent. The variance over seeds is
pooled over all networks of the question (:mod:`bench.evaluate.seeds`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.config import Factor
from bench.data.description import DataRecord
from bench.evaluate.auc import Auc, difference, mean_of
from bench.evaluate.design import NOT_APPLICABLE, Design, Point, find_designs, level_text
from bench.evaluate.question_result import (
    ContextResult,
    FactorResult,
    Interaction,
    LevelEffect,
    LevelResult,
    QuestionResult,
)
from bench.evaluate.scorer import Scorer
from bench.evaluate.seeds import Runs, pooled
from bench.runs.cells import concerns_controls
from bench.runs.records import ExperimentRecord
from bench.runs.run import Run

Context = Point
"""The levels of all keys but a factor's."""
Contexts = Mapping[Context, Mapping[str, Point]]
"""Points by everything but a factor's key, and then by their level of it."""


def answer_questions(
    runs: Iterable[Run], recorded: Iterable[ExperimentRecord], *, scorer: Scorer | None = None
) -> list[QuestionResult]:
    """The effects of the settings that each experiment with a question varies."""
    scorer = scorer or Scorer()
    return [_Effects(design, scorer).answer() for design in find_designs(runs, recorded)]


@dataclass(frozen=True, kw_only=True)
class _Contrast:
    """A level against the reference in one context.

    ``learned``: whether one of the two networks is shown to be above the best control of its
    data; None where no control tells.
    """

    effect: Auc
    seeds: int
    same_images: bool
    learned: bool | None


Contrasts = Mapping[str, Mapping[Context, _Contrast]]
"""Contrasts with the reference by level and context."""


class _Effects:
    """The effects in one design, from the AUCs of its runs."""

    def __init__(self, design: Design, scorer: Scorer) -> None:
        self.design = design
        self.scorer = scorer
        self.runs = design.networks | {point: {0: run} for point, run in design.controls.items()}
        rows = [
            Runs.of([scorer.leading(run).auc for run in by_seed.values()])
            for by_seed in self.runs.values()
        ]
        self.spreads = dict(zip(self.runs, pooled(rows), strict=True))
        # The control that is best on the validation part, by the label of its data.
        self.best_controls: dict[str, Point] = {}
        for point in sorted(
            design.controls,
            key=lambda point: -scorer.leading(design.controls[point]).validation,
        ):
            self.best_controls.setdefault(design.data_label(point), point)

    def answer(self) -> QuestionResult:
        design, factors = self.design, self.design.question.factors
        runs = [run for by_seed in design.networks.values() for run in by_seed.values()]
        problem = design.problem or ("" if runs else "no network of it has finished")
        data: dict[tuple[str, str], DataRecord] = {}
        for point, by_seed in design.networks.items():
            for run in by_seed.values():
                data.setdefault((self.images(point), run.data.task), run.data)
        data_labels = dict.fromkeys(map(design.data_label, design.networks))
        return QuestionResult(
            experiment=design.name,
            question=design.question,
            factors=tuple(
                self.factor(factor, factors[k + 1 :])
                for k, factor in enumerate(() if problem else factors)
            ),
            keys=design.keys,
            cells=tuple(run.cell for run in runs),
            data=tuple(data.values()),
            notes=_notes(design),
            seeds=tuple(sorted({run.cell.seed for run in runs})),
            best_controls={
                data: (point[0], self.auc(point).value)
                for data, point in self.best_controls.items()
            },
            without_controls=tuple(each for each in data_labels if each not in self.best_controls),
            not_above_controls=tuple(
                design.label(point) for point in design.networks if self.learned(point) is False
            ),
            gaps=tuple(design.gaps),
            problem=problem,
        )

    def auc(self, point: Point, seeds: Iterable[int] | None = None) -> Auc:
        """The mean AUC over all seeds of a point, or over some of them."""
        runs = self.runs[point]
        chosen = runs if seeds is None else seeds
        aucs = [self.scorer.leading(runs[seed]).auc for seed in chosen]
        return Runs.of(aucs).auc(self.spreads[point])

    def learned(self, point: Point) -> bool | None:
        """Whether a network is shown to be above the best control of its data.

        None where there is no control, and of a control itself.
        """
        best = self.best_controls.get(self.design.data_label(point))
        if point in self.design.controls or best is None:
            return None
        return difference(self.auc(point), self.auc(best)).interval().low > 0.0

    def images(self, point: Point) -> str:
        """A digest of the test images, which are the same for all seeds."""
        return self.scorer.leading(next(iter(self.runs[point].values()))).images

    def factor(self, factor: Factor, later: Sequence[Factor]) -> FactorResult:
        """The effects of one factor, and its interactions with the later ones."""
        design, reference = self.design, level_text(factor.reference)
        at = design.keys.index(factor.key)
        other_keys = (*design.keys[:at], *design.keys[at + 1 :])
        contexts = _contexts(design.networks, at)
        contrasts = self.contrasts(contexts, reference)
        controls = _contexts(design.controls if concerns_controls(factor.key) else (), at)
        levels = {}
        for level in design.levels[factor.key]:
            points = [points[level] for points in contexts.values() if level in points]
            if points:
                levels[level] = self.level(points, list(contrasts.get(level, {}).values()))
        interactions = [
            _interaction(contrasts.get(level, {}), level, other, other_keys.index(other.key))
            for other in later
            if other.key != factor.key
            for level in levels
        ]
        return FactorResult(
            key=factor.key,
            reference=reference,
            levels=levels,
            contexts=self.by_context(contexts, contrasts, other_keys),
            controls=self.by_context(controls, self.contrasts(controls, reference), other_keys),
            interactions=tuple(each for each in interactions if each),
        )

    def contrasts(self, contexts: Contexts, reference: str) -> Contrasts:
        """By level and context, wherever both the level and the reference were run."""
        contrasts: defaultdict[str, dict[Context, _Contrast]] = defaultdict(dict)
        for context, points in contexts.items():
            base = points.get(reference)
            for level, point in points.items():
                if base is None or level == reference:
                    continue
                seeds = sorted(self.runs[point].keys() & self.runs[base].keys())
                if seeds:
                    contrasts[level][context] = _Contrast(
                        effect=difference(self.auc(point, seeds), self.auc(base, seeds)),
                        seeds=len(seeds),
                        same_images=self.images(point) == self.images(base),
                        learned=_any([self.learned(point), self.learned(base)]),
                    )
        return contrasts

    def by_context(
        self, contexts: Contexts, contrasts: Contrasts, other_keys: Sequence[str]
    ) -> tuple[ContextResult, ...]:
        results = []
        for context, points in contexts.items():
            scores = {}
            for level, point in points.items():
                contrast = contrasts.get(level, {}).get(context)
                scores[level] = self.level([point], [contrast] if contrast else [])
            named = dict(zip(other_keys, context, strict=True))
            results.append(ContextResult(context=named, scores=scores))
        return tuple(results)

    def level(self, points: Sequence[Point], contrasts: Sequence[_Contrast]) -> LevelResult:
        """The mean over the points of one level, and over its contrasts with the reference."""
        runs = [self.runs[point] for point in points]
        seeds = [len(by_seed) for by_seed in runs]
        images = {next(iter(by_seed.values())).data.parts["train"].images for by_seed in runs}
        return LevelResult(
            auc=mean_of([self.auc(point) for point in points]).interval(),
            contexts=len(points),
            seeds=(min(seeds), max(seeds)),
            train_images=images.pop() if len(images) == 1 else None,
            not_above_controls=sum(self.learned(point) is False for point in points),
            comparison=_level_effect(contrasts) if contrasts else None,
        )


def _level_effect(contrasts: Sequence[_Contrast]) -> LevelEffect:
    seeds = [contrast.seeds for contrast in contrasts]
    return LevelEffect(
        effect=mean_of([contrast.effect for contrast in contrasts]).interval(),
        contexts=len(contrasts),
        seeds=(min(seeds), max(seeds)),
        same_images=all(contrast.same_images for contrast in contrasts),
        judged=sum(contrast.learned is not None for contrast in contrasts),
        learned=sum(contrast.learned is True for contrast in contrasts),
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


def _contexts(points: Iterable[Point], at: int) -> Contexts:
    """The points that a key concerns, which is at some position of them."""
    contexts: defaultdict[Context, dict[str, Point]] = defaultdict(dict)
    for point in points:
        if point[at] != NOT_APPLICABLE:
            contexts[point[:at] + point[at + 1 :]][point[at]] = point
    return contexts


def _interaction(
    contrasts: Mapping[Context, _Contrast], level: str, other: Factor, at: int
) -> Interaction | None:
    """The effect of a level at the other factor's reference less its effect elsewhere.

    None where the level was not run both there and elsewhere.

    Args:
        at: position of its key in a context.
    """
    reference = level_text(other.reference)
    here, elsewhere = [], []
    for context, contrast in contrasts.items():
        if context[at] == reference:
            here.append(contrast)
        elif context[at] != NOT_APPLICABLE:
            elsewhere.append(contrast)
    if not here or not elsewhere:
        return None
    sides = [mean_of([contrast.effect for contrast in side]) for side in (here, elsewhere)]
    learned = [_any([contrast.learned for contrast in side]) for side in (here, elsewhere)]
    return Interaction(
        level=level,
        key=other.key,
        reference=reference,
        here=sides[0].interval(),
        effect=difference(*sides).interval(),
        learned=False if False in learned else None if None in learned else True,
    )


def _any(values: Sequence[bool | None]) -> bool | None:
    """Whether any is true; None where that depends on one that is unknown."""
    return True if True in values else None if None in values else False
