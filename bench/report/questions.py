"""Sections on a question: tables of effects, conclusions and caveats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.evaluate.design import NOT_APPLICABLE
from bench.evaluate.estimate import LEVEL
from bench.evaluate.labels import key_name
from bench.evaluate.question_result import ContextResult, FactorResult, LevelResult, QuestionResult
from bench.evaluate.settings import compare
from bench.report import formatting as fmt
from bench.report.columns import (
    NONE,
    Column,
    Section,
    TableCell,
    column,
    counts,
    difference,
    measured,
    numbers,
    texts,
)
from bench.report.facts import training
from bench.report.sections import DAGGER
from bench.report.text import lines

# Fewer runs than this tell little about how much runs differ.
FEW_SEEDS = 5


def answer_sections(answer: QuestionResult) -> dict[str, object]:
    """The parts of an answer that templates show; sentences only where there is an answer."""
    known = not answer.problem
    return {
        "answer": answer,
        "resting_on": _resting_on(answer) if known else [],
        "conclusions": conclusions(answer) if known else [],
        "caveats": caveats(answer) if known else [],
        "effects": [section for factor in answer.factors for section in _effects(factor)],
        "gaps": [fmt.one_line(gap) for gap in answer.gaps],
    }


def _resting_on(answer: QuestionResult) -> list[str]:
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


def _effects(factor: FactorResult) -> list[Section]:
    """The mean effect of each level, and that in each context where there are several."""
    name = f"{key_name(factor.key)} (reference: {factor.reference})"
    found = [Section(id="effect", title=f"Effect of {name}", columns=_means(factor))]
    if len([*factor.contexts, *factor.controls]) > 1:
        title = f"AUC at each level of {name}"
        found.append(Section(id="contexts", title=title, columns=_contexts(factor)))
    return found


def level_name(key: str, level: str) -> str:
    """``sin`` for a loss or model, ``image_size 512`` for a setting."""
    return level if key in ("model", "loss") else f"{key_name(key)} {level}"


def context_names(contexts: Sequence[ContextResult], *, always: Sequence[str] = ()) -> list[str]:
    """A name for each context, of what differs between them: ``cxnet_m1, image_size 512``.

    Where nothing does, the one context is called by its model, or by its loss.

    Args:
        always: keys that are named whether they differ or not.
    """
    keys = list(contexts[0].context) if contexts else []
    differing = [
        key
        for key in keys
        if key in always or len({context.context[key] for context in contexts}) > 1
    ]
    return [
        ", ".join(
            level_name(key, context.context[key])
            for key in differing or keys[:1]
            if context.context[key] not in ("", NOT_APPLICABLE)
        )
        for context in contexts
    ]


def control_names(controls: Sequence[ContextResult]) -> list[str]:
    """The control's name, and what tells it from others of its name: ``metadata, task m1``."""
    return context_names(controls, always=["model"])


def _words(answer: QuestionResult) -> dict[str, Any]:
    levels = [level for factor in answer.factors for level in factor.levels.values()]
    compared = [level.comparison for level in levels if level.comparison is not None]
    return {
        "answer": answer,
        "percent": fmt.PERCENT,
        "key_name": key_name,
        "level_name": level_name,
        "includes_zero": lambda effect: effect.low <= 0 <= effect.high,
        "comparisons": len(compared) + sum(len(each.interactions) for each in answer.factors),
        "other_images": [
            key_name(factor.key)
            for factor in answer.factors
            if any(
                level.comparison and not level.comparison.same_images
                for level in factor.levels.values()
            )
        ],
    }


def _means(factor: FactorResult) -> list[Column]:
    """A row for each level, averaged over the contexts."""
    levels = list(factor.levels.values())
    counted = [level.comparison or level for level in levels]
    found = [
        texts("level", key_name(factor.key), factor.levels, kind="name"),
        column("auc", "AUC", map(_auc, levels)),
        column("difference", "difference", map(_difference, levels)),
        numbers(
            "counts",
            "contexts × seeds",
            [
                (f"{each.contexts} × {fmt.count_range(each.seeds)}", each.contexts)
                for each in counted
            ],
        ),
    ]
    if factor.key == "data.train_share":
        images = [level.train_images for level in levels]
        found.insert(1, counts("training images", images, missing="differ"))
    return found


def _contexts(factor: FactorResult) -> list[Column]:
    """A row for each context and each control; AUC and difference of each level."""
    rows = [*factor.contexts, *factor.controls]
    controls = [f"control: {name}" for name in control_names(factor.controls)]
    found = [texts("context", "", [*context_names(factor.contexts), *controls], kind="name")]
    for level in factor.levels:
        results = [row.scores.get(level) for row in rows]
        aucs = [
            _auc(result, in_context=True) if result else TableCell(text="missing")
            for result in results
        ]
        found.append(column(f"auc-{level}", level, aucs))
        if level != factor.reference:
            head = f"difference of {level}"
            found.append(column(f"difference-{level}", head, map(_difference, results)))
    return found


def _auc(result: LevelResult, *, in_context: bool = False) -> TableCell:
    """With its interval, or with a mark: in how many contexts says nothing of which."""
    cell = measured(result.auc)
    if not in_context:
        return cell
    return replace(cell, detail="", mark=DAGGER if result.not_above_controls else "")


def _difference(result: LevelResult | None) -> TableCell:
    return difference(result.comparison.effect) if result and result.comparison else NONE
