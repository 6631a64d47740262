"""The figure of a question: AUC over levels that are numbers, and effects with their intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.evaluate.estimate import Interval
from bench.evaluate.labels import key_name
from bench.evaluate.question_result import ContextResult, FactorResult, LevelResult, QuestionResult
from bench.report.figures.style import MARKERS, RULE, SERIES
from bench.report.formatting import PERCENT
from bench.report.questions import context_names, control_names, level_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

ENDINGS = (".png", ".pdf", ".svg", ".jpg")
GRAY = "#8c8c8c"
TRAIN_SHARE = "data.train_share"
# Inches and points.
WIDTH, FONT = 10.0, 9


def draw_questions(
    answers: Iterable[QuestionResult], folder: Path, *, formats: Sequence[str] = ("png",)
) -> list[Path]:
    """Draw each answer as ``question_EXPERIMENT.png``; questions without an answer are left out.

    Where an experiment has several answers, since its records contradict each other, they are
    numbered.

    Args:
        answers: of :attr:`bench.evaluate.results.Results.questions`.
        folder: made where it is not there.
        formats: a file each; endings of ``ENDINGS`` without the dot.

    Raises:
        InputError: there is no such format, or a file cannot be written.
    """
    drawn: list[Path] = []
    seen = Counter[str]()
    for answer in answers:
        if answer.problem:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        seen[answer.experiment] += 1
        number = f"_{seen[answer.experiment]}" if seen[answer.experiment] > 1 else ""
        for name in formats:
            path = folder / f"question_{answer.experiment}{number}.{name}"
            draw_question(answer, path)
            drawn.append(path)
    return drawn


def draw_question(answer: QuestionResult, path: Path) -> None:
    """Draw an answer: for each factor its effects, and AUC over its levels where they are numbers.

    Args:
        answer: with at least one factor.
        path: where to write it; its ending names the format.

    Raises:
        InputError: there is no answer to draw, the ending is none of ``ENDINGS``, or the file
            cannot be written.
    """
    from matplotlib.figure import Figure

    if path.suffix not in ENDINGS:
        raise InputError(f"picture {path.name!r}: let its name end in {', '.join(ENDINGS)}")
    if answer.problem:
        raise InputError(f"question {answer.experiment}: nothing to draw, {answer.problem}")
    heights = [_height(factor) for factor in answer.factors]
    figure = Figure(figsize=(WIDTH, 0.7 + sum(heights)), layout="constrained")
    figure.suptitle(f"{answer.question.asks}\n{_about(answer)}", x=0.01, ha="left", fontsize=10)
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, factor in zip(parts, answer.factors, strict=True):
        _draw_factor(part, factor, answer)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InputError(f"picture {str(path)!r}: {error.strerror}") from None


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


def _height(factor: FactorResult) -> float:
    """Inches."""
    compared = max(len(factor.levels) - 1, 1)
    lines = compared * (1.5 + 0.45 * len(_contexts(factor)))
    return max(0.9 + 0.3 * lines, 3.0 if _has_curve(factor) else 1.6)


def _draw_factor(part: SubFigure, factor: FactorResult, answer: QuestionResult) -> None:
    if _has_curve(factor):
        left, right = part.subplots(1, 2)
        _curve(left, factor, answer)
    else:
        right = part.subplots()
    _forest(right, factor)
    entries = {
        label: handle
        for axes in part.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    part.legend(
        entries.values(), entries.keys(), loc="outside right upper", frameon=False, fontsize=8
    )


def _has_curve(factor: FactorResult) -> bool:
    """Whether its levels are numbers."""
    try:
        return len([float(level) for level in factor.levels]) > 1
    except ValueError:
        return False


def _contexts(factor: FactorResult) -> list[tuple[str, ContextResult, dict[str, Any]]]:
    """Name, context and style; controls too, where there is no curve to stand beside."""
    shown = list(zip(context_names(factor.contexts), factor.contexts, strict=True))
    if not _has_curve(factor):
        names = [f"control {name}" for name in control_names(factor.controls)]
        shown += zip(names, factor.controls, strict=True)
    networks = len(factor.contexts)
    return [
        (
            name,
            context,
            {
                "label": name,
                "color": SERIES[place % len(SERIES)] if place < networks else GRAY,
                "marker": MARKERS[place % len(MARKERS)],
                "markersize": 4,
            },
        )
        for place, (name, context) in enumerate(shown)
    ]


def _curve(axes: Axes, factor: FactorResult, answer: QuestionResult) -> None:
    """AUC over the levels, one line a context; over images, where a share of them is varied."""
    for place, (_, context, style) in enumerate(_contexts(factor)):
        points = [(_x(level, score, factor), score.auc) for level, score in context.scores.items()]
        points = [(x, auc) for x, auc in points if auc.value == auc.value]
        if points:
            aucs = [auc for _, auc in points]
            # Moved a little, so that intervals do not hide each other.
            xs = [x * (1 + 0.02 * place) for x, _ in points]
            values = [auc.value for auc in aucs]
            axes.errorbar(xs, values, yerr=_ends(aucs), linewidth=1.2, elinewidth=1.0, capsize=2,
                          **style)  # fmt: skip
    _best_control(axes, factor, answer)
    ticks = sorted(
        {
            _x(level, score, factor)
            for each in factor.contexts
            for level, score in each.scores.items()
        }
    )
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    over = "training images" if factor.key == TRAIN_SHARE else key_name(factor.key)
    axes.set_xlabel(over, fontsize=FONT)
    axes.set_ylabel(f"test AUC, {PERCENT} interval", fontsize=FONT)
    _plain(axes)


def _best_control(axes: Axes, factor: FactorResult, answer: QuestionResult) -> None:
    """A dashed line, broken where the levels change the controls' data."""
    style: dict[str, Any] = {
        "color": GRAY, "linestyle": "--", "linewidth": 1.0, "label": "best control"
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


def _forest(axes: Axes, factor: FactorResult) -> None:
    """A band for each level: the mean effect, and below it that in each context."""
    compared = [level for level in factor.levels if level != factor.reference]
    if not any(score.comparison for score in factor.levels.values()):
        axes.set_axis_off()
        axes.text(
            0.5, 0.5, f"no run at the reference {factor.reference}: nothing to compare",
            ha="center", va="center", transform=axes.transAxes, fontsize=FONT,
        )  # fmt: skip
        return
    contexts = _contexts(factor)
    step = 0.62 / max(len(contexts), 1)
    several = len(factor.contexts) > 1
    mean = {"label": "mean of the contexts", "color": "black", "marker": "D", "markersize": 6}
    for band, level in enumerate(compared):
        score = factor.levels[level]
        if several and score.comparison:
            _effect(axes, score.comparison.effect, band - 0.3, width=2.0, style=mean)
        for place, (_, context, style) in enumerate(contexts):
            here = context.scores.get(level)
            if here and here.comparison:
                y = band - 0.1 + step * place if several else band
                _effect(axes, here.comparison.effect, y, width=1.0, style=style)
        if band:
            axes.axhline(band - 0.5, color=RULE, linewidth=0.8)
    axes.axvline(0, color=GRAY, linewidth=1)
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(compared)), [level_name(factor.key, level) for level in compared])
    axes.set_ylim(len(compared) - 0.45, -0.55)
    reference = level_name(factor.key, factor.reference)
    axes.set_xlabel(f"difference in test AUC to {reference}, {PERCENT} interval", fontsize=FONT)
    _plain(axes)


def _effect(axes: Axes, effect: Interval, y: float, *, width: float, style: dict[str, Any]) -> None:
    if effect.value == effect.value:
        axes.errorbar(
            [effect.value], [y], xerr=_ends([effect]), linestyle="none", elinewidth=width, **style
        )


def _ends(intervals: Sequence[Interval]) -> list[list[float]]:
    """Distances down and up; none where there is no interval, or on the side it does not reach."""
    return [
        [0.0 if each.reason else max(0.0, each.value - each.low) for each in intervals],
        [0.0 if each.reason else max(0.0, each.high - each.value) for each in intervals],
    ]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT)
