"""Heat maps of images that a user names: pictures, and a page that shows them all."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.data.decode import resize
from bench.data.image_files import quiet_decoders, read_grayscale
from bench.data.study import ImageError
from bench.errors import InputError
from bench.explain.maps import GRAD_CAM, Mapper, make_mapper
from bench.explain.overlay import COLOURS, draw_overlay
from bench.files import new_folder, write_bytes, write_text
from bench.model import NOTICE, LoadedModel
from bench.predict.images import ImageFile
from bench.predict.row import NetworkRow
from bench.randomness import generator
from bench.registry.core import near_matches
from bench.report.text import render

BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The heat map of an image."""

    image: str  # its name, as the user gave it
    error: str = ""  # why it could not be read; "" where it could
    # Name of the PNG file; "" of an image that could not be read, as is ``output``.
    picture: str = ""
    output: str = ""  # the class or finding whose evidence is shown
    probability: float | None = None  # of that, the mean over the seeds
    # From which it is called, chosen on the validation part; None where the most probable
    # class is.
    threshold: float | None = None
    # Largest value of the map; in logits for class activation maps, without a unit for
    # Grad-CAM. At 0 or below nothing is drawn.
    peak: float | None = None


def mapper_of(model: LoadedModel) -> Mapper:
    """The maker of a loaded model's maps."""
    noise = generator(0, "images that differ").integers(
        256, size=(2, model.image_size, model.image_size), dtype=np.uint8
    )
    return make_mapper(
        model.network,
        model.run.outputs,
        example=model.to_input(noise),
        name=model.run.cell.model,
    )


@dataclass(frozen=True, kw_only=True)
class Explainer:
    """The maps of a row's networks, whose mean over the seeds is drawn."""

    row: NetworkRow
    mappers: tuple[Mapper, ...]  # of each network
    # Number of the output whose evidence is shown; None for the most probable of each image.
    output: int | None

    @classmethod
    def make(cls, row: NetworkRow, class_name: str | None = None) -> Explainer:
        """Explain a class or finding, by its name.

        Without a name it is the second of two classes, and otherwise the most probable one.
        """
        classes = row.first.classes
        if class_name is not None and class_name not in classes:
            raise InputError(
                f"run {row.first.name} predicts no {class_name!r}: "
                f"{near_matches(class_name, list(classes))}"
            )
        output = (
            classes.index(class_name) if class_name else 1 if row.points.outputs.binary else None
        )
        mappers = tuple(mapper_of(model) for model in row.models)
        return cls(row=row, mappers=mappers, output=output)

    def explain(
        self, squares: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]]:
        """Outputs that are shown (n,), their probabilities (n,), and their maps (n, rows, columns).

        The squares are uint8 (n, side, side), at least one.
        """
        p = self.row.predict(squares).mean(axis=0)
        shown = p.argmax(axis=1) if self.output is None else np.full(len(p), self.output, np.int64)
        device = self.row.first.device
        maps = [
            mapper(model.to_input(squares), torch.from_numpy(shown).to(device)).cpu().numpy()
            for model, mapper in zip(self.row.models, self.mappers, strict=True)
        ]
        if len(maps) > 1 and self.mappers[0].method == GRAD_CAM:
            # Its values have no unit: the seed with the largest gradients would decide alone.
            maps = [heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12) for heat in maps]
        return shown, p[np.arange(len(p)), shown], np.mean(maps, axis=0)


def explain_images(
    explainer: Explainer,
    images: Sequence[ImageFile],
    folder: Path,
    *,
    progress: Callable[[int, int], None],
) -> list[Explanation]:
    """Write a picture of each image under its map, and the page ``index.html``.

    The folder must not be there, and is written whole or not at all. An image that cannot be read
    is an explanation with its error. The progress is called with images done and images in all.
    """
    check_new(folder)
    explained: list[Explanation] = []
    with new_folder(folder) as made:
        for start in range(0, len(images), BATCH):
            explained += _explain(explainer, images[start : start + BATCH], made, first=start)
            progress(len(explained), len(images))
        records = [vars(each) for each in explained]
        about: dict[str, object] = {
            "runs": [model.name for model in explainer.row.models],
            "method": explainer.mappers[0].method,
            "notice": NOTICE,
        }
        text = json.dumps({**about, "images": records}, indent=2)
        write_text(made / "index.json", text + "\n")
        page = render("heatmaps.html", **about, explained=explained, colours=COLOURS)
        write_text(made / "index.html", page)
    return explained


def check_new(folder: Path) -> None:
    """Refuse a folder of pictures that is there: those of two calls would be mixed."""
    if folder.exists():
        raise InputError(f"{str(folder)!r} is there already: give another folder")


def _explain(
    explainer: Explainer, images: Sequence[ImageFile], folder: Path, *, first: int
) -> Iterator[Explanation]:
    """Explanations of a batch, whose pictures are written; ``first`` is its first position."""
    model, points = explainer.row.first, explainer.row.points
    read = [_read(image.path, model.data.full_scale) for image in images]
    grays = [gray for gray in read if not isinstance(gray, str)]
    if grays:
        squares = np.stack([resize(gray, model.image_size) for gray in grays])
        found = iter(list(zip(*explainer.explain(squares), strict=True)))
    for position, (image, gray) in enumerate(zip(images, read, strict=True), start=first + 1):
        if isinstance(gray, str):
            yield Explanation(image=image.name, error=gray)
            continue
        output, probability, heat = next(found)
        # A name may be as long as a file's can be, and of bytes that are no text.
        stem = image.path.stem.encode(errors="backslashreplace").decode().replace("\\", "_")
        picture = f"{position:04d}_{stem[:60]}.png"
        content = io.BytesIO()
        draw_overlay(gray, heat).save(content, format="PNG")
        write_bytes(folder / picture, content.getvalue())
        name = model.classes[output]
        threshold = dict(zip(points.called, points.thresholds, strict=True)).get(name, np.nan)
        yield Explanation(
            image=image.name,
            picture=picture,
            output=name,
            probability=float(probability),
            threshold=None if np.isnan(threshold) else float(threshold),
            peak=float(heat.max()),
        )


def _read(path: Path, full_scale: int | None) -> NDArray[np.uint8] | str:
    """Gray values of a file, or why it cannot be read."""
    with quiet_decoders():
        try:
            return read_grayscale(path, full_scale=full_scale)
        except (ImageError, InputError) as error:
            return str(error)
