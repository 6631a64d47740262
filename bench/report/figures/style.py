"""Colours, lines and letters that all pictures share, and an empty figure in them.

Matplotlib is imported inside the functions: the text reports do without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
MARKERS = ("o", "s", "^", "v", "P", "X", "D", "*")
LINES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1.2)),
    (0, (8, 2)),
    (0, (1.2, 2.4)),
    (0, (6, 1.2, 1.2, 1.2, 1.2, 1.2)),
)
# A page can give these variables other values, such as those for a dark ground.
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    **{colour: f"--series-{place}" for place, colour in enumerate(SERIES, start=1)},
}
# The same colours, lighter, for a page on a dark ground; each is told from #15181c by a contrast
# of at least 4.5.
ON_DARK = {
    "--ink": "#e8e8e8",
    "--muted": "#a0a4a8",
    "--rule": "#3a3f45",
    "--series-1": "#4aa8e0",
    "--series-2": "#ff8a3d",
    "--series-3": "#2fcb9b",
    "--series-4": "#e3a3c6",
    "--series-5": "#f0b93a",
    "--series-6": "#9ad4f5",
    "--series-7": "#e0719f",
    "--series-8": "#a99be6",
}
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
    "axes.titlecolor": INK,
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
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "lines.markeredgewidth": 0.0,
    "patch.edgecolor": MUTED,
    "svg.fonttype": "none",
    "svg.hashsalt": "cxnet-bench",
    "savefig.facecolor": "auto",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and write within it: some marks are only made when a figure is written.

    What the reader's own matplotlib is set to has no say.
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        # In SVG the page's fonts draw what matplotlib's own cannot; elsewhere boxes stand there.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        with matplotlib.rc_context(_SETTINGS):
            yield


@dataclass(frozen=True, kw_only=True)
class Room:
    """Inches around axes and between them, where it is known beforehand what stands there.

    Matplotlib would find them out, but draws all axes twice for it.
    """

    left: float
    right: float
    bottom: float
    top: float
    across: float
    along: float


def empty(
    *, height: float, rows: int = 1, columns: int = 1, room: Room | None = None, **sharing: Any
) -> tuple[Figure, Any]:
    """A figure with axes.

    Args:
        height: in inches.
        rows, columns: of axes.
        room: around them; None leaves it to matplotlib.
        sharing: as ``Figure.subplots`` takes it.

    Returns:
        The figure, and the axes in an array of shape (rows, columns).
    """
    from matplotlib.figure import Figure

    if room is None:
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, **sharing)
    figure = Figure(figsize=(WIDTH, height))
    inner = WIDTH - room.left - room.right - (columns - 1) * room.across
    tall = height - room.bottom - room.top - (rows - 1) * room.along
    grid = {
        "left": room.left / WIDTH,
        "right": 1.0 - room.right / WIDTH,
        "bottom": room.bottom / height,
        "top": 1.0 - room.top / height,
        "wspace": room.across * columns / inner,
        "hspace": room.along * rows / tall,
    }
    return figure, figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid, **sharing)


def squares(count: int, *, x: str, y: str, legend: bool = False) -> tuple[Figure, list[Axes]]:
    """Small multiples whose axes go from 0 to 1, at most four in a row, with titles.

    Args:
        count: of axes.
        x, y: what their axes are.
        legend: whether there must be room for a line above.
    """
    columns = min(SQUARES, count)
    rows = -(-count // columns)
    left, across, bottom, along, top = 0.55, 0.17, 0.55, 0.45, 0.62 if legend else 0.3
    side = (WIDTH - left - 0.1 - (SQUARES - 1) * across) / SQUARES
    wide = columns * side + (columns - 1) * across
    height = bottom + rows * side + (rows - 1) * along + top
    figure, grid = empty(
        height=height,
        rows=rows,
        columns=columns,
        room=Room(
            left=left, right=WIDTH - left - wide, bottom=bottom, top=top, across=across, along=along
        ),
        sharex=True,
        sharey=True,
    )
    axes = list(grid.flat)
    for spare in axes[count:]:
        spare.remove()
    for place, one in enumerate(axes[:count]):
        one.set_xlim(-0.02, 1.02)
        one.set_ylim(-0.02, 1.02)
        one.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
        one.set_yticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
        # The axes below are missing in the last row but one.
        one.tick_params(labelbottom=place + columns >= count)
        one.grid(visible=True)
    figure.supxlabel(x, x=(left + wide / 2.0) / WIDTH, fontsize=9)
    figure.supylabel(y, y=1.0 - (top + (height - top - bottom) / 2.0) / height, fontsize=9)
    return figure, axes[:count]
