"""A picture for each question: curves over what is a number, and effects with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.evaluate.estimate import Interval
from bench.evaluate.labels import key_name
from bench.evaluate.question_result import ContextResult, FactorResult, LevelResult, QuestionResult
from bench.report.figures.style import MARKERS, SERIES
from bench.report.formatting import PERCENT
from bench.report.questions import context_names, control_names, level_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

ENDINGS = (".png", ".pdf", ".svg", ".jpg")
GRAY = "#8c8c8c"
TRAIN_SHARE = "data.train_share"


def draw_questions(
    answers: Iterable[QuestionResult], folder: Path, *, formats: Sequence[str] = ("png",)
) -> list[Path]:
    """Draw each answer as ``question_EXPERIMENT.png``; those without one are left out.

    Where an experiment has several answers, since its records contradict each other, they are
    numbered.

    Args:
        answers: what :func:`bench.evaluate.effects.answer_questions` gave.
        folder: made where it is not there.
        formats: a file each; endings of ``ENDINGS`` without the dot.

    Raises:
        InputError: there is no such format, or a file cannot be written.
    """
    drawn: list[Path] = []
    stems: set[str] = set()
    for answer in answers:
        if answer.problem:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        stem, number = f"question_{answer.experiment}", 1
        while stem in stems:
            number += 1
            stem = f"question_{answer.experiment}_{number}"
        stems.add(stem)
        for name in formats:
            path = folder / f"{stem}.{name}"
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
    figure = Figure(figsize=(10.0, 0.7 + sum(heights)), layout="constrained")
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
    synthetic = "synthetic images, " if data.source == "phantom" else ""
    splits = " and ".join(dict.fromkeys(one.split.name for one in answer.data))
    images = " and ".join(dict.fromkeys(f"{one.parts['test'].images:,}" for one in answer.data))
    return (
        f"{answer.experiment}: {synthetic}{data.source}"
        f"{' (' + data.root + ')' if data.root else ''}, split {splits}, {images} test "
        f"images, seed{'' if len(answer.seeds) == 1 else 's'} {', '.join(map(str, answer.seeds))}"
    )


def _height(factor: FactorResult) -> float:
    """Inches."""
    compared = max(len(factor.levels) - 1, 1)
    rows = compared * (1.5 + 0.45 * len(_shown(factor)))
    return max(0.9 + 0.3 * rows, 3.0 if _has_curve(factor) else 1.6)


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
    return len(factor.levels) > 1 and all(_is_number(level) for level in factor.levels)


def _is_number(level: str) -> bool:
    try:
        float(level)
    except ValueError:
        return False
    return True


def _shown(factor: FactorResult) -> list[tuple[str, ContextResult]]:
    """Each context with its name; controls too, where there is no curve to stand beside."""
    shown = list(zip(context_names(factor.contexts), factor.contexts, strict=True))
    if not _has_curve(factor):
        names = control_names(factor.controls)
        shown += [
            (f"control {name}", one) for name, one in zip(names, factor.controls, strict=True)
        ]
    return shown


def _style(place: int, name: str) -> dict[str, str]:
    if name.startswith("control "):
        return {"color": GRAY, "marker": MARKERS[place % len(MARKERS)]}
    return {"color": SERIES[place % len(SERIES)], "marker": MARKERS[place % len(MARKERS)]}


def _curve(axes: Axes, factor: FactorResult, answer: QuestionResult) -> None:
    """AUC over the levels, one line a context; over images, where a share of them is varied."""
    over_images = factor.key == TRAIN_SHARE
    for place, (name, row) in enumerate(_shown(factor)):
        points = [(_x(level, one, factor), one.auc) for level, one in row.scores.items()]
        points = [(x, auc) for x, auc in points if auc.value == auc.value]
        if not points:
            continue
        # Moved a little, so that intervals do not hide each other.
        xs = [x * (1 + 0.02 * place) for x, _ in points]
        axes.errorbar(
            xs,
            [auc.value for _, auc in points],
            yerr=_bars([auc for _, auc in points]),
            linewidth=1.2,
            elinewidth=1.0,
            capsize=2,
            markersize=4,
            label=name,
            **_style(place, name),  # type: ignore[arg-type]
        )
    _best_control(axes, factor, answer)
    axes.set_xscale("log")
    ticks = sorted(
        {_x(level, one, factor) for row in factor.contexts for level, one in row.scores.items()}
    )
    axes.set_xticks(ticks, [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("training images" if over_images else key_name(factor.key), fontsize=9)
    axes.set_ylabel(f"test AUC, {PERCENT} interval", fontsize=9)
    _plain(axes)


def _best_control(axes: Axes, factor: FactorResult, answer: QuestionResult) -> None:
    """A dashed line, broken where the levels change the controls' data."""
    style = {"color": GRAY, "linestyle": "--", "linewidth": 1.0, "label": "best control"}
    best: dict[float, float] = {}
    for control in factor.controls:
        for level, one in control.scores.items():
            x = _x(level, one, factor)
            best[x] = max(best.get(x, 0.0), one.auc.value)
    if best:
        axes.plot(list(best), list(best.values()), **style)  # type: ignore[arg-type]
    elif answer.best_controls:
        axes.axhline(max(auc for _, auc in answer.best_controls.values()), **style)  # type: ignore[arg-type]


