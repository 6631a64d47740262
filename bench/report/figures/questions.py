"""The figure of a question: AUC over levels that are numbers, and effects with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.evaluate.estimate import Interval
from bench.evaluate.labels import key_name
from bench.evaluate.question_result import ContextResult, FactorResult, LevelResult, QuestionResult
from bench.report.figures.picture import Picture
from bench.report.figures.style import INK, MARKERS, MUTED, RULE, SERIES
from bench.report.formatting import PERCENT
from bench.report.questions import context_names, control_names, level_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

TRAIN_SHARE = "data.train_share"
# Inches.
WIDTH = 10.0


def question_picture(answer: QuestionResult) -> Picture:
    """For each factor its effects, and AUC over its levels where they are numbers."""
    return Picture(
        name=f"question_{answer.experiment}",
        title=answer.question.asks,
        caption=_about(answer),
        alt=answer.question.asks,
        plot=lambda: _plot(answer),
    )


def _about(answer: QuestionResult) -> str:
    """The data and the seeds in one line, since a picture travels without its page."""
    data = answer.data[0]
    splits = " and ".join(dict.fromkeys(each.split.name for each in answer.data))
    images = " and ".join(dict.fromkeys(f"{each.parts['test'].images:,}" for each in answer.data))
    return (
        f"{answer.experiment}: {'synthetic images, ' if data.source == 'phantom' else ''}"
        f"{data.source}{f' ({data.root})' if data.root else ''}, split {splits}, {images} test "
        f"images, seed{'' if len(answer.seeds) == 1 else 's'} {', '.join(map(str, answer.seeds))}"
    )


def _plot(answer: QuestionResult) -> Figure:
    from matplotlib.figure import Figure

    heights = [_height(factor) for factor in answer.factors]
    figure = Figure(figsize=(WIDTH, 0.7 + sum(heights)), layout="constrained")
    figure.suptitle(f"{answer.question.asks}\n{_about(answer)}", x=0.01, ha="left", fontsize=10)
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, factor in zip(parts, answer.factors, strict=True):
        _plot_factor(part, factor, answer)
    return figure


def _height(factor: FactorResult) -> float:
    """Inches."""
    compared = max(len(factor.levels) - 1, 1)
    lines = compared * (1.5 + 0.45 * len(_contexts(factor)))
    return max(0.9 + 0.3 * lines, 3.0 if _has_curve(factor) else 1.6)


def _plot_factor(part: SubFigure, factor: FactorResult, answer: QuestionResult) -> None:
    if _has_curve(factor):
        left, right = part.subplots(1, 2)
        _plot_curve(left, factor, answer)
    else:
        right = part.subplots()
    _plot_effects(right, factor)
    handles = {
        label: handle
        for axes in part.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    part.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8)


def _has_curve(factor: FactorResult) -> bool:
    """Whether its levels are numbers."""
    try:
        return len([float(level) for level in factor.levels]) > 1
    except ValueError:
        return False


def _contexts(factor: FactorResult) -> list[tuple[ContextResult, dict[str, Any]]]:
    """Each context with its style; controls too, where there is no curve to stand beside."""
    names = context_names(factor.contexts)
    contexts = list(factor.contexts)
    if not _has_curve(factor):
        names += [f"control {name}" for name in control_names(factor.controls)]
        contexts += factor.controls
    networks = len(factor.contexts)
    return [
        (
            context,
            {
                "label": name,
                "color": SERIES[number % len(SERIES)] if number < networks else MUTED,
                "marker": MARKERS[number % len(MARKERS)],
                "markersize": 4,
            },
        )
        for number, (name, context) in enumerate(zip(names, contexts, strict=True))
    ]


def _plot_curve(axes: Axes, factor: FactorResult, answer: QuestionResult) -> None:
    """AUC over the levels, one line a context; over images, where a share of them is varied."""
    ticks = set()
    for number, (context, style) in enumerate(_contexts(factor)):
        xs = [_x(level, score, factor) for level, score in context.scores.items()]
        aucs = [score.auc for score in context.scores.values()]
        ticks |= {*xs}
        axes.errorbar(
            # Moved a little, so that intervals do not hide each other.
            [x * (1 + 0.02 * number) for x in xs],
            [auc.value for auc in aucs],
            yerr=_ends(aucs), linewidth=1.2, elinewidth=1.0, capsize=2, **style,
        )  # fmt: skip
    _plot_best_control(axes, factor, answer)
    axes.set_xscale("log")
    axes.set_xticks(
        sorted(ticks), [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in sorted(ticks)]
    )
    axes.minorticks_off()
    axes.set_xlabel("training images" if factor.key == TRAIN_SHARE else key_name(factor.key))
    axes.set_ylabel(f"test AUC, {PERCENT} interval")


def _plot_best_control(axes: Axes, factor: FactorResult, answer: QuestionResult) -> None:
    """A dashed line, broken where the levels change the controls' data."""
    style: dict[str, Any] = {
        "color": MUTED, "linestyle": "--", "linewidth": 1.0, "label": "best control"
    }  # fmt: skip
    best: dict[float, float] = {}
    for control in factor.controls:
        for level, score in control.scores.items():
            x = _x(level, score, factor)
            best[x] = max(best.get(x, 0.0), score.auc.value)
    if best:
        axes.plot(list(best), list(best.values()), **style)
    elif answer.best_controls:
        axes.axhline(max(auc for _, auc in answer.best_controls.values()), **style)


def _x(level: str, score: LevelResult, factor: FactorResult) -> float:
    if factor.key == TRAIN_SHARE and score.train_images is not None:
        return float(score.train_images)
    return float(level)


def _plot_effects(axes: Axes, factor: FactorResult) -> None:
    """A band for each level: the mean effect, and below it that in each context."""
    reference = level_name(factor.key, factor.reference)
    compared = [level for level in factor.levels if level != factor.reference]
    contexts = _contexts(factor)
    step = 0.62 / max(len(contexts), 1)
    several = len(factor.contexts) > 1
    mean = {"label": "mean of the contexts", "color": INK, "marker": "D", "markersize": 6}
    for band, level in enumerate(compared):
        if several:
            _plot_effect(axes, factor.levels[level], band - 0.3, elinewidth=2.0, **mean)
        for number, (context, style) in enumerate(contexts):
            y = band - 0.1 + step * number if several else band
            _plot_effect(axes, context.scores.get(level), y, elinewidth=1.0, **style)
        if band:
            axes.axhline(band - 0.5, color=RULE, linewidth=0.8)
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(compared)), [level_name(factor.key, level) for level in compared])
    axes.set_ylim(len(compared) - 0.45, -0.55)
    axes.set_xlabel(f"difference in test AUC to {reference}, {PERCENT} interval")


def _plot_effect(axes: Axes, score: LevelResult | None, y: float, **style: Any) -> None:
    if score is not None and score.comparison is not None:
        effect = score.comparison.effect
        axes.errorbar([effect.value], [y], xerr=_ends([effect]), linestyle="none", **style)


def _ends(intervals: Sequence[Interval]) -> list[list[float]]:
    """Distances down and up; none where there is no interval, or on the side it does not reach."""
    return [
        [0.0 if each.reason else max(0.0, each.value - each.low) for each in intervals],
        [0.0 if each.reason else max(0.0, each.high - each.value) for each in intervals],
    ]
