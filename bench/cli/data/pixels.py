"""``bench data check`` and ``bench data sheet``: what decodes every image, as a run would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import ConfigChoice, config_options
from bench.cli.output import json_option, print_json

if TYPE_CHECKING:
    from bench.config import Experiment
    from bench.data.pixel_store import PixelStore
    from bench.data.study import StudyTable


@click.command()
@config_options
@json_option
@click.pass_context
def check(context: click.Context, *, config: ConfigChoice, as_json: bool) -> None:
    """Say what is wrong with a data set; exit code 1 where anything would be dropped.

    Decodes every image, as a run would, and keeps the pixels for it.
    """
    experiment = config.experiment()

    from bench.data.check import check_data

    study, store = _open(experiment, quiet=as_json)
    found = check_data(study, store)
    if as_json:
        print_json(found.as_dict())
    else:
        for line in found.lines():
            click.echo(line)
    if found.dropped:
        context.exit(1)


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png")
@config_options
@click.option("--images", default=32, show_default=True, type=click.IntRange(1, 400))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def sheet(path: Path, *, config: ConfigChoice, images: int, seed: int) -> None:
    """Draw some images of a data set, as the networks see them, with their labels."""
    experiment = config.experiment()

    from bench.data.contact_sheet import draw_sheet

    study, store = _open(experiment, quiet=False)
    rows = store.usable(study).rows
    drawn = draw_sheet(rows, store.pixels, path, images=images, seed=seed)
    click.echo(f"{path}: {drawn} of {len(rows):,} images at {experiment.data.image_size} px")


def _open(experiment: Experiment, *, quiet: bool) -> tuple[StudyTable, PixelStore]:
    """The labels and pixels of an experiment's data set, decoded as a run would."""
    from bench.cache import pixel_cache
    from bench.data.load import open_study
    from bench.data.pixel_store import open_pixels
    from bench.progress import show_progress

    study = open_study(experiment.data)
    with show_progress(quiet=quiet) as progress:
        store = open_pixels(
            study,
            image_size=experiment.data.image_size,
            cache=pixel_cache(),
            progress=lambda done, total: progress.advance("decoding images", done, total),
        )
    return study, store
