"""What can and what cannot be concluded from an answer, in plain sentences.

The rules are few. A difference is claimed where the interval does not include zero, and where it
does, the largest difference that it leaves open is said instead. Nothing is concluded from networks
of which none is above the best control: they learned nothing that the question could be about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.evaluate.estimate import LEVEL
from bench.evaluate.question_result import (
    ContextResult,
    FactorResult,
    Interaction,
    LevelEffect,
    QuestionResult,
)
from bench.report.levels import PERCENT, difference, key_name, level_name, score, size, span
from bench.report.words import RECONSTRUCTED, many

# Fewer runs than this tell little about how much runs differ.
FEW_SEEDS = 5
OTHERS = {"model": "the other models", "loss": "the other losses"}


def conclusions(answer: QuestionResult) -> list[str]:
    """A sentence for each level of each factor, and for each interaction."""
    return [
        sentence
        for place, factor in enumerate(answer.factors)
        for sentence in _of_factor(factor, earlier=answer.factors[:place])
    ]


def _of_factor(factor: FactorResult, *, earlier: Sequence[FactorResult]) -> Iterator[str]:
    """The sentences on one factor.

    Args:
        factor: the factor.
        earlier: those before it. Their interactions say what their effects are at this one's
            reference; what this one's is at theirs is said here.
    """
    key = factor.key
    if factor.reference not in factor.levels:
        yield (
            f"{key_name(key)}: no run at the reference {factor.reference} has finished, so that "
            "nothing can be compared."
        )
        return
    reference = level_name(key, factor.reference)
    for level, scores in factor.levels.items():
        if level == factor.reference:
            continue
        name = level_name(key, level)
        if scores.comparison is None:
            yield f"{name} and {reference} were never run with everything else equal."
        else:
            yield _compared(name, reference, scores.comparison)
            yield from _at_references(factor, level, earlier)
    for interaction in factor.interactions:
        of = f"the difference of {level_name(key, interaction.level)} to {reference}"
        yield _depends(of, interaction)
    for control in factor.controls:
        yield from _of_control(factor, control)


def _at_references(
    factor: FactorResult, level: str, earlier: Sequence[FactorResult]
) -> Iterator[str]:
    for other in earlier:
        if other.key == factor.key:
            continue
        there = [one for one in factor.contexts if one.context[other.key] == other.reference]
        scores = [one.scores[level] for one in there if level in one.scores]
        # With several the mean over them is no number of the tables.
        if len(factor.contexts) > 1 and len(scores) == 1 and scores[0].comparison:
            sentence = _compared(
                level_name(factor.key, level),
                level_name(factor.key, factor.reference),
                scores[0].comparison,
            )
            yield f"With {level_name(other.key, other.reference)} alone: {sentence}"


def _compared(name: str, reference: str, comparison: LevelEffect) -> str:
    effect = comparison.effect
    over = f", on average over {comparison.contexts} contexts" if comparison.contexts > 1 else ""
    if effect.reason:
        return f"{name} against {reference}: cannot tell, there is no interval ({effect.reason})."
    if comparison.judged and not comparison.learned:
        return (
            f"{name} against {reference}: nothing can be concluded, since no network with either "
            f"is {'' if comparison.judged == comparison.contexts else 'known to be '}above the "
            "best control."
        )
    if effect.low <= 0 <= effect.high:
        return (
            f"{name} against {reference}{over}: cannot tell. The {PERCENT} interval "
            f"{span(effect, signed=True)} includes no difference; a difference above "
            f"{size(max(-effect.low, effect.high))} is unlikely.{_in_few(comparison)}"
        )
    side = "above" if effect.low > 0 else "below"
    return (
        f"{name} is {side} {reference} by {size(effect.value)}{over} ({PERCENT} interval "
        f"{span(effect, signed=True)}): {_verdict(comparison)}.{_in_few(comparison)}"
    )


def _in_few(comparison: LevelEffect) -> str:
    """That some of the contexts behind a mean are of networks that learned nothing."""
    if comparison.learned == comparison.judged:
        return ""
    among = f"{comparison.judged} contexts"
    if comparison.judged < comparison.contexts:
        among = f"the {among} that have a control"
    return f" Only in {comparison.learned} of {among} is a network above the best control."


def _verdict(comparison: LevelEffect) -> str:
    """What a difference that is not the patients' is worth."""
    higher = comparison.effect.low > 0
    if not comparison.same_images:
        return f"scored {'higher' if higher else 'lower'}, on other test images"
    verdict = f"{'better' if higher else 'worse'} on this test set"
    # The interval knows of other patients alone, and two runs of one network differ too.
    return f"{verdict} in one run of each" if comparison.seeds == (1, 1) else verdict


