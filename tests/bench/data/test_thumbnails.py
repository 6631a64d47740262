"""Small images from the pixels that a run saw, and from no others."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.config import load_experiment
from bench.data.decode import resize
from bench.data.load import open_study
from bench.data.prepare import PreparedData, prepare_data
from bench.data.thumbnails import NOTES, note_store, thumbnails
from bench.progress import QuietProgress
from tests.bench.records import data_record


def prepare(folder: Path, *, seed: int = 0) -> PreparedData:
    """Data whose pixels are in a folder ``pixels`` of another one."""
    options = {"images": 60, "seed": seed}
    experiment = load_experiment("demo", changes={"data.image_size": 32, "data.options": options})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXNET_BENCH_CACHE", str(folder))
        return prepare_data(experiment, open_study(experiment.data), QuietProgress())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[PreparedData, Path]:
    """Data at 32 px, and the cache with them, which is copied before it is changed."""
    folder = tmp_path_factory.mktemp("prepared")
    return prepare(folder), folder / "pixels"


def pixels(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image)


def of(data: PreparedData, image: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    (row,) = data.rows.loc[data.rows["image"] == image, "pixel_row"]
    return np.asarray(data.pixels[row])


def test_they_are_the_pixels_that_the_networks_saw(prepared: tuple[PreparedData, Path]) -> None:
    data, cache = prepared
    images = list(data.rows["image"][[3, 0, 41]])

    found = thumbnails(data.record, images, cache=cache)

    assert found.reason == ""
    assert list(found.pngs) == images
    for image in images:
        np.testing.assert_array_equal(pixels(found.pngs[image]), of(data, image))


def test_large_images_are_made_small(
    prepared: tuple[PreparedData, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, cache = prepared
    image = data.rows["image"][5]
    monkeypatch.setattr("bench.data.thumbnails.SIDE", 16)

    found = thumbnails(data.record, [image], cache=cache)

    np.testing.assert_array_equal(pixels(found.pngs[image]), resize(of(data, image), 16))


def test_other_pixels_with_the_same_ids_are_never_shown(tmp_path: Path) -> None:
    first, second = prepare(tmp_path, seed=0), prepare(tmp_path, seed=1)
    (image,) = set(first.rows["image"][:1]) & set(second.rows["image"])

    cache = tmp_path / "pixels"
    for data in (first, second):
        found = thumbnails(data.record, [image], cache=cache)
        np.testing.assert_array_equal(pixels(found.pngs[image]), of(data, image))
    (cache / NOTES / first.record.fingerprint).unlink()
    assert not thumbnails(first.record, [image], cache=cache).pngs


def forget_images(store: Path) -> None:
    index = json.loads((store / "index.json").read_text())
    (store / "index.json").write_text(json.dumps(index | {"images": index["images"][::2]}))


def garble_header(store: Path) -> None:
    """As numpy parses it, a bracket is never closed."""
    content = (store / "pixels.npy").read_bytes()
    (store / "pixels.npy").write_bytes(content.replace(b"}", b" ", 1))


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: (store / "index.json").write_text("{"),
        lambda store: (store / "index.json").write_text("[" * 100_000),
        forget_images,
        garble_header,
        lambda store: (store / "pixels.npy").write_bytes(b"no pixels"),
        lambda store: (store / "pixels.npy").unlink(),
    ],
)
def test_a_damaged_store_gives_none_and_the_reason(
    prepared: tuple[PreparedData, Path], tmp_path: Path, damage: Any
) -> None:
    data, _ = prepared
    cache = shutil.copytree(prepared[1], tmp_path / "cache")
    name = (cache / NOTES / data.record.fingerprint).read_text()
    damage(cache / name)

    found = thumbnails(data.record, [data.rows["image"][0]], cache=cache)

    assert found.pngs == {}
    assert "not in this machine's cache; `bench run` with the same data puts them" in found.reason


def test_an_image_that_is_not_in_the_data_and_an_empty_cache_give_none(
    prepared: tuple[PreparedData, Path], tmp_path: Path
) -> None:
    data, cache = prepared
    images = [data.rows["image"][0], "stranger.png"]

    for found in (
        thumbnails(data.record, images, cache=cache),
        thumbnails(data.record, images[:1], cache=tmp_path / "empty"),
    ):
        assert found.pngs == {}
        assert "not in this machine's cache" in found.reason


def test_imported_predictions_have_none(tmp_path: Path) -> None:
    found = thumbnails(data_record(image_size=None), ["a.png"], cache=tmp_path)

    assert found.reason == "imported predictions come without pixels"


def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / NOTES).write_text("a file")

    note_store("f" * 64, tmp_path / "store", cache=tmp_path)

    assert (tmp_path / NOTES).read_text() == "a file"
