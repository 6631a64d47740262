"""The files that are made for a folder of images: a manifest, and the config of an experiment."""

from __future__ import annotations

import csv
import io
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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", *(columns[name] for name in known)])
    for row in rows.to_dict("records"):
        label = (SEPARATOR.join(row["findings"]) or NORMAL) if labelled else ""
        writer.writerow([paths[row["image"]], label, *(_cell(row[name]) for name in known)])
    write_text(file, text.getvalue())


def write_config(file: Path, data: DataConfig, *, lines: Sequence[str]) -> None:
    """Write the config of an experiment on some data, with the reasons as comments."""
    shipped = (shipped_folder() / f"{shipped_config(data.source)}.yaml").read_text("utf-8")
    options = yaml.safe_dump(
        {"options": dict(data.options)}, allow_unicode=True, sort_keys=False, width=10_000
    )
    head = [
        f"# Made by bench data make. Look at {file.stem}.png and at what was found and decided:",
        *(f"# - {line}" for line in lines),
        f"# Then: bench run --all --config {file.name}",
        f"name: {_snake_case(file.stem)}",
        f"description: {_quoted(f'Your own images: {file.stem}')}",
        "data:",
        f"  source: {data.source}",
        f"  root: {_quoted(str(data.root))}",
        f"  image_size: {data.image_size}",
        f"  split: {data.split}",
        f"  validation_fraction: {data.validation_fraction}",
        f"  test_fraction: {data.test_fraction}",
        f"  on_bad: {data.on_bad}  # skip leaves out images that cannot be used, refuse stops",
        *(f"  {line}" for line in options.splitlines()),
    ]
    write_text(file, "\n".join(head) + "\n" + shipped[shipped.index("models:") :])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:g}"
    return str(value)


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, allow_unicode=True, width=10_000, default_style='"').strip()


def _snake_case(text: str) -> str:
    name = re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"images_{name}".rstrip("_")
