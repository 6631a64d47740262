"""``bench explain``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import data_option, out_option, plugin_option

if TYPE_CHECKING:
    from bench.model import LoadedModel


@click.command("explain")
@click.argument("names", nargs=-1, required=True, metavar="RUN... [IMAGE|FOLDER]...")
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
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True,
    help="Device that computes.",
)  # fmt: skip
@out_option
@plugin_option
def explain(
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

    RUN is a folder of a run, its name, or a pattern. A network of the paper has its class
    activation map, any other Grad-CAM (pip install 'cxnet-bench[explain]'). Images are PNG, JPEG,
    TIFF or DICOM files, or folders of them: each is drawn beside itself under its map, and
    index.html shows them all. With --boxes the runs of several seeds are one row, and a table is
    printed, beside random weights and other controls.
    """
    from bench.registry.plugins import load_plugins

    load_plugins(plugins)
    from bench.environment import pick_device
    from bench.model import LoadedModel
    from bench.runs.find import find_runs, is_run

    runs = list(takewhile(lambda name: is_run(name, out=out), names)) or [names[0]]
    images = names[len(runs) :]
    if (boxes is None) != bool(images):
        raise click.UsageError("after the run name images to draw, or give --boxes; one of the two")
    torch_device = pick_device(device)
    models = [LoadedModel(run.folder, device=torch_device) for run in find_runs(runs, out=out)]
    if boxes is None:
        _draw(models, [Path(image) for image in images], to, class_name)
    else:
        _measure(models, boxes, to, root)


def _draw(
    models: Sequence[LoadedModel], names: Sequence[Path], to: Path, class_name: str | None
) -> None:
    from bench.explain.images import NOTICE, explain_images, find_images, output_number
    from bench.progress import show_progress

    if len(models) > 1:
        raise click.UsageError(f"{len(models)} runs are named: pictures are of one run")
    (model,) = models
    images = find_images(names)
    with show_progress(stream=sys.stderr) as progress:
        explain_images(
            model,
            images,
            to,
            output=output_number(model, class_name),
            progress=lambda done, total: progress.advance("images explained", done, total),
        )
    click.echo(NOTICE, err=True)
    click.echo(f"wrote {to / 'index.html'}", err=True)


def _measure(models: Sequence[LoadedModel], boxes: str, to: Path, root: Path | None) -> None:
    from bench.explain.report import measure_and_write
    from bench.progress import show_progress

    with show_progress(stream=sys.stderr) as progress:
        table = measure_and_write(models, boxes, to, root=root, progress=progress)
    click.echo(table, nl=False)
    click.echo(f"wrote {to / 'pointing.csv'}, .json and .md", err=True)
