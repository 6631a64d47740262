"""The result of a question: effects of its factors, level by level and context by context."""

from __future__ import annotations

from dataclasses import dataclass

from bench.config import Question
from bench.data.description import DataRecord
from bench.evaluate.estimate import Interval
from bench.runs.cells import Cell


@dataclass(frozen=True, kw_only=True)
class LevelEffect:
    """A level against the reference.

    Attributes:
        effect: AUC of the level less that of the reference, averaged over the contexts.
        contexts: in how many contexts both were run.
        seeds: fewest and most seeds that both have in a context.
        judged: in how many of the contexts a control tells whether a network learned anything.
        learned: in how many of these a network of the two is above the best control of its data.
    """

    effect: Interval
    contexts: int
    seeds: tuple[int, int]
    same_images: bool
    judged: int
    learned: int


@dataclass(frozen=True, kw_only=True)
class LevelResult:
    """The AUC at a level, in one context or averaged over the contexts that have it.

    Attributes:
        auc: test AUC (macro over the findings, where there are several), mean over the seeds.
        seeds: fewest and most seeds of a context.
        train_images: how many images were learned from; None where the contexts differ in it.
        not_above_controls: in how many contexts the network is not shown to be above the best
            control.
        comparison: None for the reference, and where no context has both.
    """

    auc: Interval
    contexts: int
    seeds: tuple[int, int]
    train_images: int | None
    not_above_controls: int
    comparison: LevelEffect | None


@dataclass(frozen=True, kw_only=True)
class ContextResult:
    """One network, or control, at all levels of a factor with everything else equal.

    Attributes:
        scores: by level; levels without a finished run are left out, and are among the gaps.
    """

    context: dict[str, str]
    scores: dict[str, LevelResult]


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """Whether an effect depends on another factor.

    Attributes:
        here: the mean effect of the level at that reference.
        effect: that less its mean effect elsewhere.
        learned: both there and elsewhere a network is above the best control of its data; None
            where no control tells.
    """

    level: str
    key: str
    reference: str
    here: Interval
    effect: Interval
    learned: bool | None


@dataclass(frozen=True, kw_only=True)
class FactorResult:
    """The effects of one factor.

    Attributes:
        levels: averaged over the contexts, by level; levels without a finished run are left out.
        controls: the controls, where the factor changes their data.
        interactions: with the question's later factors.
    """

    key: str
    reference: str
    levels: dict[str, LevelResult]
    contexts: tuple[ContextResult, ...]
    controls: tuple[ContextResult, ...]
    interactions: tuple[Interaction, ...]


@dataclass(frozen=True, kw_only=True)
class QuestionResult:
    """Answer of an experiment's runs to its question.

    Attributes:
        factors: in the order of the question; empty where there is a problem.
        keys: ``model``, ``loss`` and what the experiment varies.
        data: the data of each distinct set of test images and task.
        notes: notes on the data; those on some levels of it alone name them.
        best_controls: name and AUC of the best control for each level of the data that the
            experiment varies ("" where it varies none), where one has finished.
        without_controls: the levels of the data on which none has finished.
        not_above_controls: the networks that are not shown to be above the best control of their
            data.
        problem: why there is no result; "" where there is one.
    """

    experiment: str
    question: Question
    factors: tuple[FactorResult, ...]
    keys: tuple[str, ...]
    cells: tuple[Cell, ...]
    data: tuple[DataRecord, ...]
    notes: tuple[str, ...]
    seeds: tuple[int, ...]
    best_controls: dict[str, tuple[str, float]]
    without_controls: tuple[str, ...]
    not_above_controls: tuple[str, ...]
    gaps: tuple[str, ...]
    problem: str
