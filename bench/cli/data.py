"""``bench data``: look at a data set before training on it, and make the synthetic one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    ConfigChoice,
    LabelsChoice,
    config_options,
    labels_options,
    plugin_option,
    set_option,
)
from bench.cli.output import json_option, print_json

if TYPE_CHECKING:
    from bench.config import Experiment
    from bench.data.pixel_store import PixelStore
    from bench.data.study import StudyTable


@click.group()
def data() -> None:
    """Look at a data set and its splits, or write the synthetic one as files."""


@data.command()
@config_options
@click.option("--again", is_flag=True, help="Decode anew; forget the pixels kept of this data.")
@json_option
@click.pass_context
def check(context: click.Context, *, config: ConfigChoice, again: bool, as_json: bool) -> None:
    """Say what is wrong with a data set; exit code 1 where anything would be dropped.

    Decodes every image, as a run would, and keeps the pixels for it.
    """
    experiment = config.experiment()

    from bench.data.check import check_data
    from bench.data.load import read_study

    study = read_study(experiment.data)
    store = _decode(study, experiment, quiet=as_json, again=again) if len(study.rows) else None
    found = check_data(study, store)
    if as_json:
        print_json(found.as_dict())
    else:
        for line in found.lines():
            click.echo(line)
    if found.dropped:
        context.exit(1)


@data.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png")
@config_options
@click.option("--images", default=32, show_default=True, type=click.IntRange(1, 400))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def sheet(path: Path, *, config: ConfigChoice, images: int, seed: int) -> None:
    """Draw some images of a data set, as the networks see them, with their labels."""
    experiment = config.experiment()

    from bench.data.contact_sheet import draw_sheet
    from bench.data.load import open_study

    study = open_study(experiment.data)
    store = _decode(study, experiment, quiet=False)
    rows = store.usable(study).rows
    drawn = draw_sheet(rows, store.pixels, path, images=images, seed=seed)
    click.echo(f"{path}: {drawn} of {len(rows):,} images at {experiment.data.image_size} px")


@data.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), metavar="manifest.csv",
    help="Also write a manifest, with the config and the sheet beside it.",
)  # fmt: skip
@set_option
@plugin_option
def make(
    folder: Path, *, to: Path | None, settings: tuple[str, ...], plugins: tuple[Path, ...]
) -> None:
    """Look at your files in FOLDER, and write a config that reads them.

    FOLDER may be class folders, images beside a label table, DICOM, ChestX-ray14 or a .npz file;
    name the label table itself where there are several. Every choice is printed and stands in the
    config; those that only you can make are asked for (--set data.KEY=VALUE). Decodes every image,
    as a run would, and keeps the pixels for it.
    """
    from bench.cache import pixel_cache
    from bench.data.make.make import make as make_config
    from bench.progress import show_progress
    from bench.registry.plugins import load_plugins

    load_plugins(plugins)
    with show_progress() as progress:
        lines = make_config(
            folder,
            to=to,
            settings=settings,
            cache=pixel_cache(),
            progress=lambda done, total: progress.advance("decoding images", done, total),
        )
    for line in lines:
        click.echo(line)


def _decode(
    study: StudyTable, experiment: Experiment, *, quiet: bool, again: bool = False
) -> PixelStore:
    """The pixels of an experiment's data set, decoded as a run would."""
    from bench.cache import pixel_cache
    from bench.data.pixel_store import forget_pixels, open_pixels
    from bench.progress import show_progress

    if again:
        forget_pixels(study, image_size=experiment.data.image_size, cache=pixel_cache())
    with show_progress(quiet=quiet) as progress:
        return open_pixels(
            study,
            image_size=experiment.data.image_size,
            cache=pixel_cache(),
            progress=lambda done, total: progress.advance("decoding images", done, total),
        )


@data.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--images", default=2000, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--image-size", default=64, show_default=True, type=click.IntRange(28, 1024),
    help="Side in pixels.",
)  # fmt: skip
def phantom(folder: Path, *, images: int, seed: int, image_size: int) -> None:
    """Write synthetic radiographs to DIR in NIH's own layout (for --config nih_official)."""
    from bench.data.phantom.export import write_nih_layout
    from bench.progress import show_progress

    with show_progress() as progress:
        write_nih_layout(
            folder,
            images=images,
            seed=seed,
            image_size=image_size,
            progress=lambda done, total: progress.advance("writing images", done, total),
        )
    click.echo(
        f"wrote {images:,} images to {folder}; "
        f"try: bench run cxnet_m1 --config nih_official --data {folder} "
        f"--set data.image_size={image_size} --set train.max_iterations=200"
    )


@data.command()
@labels_options
@click.option("--labels-only", is_flag=True, help="Look at label files alone, at no image.")
@json_option
def split(*, config: LabelsChoice, labels_only: bool, as_json: bool) -> None:
    """Describe a config's split: sizes, prevalence, patients shared by its parts, hash.

    Without --labels-only it is the split of a run with this config: every image is decoded, so
    that identical ones are known. With it, no image needs to be there. With --data alone, the
    config is nih_official.
    """
    chosen = config.data()

    from bench.data.load import decode_source, open_labels
    from bench.data.splits import make_split
    from bench.data.summary import describe_split
    from bench.progress import show_progress

    if labels_only:
        table = open_labels(chosen)
    else:
        with show_progress(quiet=as_json) as progress:
            table, _ = decode_source(chosen, progress)
    made = make_split(table.rows, chosen)
    report = describe_split(table, made, by_labels=labels_only, train_share=chosen.train_share)
    if as_json:
        print_json(report.as_dict())
        return
    for line in report.lines():
        click.echo(line)


@data.command()
@labels_options
@click.option(
    "--figures", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Draw findings.png and normal_one_several.png in DIR.",
)  # fmt: skip
@json_option
def summary(*, config: LabelsChoice, folder: Path | None, as_json: bool) -> None:
    """Count findings and normal images, in all and in each part of the split.

    Label files are enough. With --data alone, the config is nih_official.
    """
    chosen = config.data()

    from bench.data.load import open_labels
    from bench.data.splits import split_if_given
    from bench.data.summary import summarise
    from bench.data.summary_figures import draw_summary

    table = open_labels(chosen)
    found = summarise(table, split_if_given(table.rows, chosen))
    drawn = draw_summary(found.whole, folder) if folder else ()
    if as_json:
        print_json(found.as_dict() | {"figures": [str(path) for path in drawn]})
        return
    for line in found.lines():
        click.echo(line)
    for path in drawn:
        click.echo(f"wrote {path}")
