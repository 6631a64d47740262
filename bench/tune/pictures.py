"""Optuna's pictures of a study, made to be read: what is not in them is said, and all is seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning

from bench.errors import first_line
from bench.tune.ledger import spent
from bench.tune.show import AUC, Stored

FEW = 10
"""Of fewer finished trials an importance is hardly more than chance."""
PALEST = 0.35
"""Where the colours of lines begin, of 0 (white) to 1."""


def draw(studies: Sequence[Stored], folder: Path) -> Iterator[str]:
    """Draw each study's history, parameter importance and parallel coordinates.

    Args:
        studies: to be drawn.
        folder: of the pictures, ``STUDY-history.png`` and so on; made where it is not there.

    Yields:
        A line a picture: where it is, or why there is none; one for all of a study that has too
        few trials.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for one in studies:
        finished = spent(one.trials).finished
        if finished < 2:
            yield (
                f"no pictures of {one.study.study_name}: too few trials were trained to their end "
                f"({finished})"
            )
            continue
        for name, plot in _plots().items():
            path = folder / f"{one.study.study_name}-{name}.png"
            reason = _draw(one, name, plot, path)
            yield f"wrote {path}" if reason is None else f"no {path.name}: {reason}"


def _draw(one: Stored, name: str, plot: Callable[[optuna.Study], Any], path: Path) -> str | None:
    from matplotlib import pyplot

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            # Of an axis on which all trials have the same value.
            warnings.filterwarnings("ignore", message="Attempting to set identical low and high")
            # Optuna sets a style of its own; it is to hold for this picture alone.
            with pyplot.style.context("default"):
                figure = plot(one.study).get_figure()
                # Wide enough for the axes of parallel coordinates with their numbers.
                figure.set_size_inches(11, 5)
                # Above Optuna's own title, however many lines it has.
                figure.suptitle(_title(one, name), y=0.96, verticalalignment="bottom", fontsize=9)
                figure.savefig(path, dpi=150, bbox_inches="tight")
    except (ValueError, RuntimeError) as error:
        # Such as an importance where all trials have the same value.
        return first_line(error)
    finally:
        pyplot.close("all")
    return None


def _plots() -> dict[str, Callable[[optuna.Study], Any]]:
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.ticker import MaxNLocator
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.visualization import matplotlib as plots

    def importance(study: optuna.Study) -> Any:
        evaluator = FanovaImportanceEvaluator(seed=0)
        return plots.plot_param_importances(study, evaluator=evaluator, target_name=AUC)

    def history(study: optuna.Study) -> Any:
        axes = plots.plot_optimization_history(study, target_name=AUC)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return axes

    def parallel(study: optuna.Study) -> Any:
        axes = plots.plot_parallel_coordinate(study, target_name=AUC)
        # Optuna's own colours begin at a white that the worst trials' lines cannot be seen in.
        visible = ListedColormap(colormaps["Blues"](np.linspace(PALEST, 1, 256)))
        for lines in axes.collections:
            lines.set_cmap(visible)
        return axes

    return {"history": history, "importance": importance, "parallel": parallel}


def _title(one: Stored, name: str) -> str:
    """The study's name, and what its picture does not show."""
    cost = spent(one.trials)
    title = one.study.study_name
    if cost.pruned or cost.failed:
        title += f"\nnot in it: {cost.pruned:,} pruned and {cost.failed:,} failed trials"
    if name == "importance" and cost.finished < FEW:
        title += f"\nof {cost.finished} finished trials: importance from so few means little"
    return title
