"""The pixel store: decoded once, never half, never stale; an interrupted preparation goes on."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.format import open_memmap
from PIL import Image

from bench.data import decode, pixel_store
from bench.data.decode import digest, resize
from bench.data.image_files import FileReader, to_bytes
from bench.data.pixel_store import (
    DONE,
    INDEX,
    PIXELS,
    RECORDS,
    PixelStore,
    forget_pixels,
    open_pixels,
)
from bench.data.study import GrayValues, PixelReader, StudyTable, study_rows
from bench.errors import InputError

COUNT, SIZE = 10, 8
NAMES = [f"{row:03d}.png" for row in range(COUNT)]


def study_of(reader: PixelReader, images: list[str]) -> StudyTable:
    rows = study_rows({"image": images, "findings": [()] * len(images)})
    return StudyTable(name="test", rows=rows, finding_names=(), reader=reader)


class CountingReader:
    """Passes reads on and counts them; ``before`` runs ahead of each."""

    def __init__(self, reader: PixelReader, before: Callable[[], None] | None = None) -> None:
        self.reader = reader
        self.before = before
        self.reads = 0

    def read(self, image: str) -> GrayValues:
        self.reads += 1
        if self.before is not None:
            self.before()
        return self.reader.read(image)

    def stamp(self, image: str) -> str:
        return self.reader.stamp(image)


@pytest.fixture
def files(tmp_path: Path) -> FileReader:
    return write_images(tmp_path / "images")


def write_images(folder: Path, count: int = COUNT, side: int = 16) -> FileReader:
    """Images of noise as PNG files, every third one smaller than a stored image."""
    random = np.random.default_rng(0)
    folder.mkdir()
    paths = [folder / f"{row:03d}.png" for row in range(count)]
    for row, path in enumerate(paths):
        shape = (side, side) if row % 3 else (side, SIZE - 1)
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return FileReader({path.name: path for path in paths})


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "processors", lambda: 2)


def open_all(
    reader: PixelReader,
    cache: Path,
    *,
    images: list[str] = NAMES,
    size: int = SIZE,
    progress: Callable[[int, int], None] | None = None,
) -> PixelStore:
    study = study_of(reader, images)
    return open_pixels(study, image_size=size, cache=cache, progress=progress)


def assert_pixels(store: PixelStore, reader: PixelReader, size: int = SIZE) -> None:
    assert store.pixels.shape == (len(store.images), size, size)
    assert store.pixels.dtype == np.uint8
    for row, image in enumerate(store.images):
        original = to_bytes(reader.read(image), full_scale=None)
        np.testing.assert_array_equal(store.pixels[row], resize(original, size))
        assert store.digests[row] == digest(original)


def test_rows_follow_the_study_table_and_are_read_only(files: FileReader, tmp_path: Path) -> None:
    store = open_all(files, tmp_path / "cache")
    assert_pixels(store, files)
    assert store.images == tuple(NAMES)
    assert (store.problems, store.enlarged.sum()) == ((), 4)
    assert isinstance(store.pixels, np.memmap)
    assert not store.pixels.flags.writeable


def test_a_second_run_decodes_nothing(files: FileReader, tmp_path: Path) -> None:
    reader = CountingReader(files)
    seen: list[tuple[int, int]] = []
    stores = [
        open_all(reader, tmp_path / "cache", progress=lambda *count: seen.append(count))
        for _ in range(2)
    ]
    assert reader.reads == COUNT
    assert seen == [(done, COUNT) for done in range(1, COUNT + 1)]
    assert stores[0].folder == stores[1].folder
    assert_pixels(stores[1], files)


def test_size_files_and_ids_each_have_their_own_store(files: FileReader, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    stores = [open_all(files, cache, size=size) for size in (8, 9)]
    stores.append(open_all(files, cache, images=NAMES[1:]))
    Image.new("L", (20, 20), 77).save(tmp_path / "images" / "003.png")
    stores.append(open_all(files, cache))
    assert len({store.folder for store in stores}) == 4
    assert set(stores[-1].pixels[3].ravel().tolist()) == {77}


def test_images_that_cannot_be_read_are_named_and_blank_until_mended(
    files: FileReader, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    (folder / "002.png").unlink()
    whole = (folder / "005.png").read_bytes()
    (folder / "005.png").write_bytes(whole[:60])
    (folder / "007.png").write_text("no image")
    for _ in range(2):  # decoded, and opened again
        store = open_all(files, tmp_path / "cache")
        assert [(p.kind, p.image, p.detail) for p in store.problems] == [
            ("missing", "002.png", "the file is not there"),
            ("truncated", "005.png", "the file ends too early"),
            (
                "unreadable",
                "007.png",
                "the file is not a PNG, JPEG, TIFF or DICOM image, or is damaged",
            ),
        ]
        assert [row for row, text in enumerate(store.digests) if not text] == [2, 5, 7]
        assert not store.pixels[[2, 5, 7]].any()
        assert store.pixels[[0, 1, 3, 4, 6, 8, 9]].any(axis=(1, 2)).all()
    for name in ("002.png", "005.png", "007.png"):
        (folder / name).write_bytes(whole)
    store = open_all(files, tmp_path / "cache")
    assert store.problems == ()
    assert_pixels(store, files)


@pytest.mark.parametrize("at", [0, 6])
def test_images_that_vanish_while_decoding_are_never_kept_as_missing(
    at: int, files: FileReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a share that is not mounted for a moment."""
    images, away = tmp_path / "images", tmp_path / "away"
    whole = open_all(files, tmp_path / "whole")
    reads = iter(range(COUNT))

    def unmount() -> None:
        if next(reads) == at:
            images.rename(away)

    study = study_of(CountingReader(files, before=unmount), NAMES)
    monkeypatch.setattr(decode, "processors", lambda: 1)
    with pytest.raises(InputError, match=r"\.png' was there and is gone: .* run again"):
        open_pixels(study, image_size=SIZE, cache=tmp_path / "cache")
    away.rename(images)
    store = open_all(files, tmp_path / "cache")
    assert store.problems == ()
    assert content(store.folder) == content(whole.folder)


