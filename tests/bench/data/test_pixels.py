"""The pixel store: decoded once, never half, never stale."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from bench.data.image_files import FileReader
from bench.data.pixels import PixelStore, digest, open_pixels, resize
from bench.data.study import PixelReader, StudyTable, study_rows
from bench.errors import InputError
from bench.registry import DATASETS
from tests.shared_data import shared


def study_of(reader: PixelReader, images: list[str]) -> StudyTable:
    rows = study_rows({"image": images, "findings": [()] * len(images)})
    return StudyTable(name="test", rows=rows, finding_names=(), reader=reader)


def write_study(folder: Path, count: int = 12, side: int = 16) -> StudyTable:
    """Images of noise as PNG files, named in their order."""
    random = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    files = {f"{row:03d}.png": folder / f"{row:03d}.png" for row in range(count)}
    for path in files.values():
        Image.fromarray(random.integers(0, 256, (side, side), dtype=np.uint8)).save(path)
    return study_of(FileReader(files), list(files))


class CountingReader:
    """Passes reads on and counts them; ``before`` runs ahead of each."""

    def __init__(self, reader: PixelReader, before: Callable[[int], None] | None = None) -> None:
        self.reader = reader
        self.before = before
        self.reads = 0

    def read(self, image: str) -> NDArray[np.uint8]:
        self.reads += 1
        if self.before is not None:
            self.before(self.reads)
        return self.reader.read(image)

    def stamp(self, image: str) -> str:
        return self.reader.stamp(image)


class Counted(NamedTuple):
    study: StudyTable
    reader: CountingReader


def counted(study: StudyTable, before: Callable[[int], None] | None = None) -> Counted:
    reader = CountingReader(study.reader, before)
    return Counted(study_of(reader, list(study.rows["image"])), reader)


def assert_pixels(store: PixelStore, study: StudyTable, size: int) -> None:
    assert store.images == tuple(study.rows["image"])
    assert store.pixels.shape == (len(study.rows), size, size)
    assert store.pixels.dtype == np.uint8
    for row, image in enumerate(store.images):
        original = study.reader.read(image)
        np.testing.assert_array_equal(store.pixels[row], resize(original, size))
        assert store.digests[row] == digest(original)


def test_rows_follow_the_study_table_and_are_read_only(tmp_path: Path) -> None:
    study = write_study(tmp_path / "images")
    store = open_pixels(study, image_size=8, cache=tmp_path / "cache", workers=4)
    assert_pixels(store, study, 8)
    assert store.problems == ()
    assert isinstance(store.pixels, np.memmap)
    assert not store.pixels.flags.writeable


def test_a_second_run_decodes_nothing(tmp_path: Path) -> None:
    study, reader = counted(write_study(tmp_path / "images"))
    first = open_pixels(study, image_size=8, cache=tmp_path / "cache")
    assert reader.reads == 12
    second = open_pixels(study, image_size=8, cache=tmp_path / "cache")
    assert reader.reads == 12
    assert second.folder == first.folder
    assert second.digests == first.digests
    np.testing.assert_array_equal(second.pixels, first.pixels)


def test_size_files_and_ids_each_have_their_own_store(tmp_path: Path) -> None:
    study = write_study(tmp_path / "images")
    cache = tmp_path / "cache"
    stores = [open_pixels(study, image_size=size, cache=cache) for size in (8, 9)]
    fewer = study_of(study.reader, list(study.rows["image"])[1:])
    stores.append(open_pixels(fewer, image_size=8, cache=cache))
    Image.new("L", (20, 20), 77).save(tmp_path / "images" / "003.png")
    stores.append(open_pixels(study, image_size=8, cache=cache))
    assert len({store.folder for store in stores}) == 4
    assert set(stores[-1].pixels[3].ravel().tolist()) == {77}


def test_progress_counts_to_the_end_and_is_silent_when_nothing_is_decoded(tmp_path: Path) -> None:
    study = write_study(tmp_path / "images")
    seen: list[tuple[int, int]] = []
    for _ in range(2):
        open_pixels(
            study,
            image_size=8,
            cache=tmp_path / "cache",
            workers=1,
            progress=lambda done, total: seen.append((done, total)),
        )
    assert seen == [(done, 12) for done in range(1, 13)]


def test_images_that_cannot_be_read_are_named_and_blank(tmp_path: Path) -> None:
    study = write_study(tmp_path / "images")
    (tmp_path / "images" / "002.png").unlink()
    cut = tmp_path / "images" / "005.png"
    cut.write_bytes(cut.read_bytes()[:60])
    (tmp_path / "images" / "007.png").write_text("no image")
    for _ in range(2):  # decoded, and opened again
        store = open_pixels(study, image_size=8, cache=tmp_path / "cache")
        assert [(p.kind, p.image) for p in store.problems] == [
            ("missing", "002.png"),
            ("truncated", "005.png"),
            ("unreadable", "007.png"),
        ]
        assert [row for row, text in enumerate(store.digests) if not text] == [2, 5, 7]
        assert not store.pixels[[2, 5, 7]].any()
        assert store.pixels[[0, 1, 3, 4, 6]].any(axis=(1, 2)).all()


def test_a_mended_image_is_decoded_again(tmp_path: Path) -> None:
    study = write_study(tmp_path / "images")
    whole = (tmp_path / "images" / "002.png").read_bytes()
    (tmp_path / "images" / "002.png").unlink()
    assert open_pixels(study, image_size=8, cache=tmp_path / "cache").problems
    (tmp_path / "images" / "002.png").write_bytes(whole)
    store = open_pixels(study, image_size=8, cache=tmp_path / "cache")
    assert store.problems == ()
    assert_pixels(store, study, 8)


def cut_pixels(folder: Path) -> None:
    data = (folder / "pixels.npy").read_bytes()
    (folder / "pixels.npy").write_bytes(data[:-1])


def other_shape(folder: Path) -> None:
    np.save(folder / "pixels.npy", np.zeros((12, 8, 7), np.uint8))


def other_images(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    index["images"][0] = "other.png"
    (folder / "index.json").write_text(json.dumps(index))


def fewer_digests(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    index["digests"].pop()
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    "damage",
    [
        cut_pixels,
        other_shape,
        other_images,
        fewer_digests,
        lambda folder: (folder / "pixels.npy").unlink(),
        lambda folder: (folder / "pixels.npy").write_bytes(b""),
        lambda folder: (folder / "pixels.npy").write_bytes(b"not numpy's"),
        lambda folder: (folder / "index.json").unlink(),
        lambda folder: (folder / "index.json").write_text('{"images": ['),
        lambda folder: (folder / "index.json").write_text("[]"),
        lambda folder: (folder / "index.json").write_bytes(b"\xff\xfe"),
    ],
)
def test_a_damaged_store_is_made_again(damage: Callable[[Path], object], tmp_path: Path) -> None:
    plain = write_study(tmp_path / "images")
    study, reader = counted(plain)
    damage(open_pixels(study, image_size=8, cache=tmp_path / "cache").folder)
    assert_pixels(open_pixels(study, image_size=8, cache=tmp_path / "cache"), plain, 8)
    assert reader.reads == 24


def _open_in_process(root: Path, gate: multiprocessing.synchronize.Event, found: object) -> None:
    """Opens the store with the others, and reports its reads and a sum of its pixels."""
    files = {path.name: path for path in sorted((root / "images").iterdir())}
    study, reader = counted(study_of(FileReader(files), list(files)))
    gate.wait()
    store = open_pixels(study, image_size=8, cache=root / "cache", workers=2)
    found.put((reader.reads, int(store.pixels.sum()), store.digests))  # type: ignore[attr-defined]


def test_processes_at_once_decode_one_time_and_see_the_same(tmp_path: Path) -> None:
    write_study(tmp_path / "images", count=100, side=64)
    context = multiprocessing.get_context("spawn")
    gate, found = context.Event(), context.Queue()
    processes = [
        context.Process(target=_open_in_process, args=(tmp_path, gate, found)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    gate.set()
    results = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(reads for reads, _, _ in results) == [0, 100]
    assert len({(total, digests) for _, total, digests in results}) == 1


def test_too_little_room_is_told_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, reader = counted(write_study(tmp_path / "images"))
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"choose a smaller data.image_size"):
        open_pixels(study, image_size=8, cache=tmp_path / "cache")
    assert reader.reads == 0


def test_a_cache_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("x")
    with pytest.raises(InputError, match="cannot be kept in"):
        open_pixels(write_study(tmp_path / "images"), image_size=8, cache=tmp_path / "cache")


def test_a_study_without_images_has_an_empty_store(tmp_path: Path) -> None:
    for _ in range(2):
        store = open_pixels(study_of(FileReader({}), []), image_size=8, cache=tmp_path)
        assert store.pixels.shape == (0, 8, 8)
        assert store.images == ()


def test_images_that_were_enlarged_are_counted(tmp_path: Path) -> None:
    sides = {"a.png": (8, 8), "b.png": (7, 9), "c.png": (9, 7), "d.png": (20, 20)}
    for name, (width, height) in sides.items():
        Image.new("L", (width, height), 5).save(tmp_path / name)
    reader = FileReader({name: tmp_path / name for name in sides})
    store = open_pixels(study_of(reader, list(sides)), image_size=8, cache=tmp_path / "cache")
    assert store.enlarged == 2


def test_shrinking_averages_areas() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 10
    assert resize(pixels, 2).tolist() == [[25, 45], [105, 125]]
    assert resize(pixels, 1).tolist() == [[75]]


def test_each_side_takes_its_own_filter() -> None:
    """Four columns are averaged into two, one row is repeated into two."""
    assert resize(np.array([[10, 20, 100, 200]], np.uint8), 2).tolist() == [[15, 150], [15, 150]]
    assert resize(np.array([[10], [20], [100], [200]], np.uint8), 2).tolist() == [
        [15] * 2,
        [150] * 2,
    ]


def test_enlarging_interpolates_linearly() -> None:
    enlarged = resize(np.array([[0, 100], [0, 100]], np.uint8), 4)
    assert enlarged.tolist() == [[0, 25, 75, 100]] * 4


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.integers(1, 40),
    value=st.integers(0, 255),
)
def test_resizing_keeps_a_flat_image_flat(height: int, width: int, size: int, value: int) -> None:
    resized = resize(np.full((height, width), value, np.uint8), size)
    assert resized.shape == (size, size)
    assert (resized == value).all()


def test_digest_tells_pixels_and_shapes_apart() -> None:
    pixels = np.arange(12, dtype=np.uint8)
    same = [pixels.reshape(3, 4), np.asfortranarray(pixels.reshape(3, 4))]
    others = [pixels.reshape(4, 3), pixels.reshape(3, 4) + 1]
    assert len({digest(array) for array in same}) == 1
    assert len({digest(array) for array in same + others}) == 3


def test_real_radiographs(tmp_path: Path) -> None:
    root = shared("nih-mini")
    study = DATASETS.get("nih").open(root=root, image_size=32, options={})
    few = study_of(study.reader, list(study.rows["image"])[::20])
    store = open_pixels(few, image_size=128, cache=tmp_path)
    assert store.problems == ()
    assert_pixels(store, few, 128)
    shapes = [study.reader.read(image).shape for image in store.images]
    assert store.enlarged == shapes.count((64, 64))
