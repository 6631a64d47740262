"""``bench data split`` and ``bench data summary``: what label files alone can tell."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench.cli.options import config_options, config_or_nih, load_data_config, load_plugins


@click.command()
@config_options
@click.option("--labels-only", is_flag=True, help="Look at label files alone, at no image.")
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the split to DIR: which image is in which part.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def split(
    context: click.Context,
    *,
    config: str,
    root: Path | None,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
    labels_only: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Describe a config's split: sizes, prevalence, patients shared by its parts, hash.

    Without --labels-only it is the split of a run with this config: every image is decoded, so
    that identical ones are known. With it, no image needs to be there. With --data alone, the
    config is nih_official.
    """
    load_plugins(plugins)
    wanted = load_data_config(config_or_nih(context, config, root), root, settings)

    from bench.cache import pixel_cache
    from bench.data.load import open_decoded, open_labels
    from bench.data.split_report import describe_split
    from bench.data.splits import split_as_configured
    from bench.progress import show_progress

    if labels_only:
        table = open_labels(wanted)
    else:
        with show_progress(quiet=as_json) as progress:
            table = open_decoded(
                wanted,
                cache=pixel_cache(),
                progress=lambda done, total: progress.advance("decoding images", done, total),
            )
    made = split_as_configured(table.rows, wanted)
    report = describe_split(table, made, by_labels=labels_only, train_share=wanted.train_share)
    path = made.write(folder, table.rows) if folder else None
    if as_json:
        click.echo(json.dumps(report.as_dict() | {"file": path and str(path)}, indent=2))
        return
    for line in report.lines():
        click.echo(line)
    if path:
        click.echo(f"wrote {path}")


@click.command()
@config_options
@click.option(
    "--figures",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Draw findings.png and normal_one_several.png in DIR.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def summary(
    context: click.Context,
    *,
    config: str,
    root: Path | None,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
    folder: Path | None,
    as_json: bool,
) -> None:
    """Count findings and normal images, in all and in each part of the split.

    Label files are enough. With --data alone, the config is nih_official.
    """
    load_plugins(plugins)
    wanted = load_data_config(config_or_nih(context, config, root), root, settings)

    from bench.data.load import open_labels
    from bench.data.splits import split_if_given
    from bench.data.summary import summarise
    from bench.data.summary_figures import draw_summary

    table = open_labels(wanted)
    found = summarise(table, split_if_given(table.rows, wanted))
    drawn = draw_summary(found.whole, folder) if folder else ()
    if as_json:
        files = {"figures": [str(path) for path in drawn]}
        click.echo(json.dumps(found.as_dict() | files, indent=2))
        return
    for line in found.lines():
        click.echo(line)
    for path in drawn:
        click.echo(f"wrote {path}")
