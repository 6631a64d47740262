"""An interrupted preparation goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.data import decode, unfinished
from bench.data.pixels import open_pixels
from bench.data.study import ImageError, PixelReader, StudyTable
from bench.errors import InputError
from tests.bench.data.test_pixels import CountingReader, study_of

IMAGES = tuple(f"{row:02d}.png" for row in range(10))
SIZE = 8
BROKEN = IMAGES[3]


class Drawn:
    """Images made from their names, one of which cannot be read; ids as the studies of files."""

    def read(self, image: str) -> NDArray[np.uint8]:
        if image == BROKEN:
            raise ImageError("unreadable", "no image: ü")
        side = 12 if int(image[:2]) % 2 else 6
        random = np.random.default_rng(int(image[:2]))
        return random.integers(0, 256, (side, side), dtype=np.uint8)

    def stamp(self, image: str) -> str:
        return image


class Interrupted(BaseException):
    """Like a KeyboardInterrupt, of these tests alone."""


@pytest.fixture(autouse=True)
def mark_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "SECONDS_BETWEEN_MARKS", 0.0)


def drawn(reader: PixelReader | None = None) -> StudyTable:
    return study_of(reader or Drawn(), list(IMAGES))


def prepare(
    cache: Path, reader: PixelReader | None = None, stop_at: int | None = None
) -> list[tuple[int, int]]:
    """Prepare up to an image; returns what progress said."""
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == stop_at:
            raise Interrupted

    try:
        open_pixels(drawn(reader), image_size=SIZE, cache=cache, workers=2, progress=progress)
    except Interrupted:
        assert stop_at is not None
    return seen


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def folders(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir()]


class Whole(NamedTuple):
    """The store that nothing interrupted, and what lay there a moment before it was whole."""

    name: str
    store: dict[str, bytes]
    partial: dict[str, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    cache = tmp_path_factory.mktemp("whole")
    prepare(cache)
    (folder,) = folders(cache)
    interrupted = tmp_path_factory.mktemp("interrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished, "SECONDS_BETWEEN_MARKS", 0.0)
        prepare(interrupted, stop_at=len(IMAGES))
    (partial,) = folders(interrupted)
    return Whole(folder.name, content(folder), content(partial))


def put(cache: Path, whole: Whole, files: dict[str, bytes]) -> None:
    folder = cache / f"{whole.name}.partial"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def assert_whole(cache: Path, whole: Whole) -> None:
    """One store, to the byte that of the uninterrupted preparation, and nothing beside it."""
    (folder,) = folders(cache)
    assert folder.name == whole.name
    assert content(folder) == whole.store


@pytest.mark.parametrize("stop_at", range(1, len(IMAGES) + 1))
def test_it_goes_on_where_it_was(stop_at: int, whole: Whole, tmp_path: Path) -> None:
    prepare(tmp_path, stop_at=stop_at)
    assert not [folder for folder in folders(tmp_path) if not folder.suffix]
    reader = CountingReader(Drawn())
    seen = prepare(tmp_path, reader)
    assert reader.reads == len(IMAGES) - stop_at
    assert seen == [(done, len(IMAGES)) for done in range(stop_at, len(IMAGES) + 1)]
    assert_whole(tmp_path, whole)


def test_it_goes_on_as_often_as_it_is_interrupted(whole: Whole, tmp_path: Path) -> None:
    reader = CountingReader(Drawn())
    for stop_at in (2, 3, 3, 9):
        prepare(tmp_path, reader, stop_at=stop_at)
    prepare(tmp_path, reader)
    assert_whole(tmp_path, whole)


def test_an_error_of_the_reader_loses_nothing_before_it(whole: Whole, tmp_path: Path) -> None:
    def fail(_reads: int) -> None:
        raise MemoryError

    prepare(tmp_path, stop_at=6)
    with pytest.raises(MemoryError):
        prepare(tmp_path, CountingReader(Drawn(), before=fail))
    assert prepare(tmp_path)[0] == (6, len(IMAGES))
    assert_whole(tmp_path, whole)


def test_a_reader_of_the_progress_that_has_gone(whole: Whole, tmp_path: Path) -> None:
    def gone(done: int, _total: int) -> None:
        if done == 4:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        open_pixels(drawn(), image_size=SIZE, cache=tmp_path, progress=gone)
    assert prepare(tmp_path)[0] == (4, len(IMAGES))
    assert_whole(tmp_path, whole)


def test_a_full_disk_is_told_and_loses_nothing(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, stop_at=5)

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"cannot be kept in .*No space left on device"):
            prepare(tmp_path)
    assert prepare(tmp_path)[0] == (5, len(IMAGES))
    assert_whole(tmp_path, whole)


def test_room_is_wanted_for_what_is_missing_only(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, stop_at=7)
    for free, enough in ((3 * SIZE**2 - 1, False), (3 * SIZE**2, True)):
        usage = shutil.disk_usage(tmp_path)._replace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        if enough:
            assert prepare(tmp_path)[0] == (7, len(IMAGES))
        else:
            with pytest.raises(InputError, match="make room"):
                prepare(tmp_path)
    assert_whole(tmp_path, whole)


def _prepare_slowly(cache: Path) -> None:
    # Handed over one by one, so that the first are marked long before the last are decoded.
    decode.CHUNK = 1
    unfinished.SECONDS_BETWEEN_MARKS = 0.0
    prepare(cache, CountingReader(Drawn(), before=lambda _: time.sleep(0.05)))


def test_a_killed_process_loses_at_most_what_was_not_marked(whole: Whole, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_prepare_slowly, args=(tmp_path,))
    process.start()
    journal = tmp_path / f"{whole.name}.partial" / unfinished.JOURNAL
    patience = time.monotonic() + 30
    while not journal.is_file() or journal.read_bytes().count(b"\n") < 4:
        assert time.monotonic() < patience
        time.sleep(0.005)
    process.kill()
    process.join()
    marked = journal.read_bytes().count(b"\n") - 1
    assert 3 <= marked < len(IMAGES)
    reader = CountingReader(Drawn())
    assert prepare(tmp_path, reader)[0] == (marked, len(IMAGES))
    assert reader.reads == len(IMAGES) - marked
    assert_whole(tmp_path, whole)


def test_the_journal_never_says_more_than_has_reached_the_disk(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut keeps what was synced, and of the journal perhaps also what was not."""
    sync, on_disk = os.fsync, {unfinished.PIXELS: b""}
    cuts: list[dict[str, bytes]] = []

    def recording(file: int) -> None:
        sync(file)
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.suffix != ".json":
            journal = (path.parent / unfinished.JOURNAL).read_bytes()
            cuts.append({**on_disk, unfinished.JOURNAL: journal})
            on_disk[path.name] = path.read_bytes()
            cuts.append({**on_disk, unfinished.JOURNAL: journal})

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", recording)
        prepare(tmp_path / "recorded", stop_at=6)
        prepare(tmp_path / "recorded")
    assert len(cuts) > 2 * len(IMAGES)
    for place, files in enumerate(cuts):
        rows = (len(files[unfinished.PIXELS]) - 128) // SIZE**2
        assert files[unfinished.JOURNAL].count(b"\n") - 1 <= max(rows, 0)
        put(tmp_path / str(place), whole, files)
        prepare(tmp_path / str(place))
        assert_whole(tmp_path / str(place), whole)


