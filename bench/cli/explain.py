"""``bench explain``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import data_option, device_option, out_option, plugin_option

if TYPE_CHECKING:
    from bench.predict.row import NetworkRow


@click.command("explain")
@click.argument(
    "names", nargs=-1, required=True, metavar="RUN... [IMAGES]...", shell_complete=complete.runs
)
@click.option(
    "--to", required=True, metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Folder of what is written.",
)  # fmt: skip
@click.option(
    "--class", "class_name", metavar="NAME",
    help="Class or finding whose evidence is drawn [default: the second of two classes; of others "
    "the most probable].",
)  # fmt: skip
@click.option(
    "--boxes", metavar="phantom|FILE",
    help="Instead of images: how often the maps hit the known lesions of the runs' own test images "
    "(phantom), or the boxes of a file such as NIH's BBox_List_2017.csv.",
)  # fmt: skip
@data_option
@device_option("Device that computes.")
@out_option
@plugin_option
def explain(
    *,
    names: tuple[str, ...],
    to: Path,
    class_name: str | None,
    boxes: str | None,
    root: Path | None,
    device: str,
    out: Path,
    plugins: tuple[Path, ...],
) -> None:
    """Draw where in an image a network's evidence lies, or measure it.

    RUN is a folder of a run, its name, or a pattern; several must be the seeds of one row, whose
    mean map is drawn. A network of the paper has its class activation map, any other Grad-CAM (pip
    install 'cxnet-bench[explain]'). IMAGES are files (PNG, JPEG, TIFF, DICOM), folders, or tables
    with a column of paths: each is drawn beside itself under its map, and index.html shows them
    all. Ends with exit code 1 where one could not be read.

    With --boxes a table is printed: how often the maps hit, beside random weights and other
    controls.
    """
    from bench.registry.plugins import load_plugins

    load_plugins(plugins)
    from bench.environment import pick_device
    from bench.predict.arguments import sort_arguments
    from bench.predict.row import NetworkRow
    from bench.runs.find import find_runs, is_run

    if boxes is not None and class_name is not None:
        raise click.UsageError("--class chooses what is drawn, and --boxes draws nothing")
    if boxes is None and root is not None:
        raise click.UsageError("--data is where the images of --boxes lie: give --boxes too")
    if boxes is None:
        chosen = sort_arguments(names, runs=out)
        row = NetworkRow.load(chosen.runs, device=pick_device(device))
        if _draw(row, chosen.images, to, class_name):
            click.get_current_context().exit(1)
        return
    if images := [name for name in names if not is_run(name, out=out) and Path(name).exists()]:
        raise click.UsageError(f"--boxes takes the runs' own test images, and not {images[0]}")
    row = NetworkRow.load(find_runs(names, out=out), device=pick_device(device))
    _measure(row, boxes, to, root)


def _draw(row: NetworkRow, paths: Sequence[Path], to: Path, class_name: str | None) -> bool:
    """Draw the maps of images; whether one could not be read."""
    from bench.explain.images import Explainer, explain_images
    from bench.model import NOTICE
    from bench.predict.images import list_images, skipped_lines
    from bench.progress import show_progress

    explainer = Explainer.make(row, class_name)
    listed = list_images(paths)
    with show_progress(stream=sys.stderr) as progress:
        explained = explain_images(
            explainer, listed.images, to, progress=partial(progress.advance, "images explained")
        )
    errors = [f"{each.image!r}: {each.error}" for each in explained if each.error]
    lines = [*listed.notes, *skipped_lines(listed.skipped), *errors]
    for line in (*lines, NOTICE, f"wrote {to / 'index.html'}"):
        click.echo(line, err=True)
    return bool(errors)


def _measure(row: NetworkRow, boxes: str, to: Path, root: Path | None) -> None:
    from bench.explain.report import measure_and_write
    from bench.progress import show_progress

    with show_progress(stream=sys.stderr) as progress:
        table = measure_and_write(row.models, boxes, to, root=root, progress=progress)
    click.echo(table, nl=False)
    click.echo(f"wrote {to / 'pointing.csv'} and .md", err=True)
