"""The pointing game of some runs, written as Markdown, CSV and JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import bench
from bench.evaluate.bootstrap import RESAMPLES
from bench.evaluate.heatmaps import EVEN, RANDOM, MeasuredMaps
from bench.explain.cases import ANY, PHANTOM, Cases, find_cases
from bench.explain.measure import FRAME, IDEAL, measure_maps, record_of
from bench.explain.pointing import SHARE
from bench.explain.tables import agreement_frame, agreement_json, agreement_markdown
from bench.files import make_folder, write_text
from bench.model import LoadedModel
from bench.progress import Progress
from bench.runs.store import Store


def measure_and_write(
    models: Sequence[LoadedModel],
    boxes: str,
    folder: Path,
    *,
    root: Path | None,
    progress: Progress,
) -> str:
    """Measure the maps of runs that differ in their seeds alone, and write the tables.

    The figures are recorded beside the runs too, so that reports show them.

    Args:
        models: the runs'.
        boxes, root: as for :func:`bench.explain.cases.find_cases`.
        folder: of ``pointing.md``, ``pointing.csv`` and ``pointing.json``; made if it is not there.
        progress: shown.

    Returns:
        The Markdown.

    Raises:
        InputError: as :func:`bench.explain.cases.find_cases` and
            :func:`bench.explain.measure.measure_maps`.
    """
    cases = find_cases(
        models[0], boxes, root=root, progress=partial(progress.advance, "images decoded")
    )
    method, rows = measure_maps(models, cases, progress=partial(progress.advance, "maps made"))
    about = _about(models, method, rows, cases, boxes)
    store = Store(models[0].run.folder.parent)
    if os.access(store.root, os.W_OK):
        source = boxes if boxes == PHANTOM else Path(boxes).name
        store.record_maps(record_of(models, source, method, rows))
    else:
        about.append("the folder of the runs cannot be written to, so reports do not show this")
    record = {"runs": [model.name for model in models], "method": method, "notes": about}
    make_folder(folder)
    table = agreement_markdown(rows, about)
    write_text(folder / "pointing.md", table)
    write_text(folder / "pointing.csv", agreement_frame(rows).to_csv(index=False))
    write_text(folder / "pointing.json", agreement_json(rows, record))
    return table


def _about(
    models: Sequence[LoadedModel],
    method: str,
    rows: Sequence[MeasuredMaps],
    cases: Cases,
    boxes: str,
) -> list[str]:
    """Sentences on what the tables rest on."""
    run = models[0].run
    seeds = sorted(model.run.cell.seed for model in models)
    every = next(row for row in rows if row.finding == ANY)
    of_all = (
        "one pair of an image and a finding counts once"
        if not run.outputs.binary
        else (
            "the map is that of the second class, and all boxes of an image count together; by "
            "finding, a maximum on another finding of the same image is a miss"
        )
    )
    about = [
        f"{run.cell.model} {run.cell.loss}, seeds {', '.join(map(str, seeds))}: {method}; "
        f"{every.images:,} test images with boxes, of {every.patients:,} patients",
        f"hits: the pointing game, without a margin; energy: share of the map's positive part in "
        f"the boxes; IoU: with the map where it is at least {SHARE:.0%} of its maximum; {of_all}",
        f"{RANDOM}: the same network with random weights; {FRAME}: the image's "
        f"border; {EVEN}: the same everywhere, which is chance; {IDEAL}: the boxes themselves, "
        "drawn on the map's grid",
        f"95 % intervals: {RESAMPLES:,} resamples of patients"
        + (", and a t part for the seeds" if len(seeds) > 1 else "; another seed may differ"),
        *([f"not asked of this network: {', '.join(cases.unasked)}"] if cases.unasked else []),
        f"cxnet-bench {bench.__version__}, run at commit {run.environment.commit}",
    ]
    if boxes == PHANTOM:
        about.append("synthetic images: boxes are drawn from what the generator painted")
    return about