def _x(level: str, one: LevelResult, factor: FactorResult) -> float:
    if factor.key == TRAIN_SHARE and one.train_images is not None:
        return float(one.train_images)
    return float(level)


def _forest(axes: Axes, factor: FactorResult) -> None:
    """A band for each level: the mean effect, and below it that in each context."""
    shown = _shown(factor)
    step = 0.62 / max(len(shown), 1)
    compared = [level for level in factor.levels if level != factor.reference]
    several = len(factor.contexts) > 1
    for band, level in enumerate(compared):
        mean = factor.levels[level].comparison
        if several and mean:
            _point(
                axes,
                mean.effect,
                band - 0.3,
                label="mean of the contexts",
                color="black",
                marker="D",
                markersize=6,
                linewidth=2.0,
            )
        for place, (name, row) in enumerate(shown):
            score = row.scores.get(level)
            if score and score.comparison:
                _point(
                    axes,
                    score.comparison.effect,
                    band - 0.1 + step * place if several else band,
                    label=name,
                    markersize=4,
                    linewidth=1.0,
                    **_style(place, name),
                )
        if band:
            axes.axhline(band - 0.5, color="#e0e0e0", linewidth=0.8)
    if not any(score.comparison for score in factor.levels.values()):
        axes.set_axis_off()
        axes.text(
            0.5, 0.5, f"no run at the reference {factor.reference}: nothing to compare",
            ha="center", va="center", transform=axes.transAxes, fontsize=9,
        )  # fmt: skip
        return
    axes.axvline(0, color=GRAY, linewidth=1)
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(compared)), [level_name(factor.key, level) for level in compared])
    axes.set_ylim(len(compared) - 0.45, -0.55)
    axes.set_xlabel(
        f"difference in test AUC to {level_name(factor.key, factor.reference)}, {PERCENT} interval",
        fontsize=9,
    )
    _plain(axes)


def _point(axes: Axes, effect: Interval, y: float, *, linewidth: float, **style: object) -> None:
    if effect.value == effect.value:
        axes.errorbar(
            [effect.value],
            [y],
            xerr=_bars([effect]),
            linestyle="none",
            elinewidth=linewidth,
            **style,  # type: ignore[arg-type]
        )


def _bars(intervals: Sequence[Interval]) -> list[list[float]]:
    """Distances down and up; none where there is no interval, or on the side it does not reach."""
    return [
        [0.0 if one.reason else max(0.0, one.value - one.low) for one in intervals],
        [0.0 if one.reason else max(0.0, one.high - one.value) for one in intervals],
    ]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
