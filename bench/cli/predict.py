"""``bench predict``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli import complete
from bench.cli.options import device_option, plugin_option, runs_option

if TYPE_CHECKING:
    from bench.explain.images import Explainer
    from bench.predict.images import ImageList
    from bench.predict.records import PredictionReport


@click.command("predict")
@click.argument(
    "arguments", nargs=-1, required=True, metavar="RUN... IMAGES...", shell_complete=complete.runs
)
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write FILE.csv or FILE.json instead of printing a table.",
)  # fmt: skip
@runs_option
@device_option("Device that the networks compute on.")
@click.option(
    "--heatmap", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
    help="Also draw where the evidence for the second class (of several, the most probable) lies, "
    "as bench explain does.",
)  # fmt: skip
@plugin_option
@click.pass_context
def predict_command(
    context: click.Context,
    *,
    arguments: tuple[str, ...],
    out: Path | None,
    folder: Path,
    device: str,
    heatmap: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Predict new images by the network of a finished run.

    RUN is the folder of a run, its name in results/runs, or a pattern such as 'cxnet_m1-sin-*';
    several must be the seeds of one row, whose mean is predicted. IMAGES are files (PNG, JPEG,
    TIFF, DICOM), folders, or tables with a column of paths.

    Gives the probability, calibrated too, the decisions at the run's threshold and at 95 %
    specificity, and whether the image is unlike the training images. Ends with exit code 1 where
    an image could not be read. Research software, not a medical device.
    """
    from bench.environment import pick_device
    from bench.explain.images import Explainer, check_new
    from bench.files import make_folder
    from bench.predict.arguments import sort_arguments
    from bench.predict.formats import FORMATS, summary_lines
    from bench.predict.images import list_images
    from bench.predict.predict import predict_images
    from bench.predict.row import NetworkRow
    from bench.progress import show_progress
    from bench.registry.plugins import load_plugins

    if out is not None and out.suffix.lower() not in FORMATS:
        raise click.UsageError(f"--out {out}: the name must end in {' or '.join(FORMATS)}")
    load_plugins(plugins)
    chosen = sort_arguments(arguments, runs=folder)
    listed = list_images(chosen.images)
    row = NetworkRow.load(chosen.runs, device=pick_device(device))
    explainer = None if heatmap is None else Explainer.make(row)
    if heatmap is not None:
        check_new(heatmap)
    if out is not None:  # a wrong path is found before the work
        make_folder(out.parent)
    with show_progress(stream=sys.stderr) as progress:
        report = predict_images(row, listed, progress=progress)
    _give(report, out)  # before the pictures, which take longer and can fail
    if explainer is not None and heatmap is not None:
        _draw(explainer, listed, heatmap)
    for line in summary_lines(report):
        click.echo(line, err=True)
    for path in filter(None, (out, heatmap and heatmap / "index.html")):
        click.echo(f"wrote {path}", err=True)
    if report.errors:
        context.exit(1)


def _give(report: PredictionReport, out: Path | None) -> None:
    """Print the predictions as a table, or write them in the format that a file's name says."""
    from bench.files import write_text
    from bench.predict.formats import FORMATS, table

    if out is None:
        click.echo(table(report))
    else:
        write_text(out, FORMATS[out.suffix.lower()](report))


def _draw(explainer: Explainer, listed: ImageList, heatmap: Path) -> None:
    """Draw the evidence in each image."""
    from bench.explain.images import explain_images
    from bench.progress import show_progress

    with show_progress(stream=sys.stderr) as progress:
        drawn = partial(progress.advance, "images explained")
        explain_images(explainer, listed.images, heatmap, progress=drawn)