def test_forgotten_pixels_whole_or_in_the_making_are_decoded_anew(
    files: FileReader, tmp_path: Path
) -> None:
    cache, reader = tmp_path / "cache", CountingReader(files)
    forget_pixels(study_of(files, NAMES), image_size=SIZE, cache=cache)  # nothing to forget
    assert [open_all(reader, cache).reused for _ in range(2)] == [False, True]
    other = open_all(files, cache, size=SIZE + 1)
    for _ in range(2):
        forget_pixels(study_of(files, NAMES), image_size=SIZE, cache=cache)
        interrupt(reader, cache, 4)
    forget_pixels(study_of(files, NAMES), image_size=SIZE, cache=cache)
    go_on(files, cache, done=0)
    assert open_all(files, cache, size=SIZE + 1).folder == other.folder


def cut(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1])


def other_images(folder: Path) -> None:
    index = json.loads((folder / INDEX).read_text())
    index["images"][0] = "other.png"
    (folder / INDEX).write_text(json.dumps(index))


damaged = pytest.mark.parametrize(
    "damage",
    [
        lambda folder: cut(folder, PIXELS),
        lambda folder: (folder / PIXELS).write_bytes(b""),
        lambda folder: np.save(folder / PIXELS, np.zeros((COUNT, 8, 7), np.uint8)),
        lambda folder: (folder / RECORDS).unlink(),
        lambda folder: np.save(folder / RECORDS, np.zeros((COUNT, 2), np.uint8)),
        lambda folder: np.save(folder / DONE, np.array([COUNT + 1])),
        lambda folder: cut(folder, INDEX),
        lambda folder: (folder / INDEX).write_text("[]"),
        lambda folder: (folder / INDEX).write_bytes(b"\xff\xfe"),
        other_images,
    ],
)


@damaged
def test_a_damaged_store_is_made_again(
    damage: Callable[[Path], object], files: FileReader, tmp_path: Path
) -> None:
    reader = CountingReader(files)
    damage(open_all(reader, tmp_path / "cache").folder)
    assert_pixels(open_all(reader, tmp_path / "cache"), files)
    assert reader.reads == 2 * COUNT


