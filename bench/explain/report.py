"""The pointing game of some runs: recorded for reports, and written as Markdown and CSV."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import bench
from bench.evaluate.bootstrap import RESAMPLES
from bench.evaluate.heatmaps import EVEN, FRAME, NETWORK, RANDOM, HeatMaps
from bench.explain.cases import PHANTOM, Cases, find_cases
from bench.explain.measure import IDEAL, measure_maps
from bench.explain.pointing import SHARE
from bench.files import make_folder, write_text
from bench.model import LoadedModel
from bench.progress import Progress
from bench.report.heatmaps import pointing_sections
from bench.report.markdown import fill
from bench.runs.records import MapsRecord
from bench.runs.store import Store


def measure_and_write(
    models: Sequence[LoadedModel],
    boxes: str,
    folder: Path,
    *,
    root: Path | None,
    progress: Progress,
) -> str:
    """Measure the maps of runs that differ in their seeds alone, by seed, and write the tables.

    Boxes and root are those of :func:`bench.explain.cases.find_cases`. ``pointing.md``, which is
    returned, and ``pointing.csv`` are written to the folder. The figures are recorded beside the
    runs too, so that reports show them.
    """
    cases = find_cases(
        models[0], boxes, root=root, progress=partial(progress.advance, "images decoded")
    )
    source = boxes if boxes == PHANTOM else Path(boxes).name
    record = measure_maps(
        models, cases, boxes=source, progress=partial(progress.advance, "maps made")
    )
    store = Store(models[0].run.folder.parent)
    recorded = os.access(store.root, os.W_OK)
    if recorded:
        store.record_maps(record)
    cell = models[0].run.cell
    maps = HeatMaps.of_record(record, seeds=[model.run.cell.seed for model in models])
    table = fill(
        "pointing.md.j2",
        sections=pointing_sections(f"{cell.model} {cell.loss}", maps),
        about=_about(models, maps, cases, recorded=recorded),
    )
    make_folder(folder)
    write_text(folder / "pointing.md", table + "\n")
    write_text(folder / "pointing.csv", _frame(record).to_csv(index=False))
    return table + "\n"


def _frame(record: MapsRecord) -> pd.DataFrame:
    """One line a row: each figure with the ends of its 95 % interval; NaN where there is none."""
    lines = []
    for row in record.rows:
        line: dict[str, Any] = row.model_dump(include={"maker", "finding", "images", "patients"})
        for name, figure in row.figures.items():
            line |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        lines.append(line)
    return pd.DataFrame(lines)


def _about(
    models: Sequence[LoadedModel], maps: HeatMaps, cases: Cases, *, recorded: bool
) -> list[str]:
    """Sentences on what the tables rest on."""
    run = models[0].run
    every = maps.of(NETWORK)
    of_all = (
        "one pair of an image and a finding counts once"
        if not run.outputs.binary
        else (
            "the map is that of the second class, and all boxes of an image count together; by "
            "finding, a maximum on another finding of the same image is a miss"
        )
    )
    several = len(maps.seeds) > 1
    about = [
        f"{run.cell.model} {run.cell.loss}, seeds {', '.join(map(str, maps.seeds))}: "
        f"{maps.method}; {every.images:,} test images with boxes, of {every.patients:,} patients",
        f"hits: the pointing game, without a margin; energy: share of the map's positive part in "
        f"the boxes; IoU: with the map where it is at least {SHARE:.0%} of its maximum; {of_all}",
        f"{RANDOM}: the same network with random weights; {FRAME}: the image's "
        f"border; {EVEN}: the same everywhere, which is chance; {IDEAL}: the boxes themselves, "
        "drawn on the map's grid",
        f"95 % intervals: {RESAMPLES:,} resamples of patients"
        + (", and a t part for the seeds" if several else "; another seed may differ"),
        f"cxnet-bench {bench.__version__}, run at commit {run.environment.commit}",
    ]
    if cases.unasked:
        about.append(f"not asked of this network: {', '.join(cases.unasked)}")
    if maps.boxes == PHANTOM:
        about.append("synthetic images: boxes are drawn from what the generator painted")
    if not recorded:
        about.append("the folder of the runs cannot be written to, so reports do not show this")
    return about
