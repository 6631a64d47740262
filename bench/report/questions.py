"""The questions and their answers as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.evaluate.question_result import Answer, ContextScores, FactorAnswer, Score
from bench.evaluate.settings import compare
from bench.report.cells import DAGGER
from bench.report.conclusions import caveats, conclusions
from bench.report.grid import Grid
from bench.report.levels import (
    PERCENT,
    between,
    context_names,
    control_names,
    difference,
    key_name,
    level_name,
    score,
    span,
)
from bench.report.pipe import bullets, pipe_table
from bench.report.training import training_line
from bench.report.words import many


def markdown_questions(answers: Iterable[Answer]) -> str:
    """A section for each question, as GitHub-flavoured markdown; "" without any.

    Args:
        answers: what :func:`bench.evaluate.effects.answer_questions` gave.
    """
    return "\n".join(_section(answer) for answer in answers)


def _section(answer: Answer) -> str:
    question = answer.question
    parts = [
        f"## Question: {answer.experiment}",
        f"**{question.asks}**",
        f"Would count as yes: {question.yes_if}",
    ]
    if answer.problem:
        parts.append(f"There is no answer: {answer.problem}.")
    else:
        parts.append(bullets(resting_on(answer)))
        for factor in answer.factors:
            parts += _tables(factor)
        parts += ["### What can be concluded", bullets(conclusions(answer))]
        parts += ["### What cannot", bullets(caveats(answer))]
    if answer.gaps:
        parts += ["### Runs that are missing from the answer", bullets(_lines(answer.gaps))]
    return "\n\n".join(parts) + "\n"


def resting_on(answer: Answer) -> list[str]:
    """The data, the training, what an interval is, the best control."""
    sets = []
    for data in answer.data:
        test = data.parts["test"]
        of = f" of {many(test.patients, 'patient')}" if test.patients is not None else ""
        source = f"{data.source} ({data.root})" if data.root else data.source
        sets.append(
            f"{source}, split {data.split.name}, task {data.task} ({data.question}): "
            f"{many(test.images, 'test image')}{of}"
        )
    # What differs is in the tables of the factors.
    training = training_line(replace(compare(answer.cells), differing=frozenset()))
    if len(answer.seeds) == 1:
        runs, drawn = f"seed {answer.seeds[0]}", "the test patients"
    else:
        runs = f"seeds {', '.join(map(str, answer.seeds))}"
        drawn = "the test patients and of the seeds"
    best = {
        where: f"{name}, AUC {score(auc)}" for where, (name, auc) in answer.best_controls.items()
    }
    listed = (
        [*best.values()][:1]
        if len({*best.values()}) == 1 and not answer.without_controls
        else [f"{text} ({where})" for where, text in best.items()]
    )
    return [
        *sets,
        *answer.notes,
        *_constant(answer),
        *([training] if training else []),
        f"{runs}; {PERCENT} intervals by {answer.resamples:,} resamples of {drawn}, the same for "
        "all on the same images; they hold for this split and this training",
        *([f"best control: {'; '.join(listed)}"] if listed else []),
    ]


def _constant(answer: Answer) -> list[str]:
    """The model and the loss, where there is one of them alone."""
    said = {
        "model": {cell.model for cell in answer.cells},
        "loss": {cell.loss for cell in answer.cells},
    }
    named = [f"{what} {one}" for what, names in said.items() if len(names) == 1 for one in names]
    return [f"all runs: {', '.join(named)}"] if named else []


def _tables(factor: FactorAnswer) -> list[str]:
    parts = [
        f"### {key_name(factor.key)} (reference: {factor.reference})",
        pipe_table(means(factor)),
    ]
    rows = [*factor.contexts, *factor.controls]
    if len(rows) > 1:
        marked = any(one.not_above_controls for c in factor.contexts for one in c.scores.values())
        reference = level_name(factor.key, factor.reference)
        parts += [
            f"Each for itself: AUC, and its difference to {reference} with the {PERCENT} interval."
            + (f" {DAGGER} not above the best control of its data." if marked else ""),
            pipe_table(by_context(factor)),
        ]
    return parts


def means(factor: FactorAnswer) -> Grid:
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


def by_context(factor: FactorAnswer) -> Grid:
    """A row for each context and each control, a column for each level."""
    names = [
        *context_names(factor.contexts),
        *(f"control: {name}" for name in control_names(factor.controls)),
    ]
    rows: Sequence[ContextScores] = [*factor.contexts, *factor.controls]
    body = [
        [name, *(_in_context(row, level) for level in factor.levels)]
        for name, row in zip(names, rows, strict=True)
    ]
    return Grid(head=["", *factor.levels], body=body, left=1)


def _in_context(row: ContextScores, level: str) -> str:
    if level not in row.scores:
        return "missing"
    one: Score = row.scores[level]
    text = score(one.auc.value) + (f" {DAGGER}" if one.not_above_controls else "")
    if one.comparison is None:
        return text
    effect = one.comparison.effect
    return f"{text}, {difference(effect.value)} ({span(effect, signed=True)})"


def _lines(texts: Iterable[str]) -> list[str]:
    """Each in one line; a library's message can have several."""
    return [" ".join(text.split()) for text in texts]
