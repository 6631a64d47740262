"""Optuna's pictures of a study: history, parameter importance and parallel coordinates."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from optuna.exceptions import ExperimentalWarning

from bench.errors import first_line
from bench.tuning.show import StoredStudy
from bench.tuning.trials import spent


def draw(studies: Sequence[StoredStudy], folder: Path) -> Iterator[str]:
    """Draw the pictures of each study; pruned and failed trials are in none of them.

    Args:
        studies: to be drawn.
        folder: of the pictures, ``STUDY-history.png`` and so on; made where it is not there.

    Yields:
        A line a picture: where it is, or why there is none; one line for a study that has too
        few trials.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.visualization import matplotlib as plots

    plot_importances = partial(
        plots.plot_param_importances, evaluator=FanovaImportanceEvaluator(seed=0)
    )
    folder.mkdir(parents=True, exist_ok=True)
    for stored in studies:
        study, finished = stored.study, spent(stored.trials).finished
        if finished < 2:
            yield (
                f"no pictures of {study.study_name}: too few trials were trained to their end "
                f"({finished})"
            )
            continue
        for name, plot in (
            ("history", plots.plot_optimization_history),
            ("importance", plot_importances),
            ("parallel", plots.plot_parallel_coordinate),
        ):
            path = folder / f"{study.study_name}-{name}.png"
            # Optuna sets a style of its own; it is to hold for this picture alone.
            with warnings.catch_warnings(), pyplot.style.context("default"):
                warnings.simplefilter("ignore", ExperimentalWarning)
                # Of an axis on which all trials have the same value.
                warnings.filterwarnings("ignore", message="Attempting to set identical low")
                try:
                    plot(study, target_name="validation AUC")
                    figure = pyplot.gcf()
                    figure.suptitle(study.study_name, fontsize=9)
                    # Wide enough for the axes of parallel coordinates with their numbers.
                    figure.set_size_inches(11, 5)
                    figure.savefig(path, dpi=150, bbox_inches="tight")
                    yield f"wrote {path}"
                except (ValueError, RuntimeError) as error:
                    # Such as an importance where all trials have the same value.
                    yield f"no {path.name}: {first_line(error)}"
                finally:
                    pyplot.close("all")
