"""The questions and their answers as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.evaluate.question_result import ContextResult, FactorResult, LevelResult
from bench.report.cells import DAGGER
from bench.report.grid import Grid
from bench.report.levels import (
    PERCENT,
    between,
    context_names,
    control_names,
    difference,
    key_name,
    score,
    span,
)


def means(factor: FactorResult) -> Grid:
    """A row for each level, averaged over the contexts."""
    with_images = factor.key == "data.train_share"
    body = []
    for level, one in factor.levels.items():
        compared = one.comparison
        images = "differ" if one.train_images is None else f"{one.train_images:,}"
        body.append(
            [
                level,
                *([images] if with_images else []),
                score(one.auc.value),
                span(one.auc, signed=False),
                difference(compared.effect.value) if compared else "–",
                span(compared.effect, signed=True) if compared else "–",
                f"{compared.contexts} × {between(compared.seeds)}"
                if compared
                else f"{one.contexts} × {between(one.seeds)}",
            ]
        )
    head = [
        key_name(factor.key),
        *(["training images"] if with_images else []),
        "AUC",
        f"{PERCENT} interval",
        "difference",
        f"{PERCENT} interval",
        "contexts × seeds",
    ]
    return Grid(head=head, body=body, left=1)


def by_context(factor: FactorResult) -> Grid:
    """A row for each context and each control, a column for each level."""
    names = [
        *context_names(factor.contexts),
        *(f"control: {name}" for name in control_names(factor.controls)),
    ]
    rows: Sequence[ContextResult] = [*factor.contexts, *factor.controls]
    body = [
        [name, *(_in_context(row, level) for level in factor.levels)]
        for name, row in zip(names, rows, strict=True)
    ]
    return Grid(head=["", *factor.levels], body=body, left=1)


def _in_context(row: ContextResult, level: str) -> str:
    if level not in row.scores:
        return "missing"
    one: LevelResult = row.scores[level]
    text = score(one.auc.value) + (f" {DAGGER}" if one.not_above_controls else "")
    if one.comparison is None:
        return text
    effect = one.comparison.effect
    return f"{text}, {difference(effect.value)} ({span(effect, signed=True)})"


def _lines(texts: Iterable[str]) -> list[str]:
    """Each in one line; a library's message can have several."""
    return [" ".join(text.split()) for text in texts]
