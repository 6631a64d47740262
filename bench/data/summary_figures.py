"""Figures of the labels of a data set: Fig. 6 and Fig. 7 of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.summary import LabelCounts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK, LIGHT, GRAY = "#2b5c8a", "#a9c6e0", "#8c8c8c"
DPI = 150


def draw_summary(counts: LabelCounts, folder: Path) -> tuple[Path, Path]:
    """Draw ``findings.png`` and ``normal_one_several.png`` in a folder, and return their paths.

    How often each finding occurs, and how many findings an image has.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        folder / "findings.png": _findings(counts),
        folder / "normal_one_several.png": _normal_one_several(counts),
    }
    for path, figure in pictures.items():
        figure.savefig(path, dpi=DPI)
    findings, normal_one_several = pictures
    return findings, normal_one_several


def _findings(counts: LabelCounts) -> Figure:
    found = counts.findings
    figure, axes = _empty(bars=len(found))
    names = [name.replace("_", " ") for name in found.index]
    axes.barh(names, found["alone"], color=DARK, label="alone")
    bars = axes.barh(
        names, found["with_others"], left=found["alone"], color=LIGHT, label="with others"
    )
    labels = [f"{row.images:,}  ({row.alone:,} alone)" for row in found.itertuples()]
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.set_title("Images with each finding", loc="left", fontsize=11)
    if len(found):
        figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=9)
    return figure


def _normal_one_several(counts: LabelCounts) -> Figure:
    figure, axes = _empty(bars=3)
    numbers = [counts.normal, counts.one, counts.several]
    bars = axes.barh(
        ["normal", "one finding", "several findings"], numbers, color=[GRAY, DARK, LIGHT]
    )
    shares = [f"{number:,}  ({100 * number / counts.images:.1f} %)" for number in numbers]
    axes.bar_label(bars, shares, padding=4, fontsize=9)
    axes.set_title(f"Findings per image ({counts.images:,} images)", loc="left", fontsize=11)
    return figure


def _empty(*, bars: int) -> tuple[Figure, Axes]:
    """Axes for horizontal bars, the first on top, with numbers beside them instead of a scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 0.9 + 0.3 * bars), layout="constrained")
    axes = figure.subplots()
    axes.invert_yaxis()
    axes.margins(x=0.25, y=0.02)  # to the right of the bars, for the numbers
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False, labelsize=9)
    axes.xaxis.set_visible(False)
    return figure, axes
