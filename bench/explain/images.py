"""Heat maps of images that a user names: pictures, and a page that shows them all."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from numpy.typing import NDArray

from bench.data.decode import resize
from bench.data.image_files import (
    DICOM_SUFFIXES,
    SUFFIXES,
    quiet_decoders,
    read_grayscale,
)
from bench.data.study import ImageError
from bench.errors import InputError
from bench.evaluate.operating_points import called_names
from bench.explain.maps import Mapper, make_mapper
from bench.explain.overlay import COLOURS, draw_overlay
from bench.files import make_folder, write_bytes, write_text
from bench.model import LoadedModel
from bench.randomness import generator
from bench.registry.core import near_matches

BATCH = 16
NOTICE = (
    "Research software, not a medical device: neither maps nor probabilities are for diagnosis."
)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The heat map of an image.

    Attributes:
        image: its name, as the user gave it.
        picture: name of the PNG file.
        output: the class or finding whose evidence is shown.
        probability: of that.
        threshold: from which it is called, chosen on the validation part; None where the most
            probable class is.
        peak: largest value of the map; in logits for class activation maps, without a unit for
            Grad-CAM. At 0 or below nothing is drawn.
    """

    image: str
    picture: str
    output: str
    probability: float
    threshold: float | None
    peak: float


def find_images(names: Sequence[Path]) -> list[Path]:
    """The image files that are named, and those in folders that are named, sorted by path.

    Raises:
        InputError: a name is neither file nor folder, or a folder holds no image.
    """
    found: list[Path] = []
    for name in names:
        if name.is_file():
            found.append(name)
            continue
        inside = sorted(
            path
            for path in name.rglob("*")
            if path.suffix.lower() in (*SUFFIXES, *DICOM_SUFFIXES) and path.is_file()
        )
        if not inside:
            what = "holds no image" if name.is_dir() else "is neither an image nor a folder"
            raise InputError(f"{str(name)!r} {what}: name PNG, JPEG, TIFF or DICOM files")
        found += inside
    return list(dict.fromkeys(found))


def mapper_of(model: LoadedModel) -> Mapper:
    """The maker of a loaded model's maps.

    Raises:
        InputError: as :func:`bench.explain.maps.make_mapper`.
    """
    noise = generator(0, "images that differ").integers(
        256, size=(2, model.image_size, model.image_size), dtype=np.uint8
    )
    return make_mapper(
        model.network,
        model.run.outputs,
        example=model.to_input(noise),
        name=model.run.cell.model,
    )


def output_number(model: LoadedModel, name: str | None) -> int | None:
    """Number of the output whose evidence is shown; None for the most probable of each image.

    Args:
        model: the run's.
        name: the class or finding; None for the second of two classes, and otherwise for the most
            probable one.

    Raises:
        InputError: the run predicts no such thing.
    """
    classes = model.classes
    if name is None:
        return 1 if model.run.outputs.binary else None
    if name not in classes:
        raise InputError(
            f"run {model.name} predicts no {name!r}: {near_matches(name, list(classes))}"
        )
    return classes.index(name)


def explain_images(
    model: LoadedModel,
    paths: Sequence[Path],
    folder: Path,
    *,
    output: int | None,
    progress: Callable[[int, int], None],
) -> list[Explanation]:
    """Write a picture of each image under its map, and the page ``index.html``.

    Args:
        model: the run's.
        paths: image files.
        folder: where to; made if it is not there.
        output: from :func:`output_number`.
        progress: called with images done and images in all.

    Raises:
        InputError: a file is no image that can be read, or the network has no maps.
    """
    mapper = mapper_of(model)
    make_folder(folder)
    explained: list[Explanation] = []
    for start in range(0, len(paths), BATCH):
        some = paths[start : start + BATCH]
        grays = list(_read(some, model.data.full_scale))
        explained += _explain(
            model, mapper, some, grays, folder, output=output, first=len(explained)
        )
        progress(len(explained), len(paths))
    records = [vars(each) for each in explained]
    about = {"run": model.name, "method": mapper.method, "notice": NOTICE}
    write_text(folder / "index.json", json.dumps({**about, "images": records}, indent=2) + "\n")
    write_text(folder / "index.html", _page(model, mapper, explained))
    return explained


def _read(paths: Sequence[Path], full_scale: int | None) -> Iterator[NDArray[np.uint8]]:
    with quiet_decoders():
        for path in paths:
            try:
                yield read_grayscale(path, full_scale=full_scale)
            except ImageError as error:
                raise InputError(f"image {str(path)!r}: {error}") from None


def _explain(
    model: LoadedModel,
    mapper: Mapper,
    paths: Sequence[Path],
    grays: Sequence[NDArray[np.uint8]],
    folder: Path,
    *,
    output: int | None,
    first: int,
) -> Iterator[Explanation]:
    """Explanations of a batch, whose pictures are written; the number of its first is given."""
    squares = np.stack([resize(gray, model.image_size) for gray in grays])
    probabilities = model.predict(squares)
    shown = (
        probabilities.argmax(axis=1) if output is None else np.full(len(squares), output, np.int64)
    )
    maps = mapper(model.to_input(squares), torch.from_numpy(shown).to(model.device)).cpu().numpy()
    called = called_names(model.run.outputs)
    for number, path in enumerate(paths):
        name = model.classes[shown[number]]
        picture = f"{first + number + 1:04d}_{path.stem}.png"
        content = io.BytesIO()
        draw_overlay(grays[number], maps[number]).save(content, format="PNG")
        write_bytes(folder / picture, content.getvalue())
        threshold = model.points.thresholds[called.index(name)] if name in called else math.nan
        yield Explanation(
            image=str(path),
            picture=picture,
            output=name,
            probability=float(probabilities[number, shown[number]]),
            threshold=None if math.isnan(threshold) else float(threshold),
            peak=float(maps[number].max()),
        )


def _page(model: LoadedModel, mapper: Mapper, explained: Sequence[Explanation]) -> str:
    environment = Environment(
        loader=PackageLoader("bench.explain", package_path=""),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        model=model, method=mapper.method, explained=explained, notice=NOTICE, colours=COLOURS
    )