def test_pixels_that_no_line_speaks_of_are_not_trusted(whole: Whole, tmp_path: Path) -> None:
    """A power cut can leave a file of the right length with nothing in it."""
    journal = b"".join(whole.partial[unfinished.JOURNAL].splitlines(keepends=True)[:5])
    end = 128 + 4 * SIZE**2
    pixels = whole.partial[unfinished.PIXELS]
    put(
        tmp_path,
        whole,
        {unfinished.JOURNAL: journal, unfinished.PIXELS: pixels[:end].ljust(len(pixels), b"\0")},
    )
    assert prepare(tmp_path)[0] == (4, len(IMAGES))
    assert_whole(tmp_path, whole)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_files_cut_anywhere_end_in_the_same_store(data: st.DataObject, whole: Whole) -> None:
    files = {
        name: text[: data.draw(st.integers(0, len(text)), label=name)]
        for name, text in whole.partial.items()
    }
    rows = (len(files[unfinished.PIXELS]) - 128) // SIZE**2
    lines = files[unfinished.JOURNAL].count(b"\n") - 1
    kept = max(0, min(rows, lines))
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder), whole, files)
        reader = CountingReader(Drawn())
        prepare(Path(folder), reader)
        assert reader.reads == len(IMAGES) - kept
        assert_whole(Path(folder), whole)


