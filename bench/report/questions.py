"""Sections on a question: tables of effects, conclusions and caveats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.evaluate.design import NOT_APPLICABLE
from bench.evaluate.estimate import LEVEL, Interval
from bench.evaluate.labels import key_name
from bench.evaluate.question_result import ContextResult, FactorResult, LevelResult, QuestionResult
from bench.evaluate.settings import compare
from bench.report import formatting as fmt
from bench.report.columns import Column, Section, TableCell
from bench.report.facts import training
from bench.report.sections import DAGGER, NONE
from bench.report.text import lines

# Fewer runs than this tell little about how much runs differ.
FEW_SEEDS = 5


@dataclass(frozen=True, kw_only=True)
class AnswerSections:
    """Everything that a report shows of an answer.

    Attributes:
        answer: the answer.
        resting_on, conclusions, caveats: sentences; empty where there is no answer.
        effects: tables of each factor.
        gaps: runs that are missing from the answer.
    """

    answer: QuestionResult
    resting_on: list[str]
    conclusions: list[str]
    caveats: list[str]
    effects: list[Section]
    gaps: list[str]


def answer_sections(answer: QuestionResult) -> AnswerSections:
    """Everything that a report shows of an answer.

    Args:
        answer: the answer.
    """
    known = not answer.problem
    return AnswerSections(
        answer=answer,
        resting_on=resting_on(answer) if known else [],
        conclusions=conclusions(answer) if known else [],
        caveats=caveats(answer) if known else [],
        effects=[section for factor in answer.factors for section in effects(factor)],
        gaps=[fmt.one_line(gap) for gap in answer.gaps],
    )


def resting_on(answer: QuestionResult) -> list[str]:
    """The data, the training, what an interval is, the best control."""
    # What differs is in the tables of the factors.
    shared = training(replace(compare(answer.cells), differing=frozenset()))
    return lines("question_facts", answer=answer, training=shared, percent=fmt.PERCENT)


def conclusions(answer: QuestionResult) -> list[str]:
    """A sentence or two for each level of each factor, and for each interaction.

    A difference is claimed where the interval leaves out zero. Where it does not, the largest
    difference that it leaves open is said instead. Nothing is concluded from networks of which
    none is above the best control: they learned nothing that the question could be about.
    """
    return lines("conclusions", **_words(answer))


def caveats(answer: QuestionResult) -> list[str]:
    """Limits of the answer, as far as they apply."""
    return lines(
        "caveats",
        **_words(answer),
        few_seeds=FEW_SEEDS,
        one_in=round(1 / (1 - LEVEL)),
        networks=len({(cell.model, cell.loss, str(cell.settings)) for cell in answer.cells}),
    )


def effects(factor: FactorResult) -> list[Section]:
    """The mean effect of each level, and that in each context where there are several.

    Args:
        factor: of the question.
    """
    name = f"{key_name(factor.key)} (reference: {factor.reference})"
    found = [Section(id="effect", title=f"Effect of {name}", columns=_means(factor))]
    if len([*factor.contexts, *factor.controls]) > 1:
        title = f"AUC at each level of {name}"
        found.append(Section(id="contexts", title=title, columns=_contexts(factor)))
    return found


def level_name(key: str, level: str) -> str:
    """``sin`` for a loss or model, ``image_size 512`` for a setting."""
    return level if key in ("model", "loss") else f"{key_name(key)} {level}"


def context_names(contexts: Sequence[ContextResult]) -> list[str]:
    """A name for each context, of what differs between them: ``cxnet_m1, image_size 512``.

    Where nothing does, the one context is called by its model, or by its loss.
    """
    first = list(contexts[0].context)[:1] if contexts else []
    return _context_names(contexts, _telling(contexts) or first)


def control_names(controls: Sequence[ContextResult]) -> list[str]:
    """The control's name, and what tells it from others of its name: ``metadata, task m1``."""
    telling = [key for key in _telling(controls) if key != "model"]
    return _context_names(controls, ["model", *telling])


def _telling(contexts: Sequence[ContextResult]) -> list[str]:
    keys = contexts[0].context if contexts else {}
    return [key for key in keys if len({each.context[key] for each in contexts}) > 1]


def _context_names(contexts: Sequence[ContextResult], keys: Sequence[str]) -> list[str]:
    return [
        ", ".join(
            level_name(key, each.context[key])
            for key in keys
            if each.context[key] not in ("", NOT_APPLICABLE)
        )
        for each in contexts
    ]