def _of_control(factor: FactorResult, control: ContextResult) -> Iterator[str]:
    """A control that a level helps: what it is worth to know no pixels there."""
    for level, one in control.scores.items():
        effect = one.comparison.effect if one.comparison else None
        if effect is None or effect.reason or effect.low <= 0 <= effect.high:
            continue
        there = control.scores[factor.reference].auc.value
        yield (
            f"The control {control.context['model']}, which sees no lungs, has AUC "
            f"{score(one.auc.value)} with {level_name(factor.key, level)} and {score(there)} with "
            f"{level_name(factor.key, factor.reference)}: {difference(effect.value)} "
            f"({PERCENT} interval {span(effect, signed=True)})."
        )


def _depends(of: str, interaction: Interaction) -> str:
    effect = interaction.effect
    at = level_name(interaction.key, interaction.reference)
    others = OTHERS.get(interaction.key, f"other levels of {key_name(interaction.key)}")
    if effect.reason:
        return f"Whether {of} depends on {key_name(interaction.key)}: no interval."
    if interaction.learned is False:
        return (
            f"Whether {of} is another with {at} than with {others}: nothing can be concluded, "
            f"since no network with {at}, or none with {others}, is above the best control."
        )
    here = (
        f"With {at} alone it is {difference(interaction.here.value)} ({PERCENT} interval "
        f"{span(interaction.here, signed=True)})."
    )
    if effect.low <= 0 <= effect.high:
        return (
            f"Whether {of} is another with {at} than with {others}: cannot tell "
            f"({difference(effect.value)}, {PERCENT} interval {span(effect, signed=True)}). {here}"
        )
    return (
        f"{of[0].upper()}{of[1:]} is {'higher' if effect.low > 0 else 'lower'} with {at} than with "
        f"{others}, by {size(effect.value)} ({PERCENT} interval {span(effect, signed=True)}). "
        f"{here}"
    )


def caveats(answer: QuestionResult) -> list[str]:
    """What the answer does not cover, as far as it applies."""
    return [
        *_synthetic(answer),
        *_without_controls(answer),
        *_below_controls(answer),
        *_about_seeds(answer),
        *_other_images(answer),
        *_several_comparisons(answer),
        *_left_out(answer),
        *_reconstructed(answer),
        *([answer.question.note] if answer.question.note else []),
    ]


def _synthetic(answer: QuestionResult) -> Iterator[str]:
    if any(data.source == "phantom" for data in answer.data):
        yield "The images are synthetic: this says nothing about real X-rays."


def _without_controls(answer: QuestionResult) -> Iterator[str]:
    if answer.without_controls:
        where = f" on {'; '.join(answer.without_controls)}" if any(answer.without_controls) else ""
        yield (
            f"No control has finished{where}: whether a network learned more than a control is "
            "not known."
        )


def _below_controls(answer: QuestionResult) -> Iterator[str]:
    if not answer.not_above_controls:
        return
    networks = len({(one.model, one.loss, str(one.settings)) for one in answer.cells})
    yield (
        f"{len(answer.not_above_controls)} of {many(networks, 'network')} "
        f"{'is' if len(answer.not_above_controls) == 1 else 'are'} not above the best control of "
        "the same data, which sees no lungs, and so learned nothing that this question could "
        f"use: {'; '.join(answer.not_above_controls)}."
    )


def _about_seeds(answer: QuestionResult) -> Iterator[str]:
    if len(answer.seeds) == 1:
        yield (
            "One seed: the intervals say what other patients would give, and not what another "
            "training run would. A difference between single runs may be luck; run more seeds "
            "(--seeds 0,1,2)."
        )
    elif len(answer.seeds) < FEW_SEEDS:
        yield (
            f"{len(answer.seeds)} seeds: how much training runs differ is known from "
            f"{len(answer.seeds)} runs each, so that the intervals are wide."
        )


def _other_images(answer: QuestionResult) -> Iterator[str]:
    differing = [
        key_name(factor.key)
        for factor in answer.factors
        if any(one.comparison and not one.comparison.same_images for one in factor.levels.values())
    ]
    if differing:
        yield (
            f"The levels of {', '.join(differing)} were judged on different test images, drawn "
            "independently in the intervals; part of a difference may be that of the images."
        )


def _several_comparisons(answer: QuestionResult) -> Iterator[str]:
    count = sum(
        (one.comparison is not None) for factor in answer.factors for one in factor.levels.values()
    ) + sum(len(factor.interactions) for factor in answer.factors)
    if count > 1:
        yield (
            f"{count} comparisons, not corrected for: where nothing differs, about one interval in "
            f"{round(1 / (1 - LEVEL))} leaves out zero by chance."
        )


def _left_out(answer: QuestionResult) -> Iterator[str]:
    most = max(
        (
            one.left_out
            for factor in answer.factors
            for scores in factor.levels.values()
            for one in (scores.auc, *([scores.comparison.effect] if scores.comparison else []))
        ),
        default=0,
    )
    if most:
        yield (
            f"Up to {most:,} of {answer.resamples:,} resamples had one class only and were left "
            "out: the test set is small."
        )


def _reconstructed(answer: QuestionResult) -> Iterator[str]:
    if any(cell.loss in ("sin", "sin_hump") for cell in answer.cells):
        yield RECONSTRUCTED
