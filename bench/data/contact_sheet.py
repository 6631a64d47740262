"""A contact sheet: some images of a data set as the networks see them, with their labels."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.tasks import is_abnormal
from bench.errors import InputError
from bench.randomness import generator

COLUMNS = 8
FORMATS = (".png", ".pdf", ".svg", ".jpg")


def draw_sheet(
    rows: pd.DataFrame, pixels: NDArray[np.uint8], path: Path, *, images: int, seed: int = 0
) -> int:
    """Draw a contact sheet: normal images first, then abnormal ones, drawn at random.

    There are at most ``images`` of them, half normal where there are enough; how many is returned.
    The ending of ``path`` names the format, and the choice follows from ``seed``.
    """
    from matplotlib.figure import Figure

    if path.suffix not in FORMATS:
        raise InputError(f"contact sheet {path.name!r}: let its name end in {', '.join(FORMATS)}")
    chosen = choose(rows, images=images, seed=seed)
    lines = -(-len(chosen) // COLUMNS)
    figure = Figure(figsize=(1.6 * COLUMNS, 1.9 * lines), layout="constrained")
    axes = list(figure.subplots(lines, COLUMNS, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for axis, (_, row) in zip(axes, rows.iloc[chosen].iterrows(), strict=False):
        # Nearest neighbour and the full scale: what is shown is what is stored.
        axis.imshow(
            pixels[row["pixel_row"]], cmap="gray", vmin=0, vmax=255, interpolation="nearest"
        )
        axis.set_title(_caption(row["findings"]), fontsize=7)
    try:
        with warnings.catch_warnings():
            # Letters that the font lacks (Chinese ones) are drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(path, dpi=120)
    except OSError as error:
        raise InputError(f"contact sheet {str(path)!r}: {error.strerror}") from None
    return len(chosen)


def choose(rows: pd.DataFrame, *, images: int, seed: int) -> NDArray[np.int64]:
    """Row numbers for a sheet: normal images, then abnormal ones sorted by their findings."""
    abnormal = is_abnormal(rows)
    order = generator(seed, "contact sheet").permutation(len(rows))
    normal, others = order[~abnormal[order]], order[abnormal[order]]
    half = images // 2
    wanted = min(len(normal), max(half, images - len(others)))
    by_findings = sorted(others[: images - wanted], key=lambda row: rows["findings"].iloc[row])
    return np.array([*normal[:wanted], *by_findings], dtype=np.int64)


def _caption(findings: tuple[str, ...]) -> str:
    """Two findings at most, so that captions do not run into one another."""
    if not findings:
        return "normal"
    short = [name.replace("_", " ") for name in findings]
    more = f" +{len(short) - 2}" if len(short) > 2 else ""
    return "\n".join(short[:2]) + more