def _words(answer: QuestionResult) -> dict[str, Any]:
    compared = [
        score.comparison
        for factor in answer.factors
        for score in factor.levels.values()
        if score.comparison is not None
    ]
    intervals = [
        *(score.auc for factor in answer.factors for score in factor.levels.values()),
        *(comparison.effect for comparison in compared),
    ]
    return {
        "answer": answer,
        "percent": fmt.PERCENT,
        "key_name": key_name,
        "level_name": level_name,
        "includes_zero": lambda effect: effect.low <= 0 <= effect.high,
        "elsewhere": _at_references,
        "comparisons": len(compared) + sum(len(each.interactions) for each in answer.factors),
        "left_out": max((each.left_out for each in intervals), default=0),
        "other_images": [
            key_name(factor.key)
            for factor in answer.factors
            if any(
                score.comparison and not score.comparison.same_images
                for score in factor.levels.values()
            )
        ],
    }


def _at_references(
    answer: QuestionResult, factor: FactorResult, level: str
) -> list[tuple[str, LevelResult]]:
    """The level where an earlier factor is at its reference: that level's name, and the score.

    Their interactions say what the effects of earlier factors are at this one's reference.
    """
    found = []
    for other in answer.factors[: answer.factors.index(factor)]:
        if other.key == factor.key:
            continue
        there = [each for each in factor.contexts if each.context[other.key] == other.reference]
        scores = [each.scores[level] for each in there if level in each.scores]
        # With several the mean over them is no number of the tables.
        if len(factor.contexts) > 1 and len(scores) == 1 and scores[0].comparison:
            found.append((level_name(other.key, other.reference), scores[0]))
    return found


def _means(factor: FactorResult) -> list[Column]:
    """A row for each level, averaged over the contexts."""
    scores = list(factor.levels.values())
    effects_ = [score.comparison.effect if score.comparison else None for score in scores]
    counts = []
    for score in scores:
        of = score.comparison or score
        counts.append(TableCell(text=f"{of.contexts} × {fmt.count_range(of.seeds)}"))
    images = [
        TableCell(text="differ")
        if score.train_images is None
        else TableCell(text=f"{score.train_images:,}", value=score.train_images)
        for score in scores
    ]
    levels = [TableCell(text=level, value=level) for level in factor.levels]
    found = [
        Column(key="level", head=key_name(factor.key), kind="name", cells=levels),
        Column(key="train_images", head="training images", kind="number", cells=images),
        Column(key="auc", head="AUC", kind="number", cells=[_auc(score) for score in scores]),
        Column(
            key="difference",
            head="difference",
            kind="number",
            cells=[_effect(effect) if effect else NONE for effect in effects_],
        ),
        Column(key="counts", head="contexts × seeds", kind="number", cells=counts),
    ]
    with_images = factor.key == "data.train_share"
    return [column for column in found if column.key != "train_images" or with_images]


def _contexts(factor: FactorResult) -> list[Column]:
    """A row for each context and each control; AUC and difference of each level."""
    rows = [*factor.contexts, *factor.controls]
    names = [
        *context_names(factor.contexts),
        *(f"control: {name}" for name in control_names(factor.controls)),
    ]
    found = [
        Column(key="context", head="", kind="name", cells=[TableCell(text=name) for name in names])
    ]
    for level in factor.levels:
        scores = [row.scores.get(level) for row in rows]
        cells = [
            _auc(score, interval=False) if score else TableCell(text="missing") for score in scores
        ]
        found.append(Column(key=f"auc-{level}", head=level, kind="number", cells=cells))
        if level != factor.reference:
            differences = [
                _effect(score.comparison.effect) if score and score.comparison else NONE
                for score in scores
            ]
            head = f"difference of {level}"
            found.append(
                Column(key=f"difference-{level}", head=head, kind="number", cells=differences)
            )
    return found


def _auc(score: LevelResult, *, interval: bool = True) -> TableCell:
    measured = score.auc
    return TableCell(
        text=fmt.number(measured.value),
        detail=fmt.interval(measured) if interval else "",
        value=measured.value,
        low=measured.low,
        high=measured.high,
        mark=DAGGER if score.not_above_controls and not interval else "",
    )


def _effect(effect: Interval) -> TableCell:
    return TableCell(
        text=fmt.difference(effect.value),
        detail=fmt.difference_interval(effect),
        value=effect.value,
        low=effect.low,
        high=effect.high,
    )
