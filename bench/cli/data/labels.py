"""``bench data split`` and ``bench data summary``: what label files alone can tell."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import LabelsChoice, labels_options
from bench.cli.output import json_option, print_json


@click.command()
@labels_options
@click.option("--labels-only", is_flag=True, help="Look at label files alone, at no image.")
@click.option(
    "--write", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write the split to DIR: which image is in which part.",
)  # fmt: skip
@json_option
def split(*, config: LabelsChoice, labels_only: bool, folder: Path | None, as_json: bool) -> None:
    """Describe a config's split: sizes, prevalence, patients shared by its parts, hash.

    Without --labels-only it is the split of a run with this config: every image is decoded, so
    that identical ones are known. With it, no image needs to be there. With --data alone, the
    config is nih_official.
    """
    chosen = config.data()

    from bench.cache import pixel_cache
    from bench.data.load import decode_study, open_labels, open_study
    from bench.data.split_report import describe_split
    from bench.data.splits import make_split
    from bench.progress import show_progress

    if labels_only:
        table = open_labels(chosen)
    else:
        with show_progress(quiet=as_json) as progress:
            table, _ = decode_study(
                open_study(chosen),
                chosen,
                cache=pixel_cache(),
                progress=lambda done, total: progress.advance("decoding images", done, total),
            )
    made = make_split(table.rows, chosen)
    report = describe_split(table, made, by_labels=labels_only, train_share=chosen.train_share)
    path = made.write(folder, table.rows) if folder else None
    if as_json:
        print_json(report.as_dict() | {"file": path and str(path)})
        return
    for line in report.lines():
        click.echo(line)
    if path:
        click.echo(f"wrote {path}")


@click.command()
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
