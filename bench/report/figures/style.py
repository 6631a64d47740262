"""Colours, lines and fonts that all figures share, and figures with empty axes.

Matplotlib is imported inside the functions: the text reports do without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#1a1a1a", "#6b6b6b", "#d9d9d9"
# Okabe and Ito's colours, which readers who see fewer colours can tell apart as well, and two
# dark ones, since their yellow cannot be seen on white and their black is the ink.
SERIES = (
    "#0072b2",
    "#b85000",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#882255",
    "#5b4fa2",
)
DASHED = (0, (4, 2))
MARKERS = "os^vPXD*"
LINES = ("-", "--", "-.", ":") * 2
# Inches: about what a page is wide, so that letters keep their size.
WIDTH = 7.2
SMALL = 7.5
SQUARES = 4

# Matplotlib's own type for them lists hundreds of names.
_SETTINGS: Any = {
    # Names of models and findings are anyone's: a dollar sign is one.
    "text.parse_math": False,
    "text.color": INK,
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "lines.markeredgewidth": 0.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "cxnet-bench",
    "savefig.facecolor": "auto",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's settings for drawing and for writing, whatever the user's own are."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        # In SVG the reader's fonts draw what matplotlib's own cannot; elsewhere boxes stand there.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcParams.update(_SETTINGS)
        yield


def empty_figure(*, height: float, width: float = WIDTH, **subplots: Any) -> tuple[Figure, Any]:
    """A figure with axes, laid out by matplotlib when it is drawn.

    Args:
        height, width: in inches.

    Returns:
        The figure, and the axes in an array of shape (rows, columns).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(squeeze=False, **subplots)


def fixed_panels(
    *,
    rows: int,
    columns: int,
    width: float,
    height: float,
    gap: tuple[float, float],
    top: float,
    **subplots: Any,
) -> tuple[Figure, Any]:
    """A figure with axes of a known size, which takes a third of the time of ``empty_figure``.

    Args:
        width, height: of each in inches (the mean, with ``height_ratios``).
        gap: between columns and between rows, in inches.
        top: room for a title or a legend, in inches.
    """
    from matplotlib.figure import Figure

    left, bottom = 0.62, 0.5
    across, along = gap
    right = left + columns * width + (columns - 1) * across
    total = bottom + rows * height + (rows - 1) * along + top
    figure = Figure(figsize=(WIDTH, total))
    spacing = {
        "left": left / WIDTH,
        "right": right / WIDTH,
        "bottom": bottom / total,
        "top": 1.0 - top / total,
        "wspace": across / width,
        "hspace": along / height,
    }
    return figure, figure.subplots(rows, columns, squeeze=False, gridspec_kw=spacing, **subplots)


def square_panels(
    count: int, *, x: str, y: str, side: float = 1.49, top: float = 0.3
) -> tuple[Figure, list[Axes]]:
    """Panels in rows of four, whose axes go from 0 to 1.

    Args:
        side: of each panel, in inches.
        top: room above, in inches.
    """
    columns = min(SQUARES, count)
    figure, grid = fixed_panels(
        rows=-(-count // columns),
        columns=columns,
        width=side,
        height=side,
        gap=(0.17, 0.5),
        top=top,
        sharex=True,
        sharey=True,
    )
    panels = list(grid.flat)
    for spare in panels[count:]:
        spare.remove()
    ticks = [0, 0.5, 1] if side < 2 else [0, 0.2, 0.4, 0.6, 0.8, 1]
    for position, axes in enumerate(panels[:count]):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=ticks, yticks=ticks)
        # In the last row but one, some axes have none below them.
        axes.tick_params(labelbottom=position + columns >= count)
        axes.grid(visible=True)
    figure.supxlabel(x, x=panels[0].get_position().x0, ha="left", fontsize=9)
    figure.supylabel(y, fontsize=9)
    return figure, panels[:count]
