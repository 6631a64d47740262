"""``bench data phantom``: the synthetic data set as files."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
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
