"""What an answer is made of."""

from __future__ import annotations

from dataclasses import dataclass

from bench.config import Question
from bench.data.description import DataRecord
from bench.evaluate.estimate import Interval
from bench.runs.cells import Cell


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A level against the reference.

    Attributes:
        effect: AUC of the level less that of the reference, averaged over the contexts.
        contexts: in how many contexts both were run.
        seeds: fewest and most seeds that both have in a context.
        same_images: both were judged on the same test images.
        judged: in how many of the contexts it is known whether a network learned more than the
            controls; there is no knowing without a control.
        learned: in how many of these at least one of the networks compared is above the best
            control of its data.
    """

    effect: Interval
    contexts: int
    seeds: tuple[int, int]
    same_images: bool
    judged: int
    learned: int


@dataclass(frozen=True, kw_only=True)
class Score:
    """What was reached at a level: in one context, or on average over those that have it.

    Attributes:
        auc: test AUC (macro over the findings, where there are several), mean over the seeds.
        contexts: how many.
        seeds: fewest and most seeds of a context.
        train_images: how many images were learned from; None where the contexts differ in it.
        not_above_controls: in how many contexts the network is not above the best control of its
            data; those without a control are not counted, and of a control it is none.
        comparison: None for the reference, and where no context has both.
    """

    auc: Interval
    contexts: int
    seeds: tuple[int, int]
    train_images: int | None
    not_above_controls: int
    comparison: Comparison | None


@dataclass(frozen=True, kw_only=True)
class ContextScores:
    """One network, or control, at all levels with everything else equal.

    Attributes:
        context: the levels of the other keys.
        scores: by level; those without a finished run are left out, and are among the gaps.
    """

    context: dict[str, str]
    scores: dict[str, Score]


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """Whether an effect depends on another factor.

    Attributes:
        level: whose effect.
        key, reference: the other factor, and its reference.
        here: the mean effect of the level at that reference.
        effect: that less its mean effect elsewhere.
        learned: both at that reference and elsewhere at least one of the networks compared is
            above the best control of its data; None where there is no control to tell.
    """

    level: str
    key: str
    reference: str
    here: Interval
    effect: Interval
    learned: bool | None


@dataclass(frozen=True, kw_only=True)
class FactorAnswer:
    """What one factor does.

    Attributes:
        key: the factor.
        reference: the level that the others are compared with.
        levels: averaged over the contexts, by level, those without a finished run left out.
        contexts: each context for itself.
        controls: the controls, where the factor changes their data.
        interactions: with the question's later factors.
    """

    key: str
    reference: str
    levels: dict[str, Score]
    contexts: tuple[ContextScores, ...]
    controls: tuple[ContextScores, ...]
    interactions: tuple[Interaction, ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the runs of an experiment say about its question.

    Attributes:
        experiment: its name.
        question: what it asks.
        factors: in the order of the question; empty where there is a problem.
        keys: ``model``, ``loss`` and what the experiment varies.
        cells: of the networks behind the answer.
        data: the data of a run on each distinct set of test images.
        notes: facts on the data; those on some levels of them alone say on which.
        seeds: of the networks behind the answer.
        resamples: how many an interval rests on.
        best_controls: for each level of the data that the experiment varies ("" where it varies
            none), the best control and its AUC; levels on which none has finished are left out.
        without_controls: these levels.
        not_above_controls: the networks that are not above the best control of their data.
        gaps: runs that should be here and are not, with the reason.
        problem: why there is no answer; "" where there is one.
    """

    experiment: str
    question: Question
    factors: tuple[FactorAnswer, ...]
    keys: tuple[str, ...]
    cells: tuple[Cell, ...]
    data: tuple[DataRecord, ...]
    notes: tuple[str, ...]
    seeds: tuple[int, ...]
    resamples: int
    best_controls: dict[str, tuple[str, float]]
    without_controls: tuple[str, ...]
    not_above_controls: tuple[str, ...]
    gaps: tuple[str, ...]
    problem: str
