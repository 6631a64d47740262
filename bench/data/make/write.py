"""The files that are made for a folder of images: a manifest, and the config of an experiment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml

from bench.config import DataConfig, shipped_folder
from bench.data.study import SEPARATOR
from bench.files import write_text

# The shipped config whose models, losses and training are taken, by the data source.
_SHIPPED = {"nih": "nih_patient"}

NORMAL = "normal"
"""Label of a normal image in a manifest."""


def shipped_config(source: str) -> str:
    """Name of the shipped config for a data source."""
    return _SHIPPED.get(source, source)


def path_in(path: Path, manifest: Path) -> str:
    """The path of a file for a manifest: relative to its folder where it lies in it, else full."""
    whole, folder = Path(os.path.abspath(path)), Path(os.path.abspath(manifest)).parent  # noqa: PTH100
    return (whole.relative_to(folder) if whole.is_relative_to(folder) else whole).as_posix()


def write_manifest(
    file: Path, rows: pd.DataFrame, paths: Mapping[str, str], *, labelled: bool
) -> None:
    """Write a manifest with those columns that are known of any image.

    Not labelled, its column of labels is empty, for someone to fill in.
    """
    columns = {name: name for name in ("patient", "view", "sex", "age")} | {"given_split": "split"}
    known = [name for name in columns if (rows[name].notna() & (rows[name] != "")).any()]
    labels = [(SEPARATOR.join(found) or NORMAL) if labelled else "" for found in rows["findings"]]
    table = pd.DataFrame({"path": rows["image"].map(paths), "label": labels})
    table = table.assign(**{columns[name]: rows[name] for name in known})
    write_text(file, table.to_csv(index=False, lineterminator="\n", float_format="%g"))


def write_config(file: Path, data: DataConfig, *, lines: Sequence[str]) -> None:
    """Write the config of an experiment on some data, with the reasons as comments."""
    shipped = (shipped_folder() / f"{shipped_config(data.source)}.yaml").read_text("utf-8")
    keys = (
        "source", "root", "image_size", "split", "validation_fraction", "test_fraction", "on_bad",
        "options",
    )  # fmt: skip
    settings = {
        "name": _snake_case(file.stem),
        "description": f"Your own images: {file.stem}",
        "data": {key: data.model_dump(mode="json")[key] for key in keys},
    }
    head = [
        f"# Made by bench data make. Look at {file.stem}.png and at what was found and decided:",
        *(f"# - {line}" for line in lines),
        "# on_bad: skip leaves out images that cannot be used, refuse stops",
        f"# Then: bench run --all --config {file.name}",
        yaml.safe_dump(settings, allow_unicode=True, sort_keys=False, width=10_000),
    ]
    write_text(file, "\n".join(head) + shipped[shipped.index("models:") :])


def _snake_case(text: str) -> str:
    name = re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"images_{name}".rstrip("_")