def other_decoder(files: dict[str, bytes]) -> None:
    _, rest = files[unfinished.JOURNAL].split(b"\n", 1)
    files[unfinished.JOURNAL] = b'{"decoder": "Pillow 1.0"}\n' + rest


def other_header(files: dict[str, bytes]) -> None:
    files[unfinished.PIXELS] = files[unfinished.PIXELS].replace(b"(10, 8, 8)", b"(10, 8, 9)")


def no_journal(files: dict[str, bytes]) -> None:
    del files[unfinished.JOURNAL]


def no_pixels(files: dict[str, bytes]) -> None:
    del files[unfinished.PIXELS]


def garbage(files: dict[str, bytes]) -> None:
    files[unfinished.JOURNAL] = b"\xff\xfe\n" * 30


@pytest.mark.parametrize("damage", [other_decoder, other_header, no_journal, no_pixels, garbage])
def test_what_does_not_fit_is_made_anew(
    damage: Callable[[dict[str, bytes]], None], whole: Whole, tmp_path: Path
) -> None:
    files = dict(whole.partial)
    damage(files)
    put(tmp_path, whole, files)
    reader = CountingReader(Drawn())
    prepare(tmp_path, reader)
    assert reader.reads == len(IMAGES)
    assert_whole(tmp_path, whole)


@pytest.mark.parametrize(
    "line",
    [
        b"\0" * 40,
        b'["a", 1]',
        b'["a",false,null]',
        b"[1, 2, 3]",
        b"7",
        b'["", false, {"kind": "missing"}]',
    ],
)
def test_a_damaged_line_ends_what_is_kept(line: bytes, whole: Whole, tmp_path: Path) -> None:
    lines = whole.partial[unfinished.JOURNAL].splitlines(keepends=True)
    lines[5] = line + b"\n"
    put(tmp_path, whole, {**whole.partial, unfinished.JOURNAL: b"".join(lines)})
    assert prepare(tmp_path)[0] == (4, len(IMAGES))
    assert_whole(tmp_path, whole)


def test_a_line_without_its_end_is_torn(whole: Whole, tmp_path: Path) -> None:
    journal = whole.partial[unfinished.JOURNAL][:-1]
    put(tmp_path, whole, {**whole.partial, unfinished.JOURNAL: journal})
    assert prepare(tmp_path)[0] == (len(IMAGES) - 1, len(IMAGES))
    assert_whole(tmp_path, whole)


@pytest.mark.parametrize("journal_left", [True, False])
def test_a_whole_store_that_is_not_in_its_place_yet(
    journal_left: bool, whole: Whole, tmp_path: Path
) -> None:
    journal = {unfinished.JOURNAL: whole.partial[unfinished.JOURNAL]} if journal_left else {}
    put(tmp_path, whole, whole.store | journal)
    reader = CountingReader(Drawn())
    assert prepare(tmp_path, reader) == []
    assert reader.reads == 0
    assert_whole(tmp_path, whole)