def start(process: multiprocessing.context.ForkProcess) -> None:
    """Fork: a fresh interpreter would import for seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads wait for pytest alone
        process.start()


def _open_in_process(root: Path, gate: Any, found: Any) -> None:
    """Opens the store with the others, and reports its reads and a sum of its pixels."""
    paths = {path.name: path for path in sorted((root / "images").iterdir())}
    reader = CountingReader(FileReader(paths))
    gate.wait()
    store = open_all(reader, root / "cache", images=list(paths))
    found.put((reader.reads, int(store.pixels.sum()), store.digests))


def test_processes_at_once_decode_one_time_and_see_the_same(tmp_path: Path) -> None:
    write_images(tmp_path / "images", count=100, side=64)
    context = multiprocessing.get_context("fork")
    gate, found = context.Event(), context.Queue()
    processes = [
        context.Process(target=_open_in_process, args=(tmp_path, gate, found)) for _ in range(2)
    ]
    for process in processes:
        start(process)
    gate.set()
    results = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(reads for reads, _, _ in results) == [0, 100]
    assert len({(total, digests) for _, total, digests in results}) == 1


def fallocate_fails(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_cache_without_room_is_refused_before_decoding_and_nothing_is_left(
    files: FileReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = CountingReader(files)
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
        with pytest.raises(InputError, match=r"choose a smaller data.image_size"):
            open_all(reader, tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", fallocate_fails(errno.ENOSPC), raising=False)
        with pytest.raises(OSError, match=r"cache") as raised:
            open_all(reader, tmp_path / "cache")
        assert raised.value.errno == errno.ENOSPC
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be kept in"):
        open_all(reader, tmp_path / "file")
    assert reader.reads == 0
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] in ([".lock"], [])


def test_a_file_system_that_cannot_take_room_beforehand_will_do(
    files: FileReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", fallocate_fails(errno.EOPNOTSUPP), raising=False)
    assert_pixels(open_all(files, tmp_path / "cache"), files)


# --- interrupted preparations ----------------------------------------------------------------


class Interrupted(BaseException):
    """Like a KeyboardInterrupt, of these tests alone."""


def interrupt(
    reader: PixelReader, cache: Path, at: int, error: type[BaseException] = Interrupted
) -> None:
    """Begin a preparation and end it when so many images are done."""

    def progress(done: int, _total: int) -> None:
        if done == at:
            raise error

    with pytest.raises(error):
        open_all(reader, cache, progress=progress)


def go_on(reader: PixelReader, cache: Path, *, done: int) -> PixelStore:
    """Prepare to the end, where an earlier attempt had some images."""
    seen: list[int] = []
    counting = CountingReader(reader)
    store = open_all(counting, cache, progress=lambda count, _: seen.append(count))
    assert seen == list(range(done or 1, COUNT + 1))
    assert counting.reads == COUNT - done
    return store


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def partial_in(cache: Path) -> Path:
    (folder,) = cache.glob("*.partial")
    return folder


@pytest.fixture
def broken(files: FileReader, tmp_path: Path) -> FileReader:
    """Files of which one is no image."""
    (tmp_path / "images" / "003.png").write_text("no image")
    return files


@pytest.mark.parametrize(
    ("stops", "error"),
    [
        ((1,), Interrupted),
        ((4,), MemoryError),
        ((COUNT,), BrokenPipeError),
        ((2, 3, 3, 9), Interrupted),
    ],
)
def test_it_goes_on_where_it_was(
    stops: tuple[int, ...], error: type[BaseException], broken: FileReader, tmp_path: Path
) -> None:
    whole = open_all(broken, tmp_path / "whole")
    for stop in stops:
        interrupt(broken, tmp_path / "cache", stop, error)
        assert partial_in(tmp_path / "cache").name == f"{whole.folder.name}.partial"
    store = go_on(broken, tmp_path / "cache", done=stops[-1])
    assert store.problems == whole.problems
    assert content(store.folder) == content(whole.folder)
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == [store.folder]


def test_rows_are_said_to_be_done_only_when_they_are_on_the_disk(
    broken: FileReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_store, "SECONDS_BETWEEN_FLUSHES", 0.0)
    flush, on_disk, counts = np.memmap.flush, {}, []

    def checked(array: np.memmap[Any, Any]) -> None:
        path = Path(str(array.filename))
        done = int(np.load(path.parent / DONE)[0])
        counts.append(done)
        for name in (PIXELS, RECORDS):
            if done:
                written = np.load(path.parent / name)[:done]
                assert on_disk[name][:done].tobytes() == written.tobytes()
        flush(array)
        on_disk[path.name] = np.array(array)

    monkeypatch.setattr(np.memmap, "flush", checked)
    open_all(broken, tmp_path / "cache")
    assert set(counts) == set(range(COUNT + 1))


@settings(max_examples=15)
@given(done=st.integers(1, COUNT), seed=st.integers(0, 1000))
def test_what_a_power_cut_leaves_behind_the_done_rows_does_not_matter(done: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as root:
        files = write_images(Path(root) / "images")
        interrupt(files, Path(root) / "cache", done)
        for name in (PIXELS, RECORDS):
            array = open_memmap(partial_in(Path(root) / "cache") / name, mode="r+")
            rest = array[done:]
            rest[...] = np.frombuffer(random.bytes(rest.nbytes), rest.dtype).reshape(rest.shape)
            array.flush()
        store = go_on(files, Path(root) / "cache", done=done)
        assert_pixels(store, files)
        assert (store.problems, store.enlarged.sum()) == ((), 4)


@damaged
def test_a_damaged_partial_store_is_made_anew(
    damage: Callable[[Path], object], files: FileReader, tmp_path: Path
) -> None:
    interrupt(files, tmp_path / "cache", 4)
    damage(partial_in(tmp_path / "cache"))
    assert_pixels(go_on(files, tmp_path / "cache", done=0), files)


def test_pixels_of_two_decoders_are_never_mixed(
    files: FileReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PIL, "__version__", "1.0")
        interrupt(files, tmp_path / "cache", 4)
    go_on(files, tmp_path / "cache", done=0)
    monkeypatch.setattr(PIL, "__version__", "99.0")
    reader = CountingReader(files)
    open_all(reader, tmp_path / "cache")  # a whole store stays
    assert reader.reads == 0


def _prepare_slowly(root: Path) -> None:
    # Handed over one by one, so that the first are flushed long before the last are decoded.
    decode.CHUNK = 1
    pixel_store.SECONDS_BETWEEN_FLUSHES = 0.0
    paths = FileReader({name: root / "images" / name for name in NAMES})
    open_all(CountingReader(paths, before=lambda: time.sleep(0.05)), root / "cache")


def test_a_killed_process_loses_at_most_what_was_not_flushed(
    files: FileReader, tmp_path: Path
) -> None:
    process = multiprocessing.get_context("fork").Process(target=_prepare_slowly, args=(tmp_path,))
    start(process)
    patience = time.monotonic() + 60
    while not (indexes := [*(tmp_path / "cache").glob(f"*.partial/{INDEX}")]) or (
        np.load(indexes[0].with_name(DONE))[0] < 3
    ):
        assert time.monotonic() < patience
        time.sleep(0.005)
    process.kill()
    process.join()
    done = int(np.load(partial_in(tmp_path / "cache") / DONE)[0])
    assert 3 <= done < COUNT
    assert_pixels(go_on(files, tmp_path / "cache", done=done), files)


# --- images of 16 bits ------------------------------------------------------------------------


def deep_study(
    folder: Path, peaks: list[int], full_scale: int | None, beside: int = 0
) -> StudyTable:
    """Images of 16 bits with given largest values, and so many white ones of 8 bits."""
    paths = {f"{row}.png": folder / f"{row}.png" for row in range(len(peaks) + beside)}
    for path, peak in zip(paths.values(), peaks, strict=False):
        Image.fromarray(np.array([[0, peak // 2], [peak, peak]], np.uint16)).save(path)
    for path in [*paths.values()][len(peaks) :]:
        Image.new("L", (2, 2), 255).save(path)
    return replace(study_of(FileReader(paths), [*paths]), full_scale=full_scale)


@pytest.mark.parametrize(
    ("peaks", "likely", "beside"),
    [([200], 255, 0), ([3, 1023], 1023, 2), ([1024], 4095, 0), ([4095, 800], 4095, 0),
     ([9000], 16383, 0), ([16384], 32767, 0), ([32767], 32767, 0)],
)  # fmt: skip
def test_deep_images_that_would_be_a_few_dark_levels_are_refused_together(
    peaks: list[int], likely: int, beside: int, tmp_path: Path
) -> None:
    for _ in range(2):  # decoded, and opened again
        study = deep_study(tmp_path, peaks, None, beside)
        with pytest.raises(InputError, match=rf"data.options.full_scale={likely} ") as caught:
            open_pixels(study, image_size=2, cache=tmp_path / "cache")
        assert f"the {len(peaks)} 16-bit images is above {max(peaks):,}," in str(caught.value)


@pytest.mark.parametrize("peaks", [[40_000, 5, 300], [32_768], [0]])
def test_one_image_near_full_scale_speaks_for_all(peaks: list[int], tmp_path: Path) -> None:
    study = deep_study(tmp_path, peaks, None)
    store = open_pixels(study, image_size=2, cache=tmp_path / "cache")
    assert store.pixels[:, 1, 1].tolist() == [round(peak / 257) for peak in peaks]


def test_the_stated_full_scale_is_white_and_what_is_above_it_is_named(tmp_path: Path) -> None:
    stores = [
        open_pixels(
            deep_study(tmp_path, [4095, 1000, 4096], white, 1), image_size=2, cache=tmp_path
        )
        for white in (4095, 65535)
    ]
    scaled, dark = stores
    assert scaled.pixels[:, 1, 1].tolist() == [255, 62, 0, 255]
    assert dark.pixels[:, 1, 1].tolist() == [16, 4, 16, 255]
    assert [(p.kind, p.image) for p in scaled.problems] == [("unreadable", "2.png")]
    assert "full_scale=4095" in scaled.problems[0].detail
    assert scaled.folder != dark.folder
