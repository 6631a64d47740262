"""The pixel store: images decoded once to gray squares of one size, reused by every run.

A store is a folder named by what went into it: image ids, the stamps of their files (sizes and
times, see ``image_files.file_stamp``; not their content), the image size and the full scale of
16-bit images where the user says it. It holds

- ``pixels.npy``: uint8, shape (images, size, size); row i is the study table's row i;
- ``records.npy``: what else is known of each image, shape (images,), dtype :data:`RECORD`;
- ``done.npy``: int64, shape (1,): how many rows of both are on the disk for certain;
- ``index.json``: the image ids in the order of the rows, and the version of the decoder.

A store that is being made has the suffix ``.partial``. It has its full size from the start and is
renamed when its last image is there. The number of rows that are done is raised only when these
rows have reached the disk. So whatever ends the process or the machine, the next preparation goes
on at that row. A partial store that nobody goes on with, because its files have changed, can be
removed like any store.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import tokenize
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from filelock import FileLock
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from bench.data.decode import decode_all
from bench.data.image_files import DEEPEST, quiet_decoders
from bench.data.study import PixelReader, Problem, StudyTable
from bench.errors import InputError
from bench.files import is_disk_full, make_certain, make_folder, write_text
from bench.text import printable

# Enters every data fingerprint and every store's name: raise it when decoding or resizing changes
# a pixel.
PIXEL_VERSION = 1
# Enters every store's name: raise it when the files of a store change.
FORMAT = 3

PIXELS, RECORDS, DONE, INDEX = "pixels.npy", "records.npy", "done.npy", "index.json"
RECORD = np.dtype(
    [
        ("digest", "S64"),  # SHA-256, in hex, of the original pixels; "" where there are none
        ("enlarged", "?"),
        ("peak", "u2"),  # largest original gray value of a 16-bit image; 0 for others
        ("problem", "S12"),  # its kind; "" where the image could be read
        ("detail", "S200"),  # UTF-8, cut
    ]
)

# White where 8, 10, 12, 14 or 15 bits are kept in 16.
FULL_SCALES = (255, 1023, 4095, 16383, 32767)

# At most so much decoding is lost. Twice as often, waiting for the disk took 1.5 % of the time
# (two cores, 224 px).
SECONDS_BETWEEN_FLUSHES = 2.0


@dataclass(frozen=True, kw_only=True)
class PixelStore:
    """A study table's pixels at one size."""

    folder: Path
    # uint8, shape (images, size, size), read-only; row i is ``images[i]``; zeros where the image
    # could not be read.
    pixels: NDArray[np.uint8]
    images: tuple[str, ...]  # image ids in the study table's order
    # SHA-256, in hex, of the original pixels (shape and gray values), equal for pixel-identical
    # images; "" where the image could not be read.
    digests: tuple[str, ...]
    problems: tuple[Problem, ...]  # the images that could not be read
    # bool (images,), those with fewer pixels than ``size`` along a side: they are less sharp than
    # their size suggests.
    enlarged: NDArray[np.bool_]
    deep_images: int  # how many images have 16 bits
    peak: int  # the largest original gray value of these; 0 where there are none
    reused: bool  # whether the images were decoded before, so that the problems are remembered ones

    def usable(self, study: StudyTable) -> StudyTable:
        """The part of a study, which the store was opened for, that a run can use.

        Returns:
            The study with the rows whose pixels could be read, index 0..n-1, and the problems of
            labels, files and pixels together. The rows have two more columns: ``pixel_row`` (int64:
            the row of :attr:`pixels`) and ``digest`` (str: equal for pixel-identical images).
        """
        rows = study.rows.assign(
            pixel_row=np.arange(len(study.rows), dtype=np.int64),
            digest=np.array(self.digests, dtype=object),
        )
        rows = rows[rows["digest"] != ""].reset_index(drop=True)
        return replace(study, rows=rows, problems=study.problems + self.problems)


def open_pixels(
    study: StudyTable,
    *,
    image_size: int,
    cache: Path,
    progress: Callable[[int, int], None] | None = None,
) -> PixelStore:
    """Open a study's pixels, decoding them first where that has not been done yet.

    Safe to call from several processes at once: one decodes, the others wait for it. An
    interrupted preparation goes on where it was; a damaged store is made again. Progress is
    called with images done and in all, first with those that an earlier attempt had done.
    """
    originals = _originals(study)
    folder = cache / _store_name(originals, image_size)
    store = _open(folder, originals.images, image_size)
    if store is None:
        store = _make(folder, originals, image_size, progress=progress)
    if study.full_scale is None:
        _check_full_scale(store)
    return store


def forget_pixels(study: StudyTable, *, image_size: int, cache: Path) -> None:
    """Remove a study's pixels at one size, whole or in the making: they are decoded anew."""
    folder = cache / _store_name(_originals(study), image_size)
    if cache.is_dir():
        with FileLock(folder.with_suffix(".lock")):
            for path in (folder, folder.with_suffix(".partial")):
                shutil.rmtree(path, ignore_errors=True)


class _Originals(NamedTuple):
    """The original images of a study, with their stamps."""

    reader: PixelReader
    images: tuple[str, ...]
    stamps: tuple[str, ...]
    full_scale: int | None


def _originals(study: StudyTable) -> _Originals:
    if study.reader is None:
        raise ValueError(f"the labels of {study.name!r} were opened without their images")
    images = tuple(study.rows["image"])
    stamps = tuple(study.reader.stamp(image) for image in images)
    return _Originals(study.reader, images, stamps, study.full_scale)


def _store_name(originals: _Originals, image_size: int) -> str:
    head = f"{FORMAT} {PIXEL_VERSION} {image_size} {originals.full_scale}\n"
    hashed = hashlib.sha256(head.encode())
    for item in zip(originals.images, originals.stamps, strict=True):
        # Through JSON, so that no id can be mistaken for an id and its neighbour.
        hashed.update(json.dumps(item).encode())
    return hashed.hexdigest()


def _make(
    folder: Path,
    originals: _Originals,
    image_size: int,
    *,
    progress: Callable[[int, int], None] | None,
) -> PixelStore:
    """Decode the images into a store, or wait for another process that does."""
    cache, images = folder.parent, originals.images
    try:
        make_folder(cache)
        with FileLock(folder.with_suffix(".lock")):
            store = _open(folder, images, image_size)  # another process may have made it meanwhile
            if store is None:
                # The lock is held: a folder that cannot be opened is damaged, not in the making.
                shutil.rmtree(folder, ignore_errors=True)
                partial = folder.with_suffix(".partial")
                arrays = _open_partial(partial, images, image_size)
                _decode_into(arrays, originals, progress=progress)
                partial.replace(folder)
                make_certain(cache)
                store = _open(folder, images, image_size, reused=False)
    except BrokenPipeError:
        raise  # the reader of our progress has gone; the disk is not at fault
    except OSError as error:
        if is_disk_full(error):
            raise OSError(error.errno, error.strerror, str(cache)) from None
        raise InputError(
            f"the pixels cannot be kept in {str(cache)!r}: {error.strerror or error}"
        ) from None
    if store is None:
        raise InputError(f"the pixels in {str(folder)!r} changed while being opened: run again")
    return store


def _check_full_scale(store: PixelStore) -> None:
    """Refuse 16-bit images that would become a few dark gray levels.

    Over all images at once: a single one may well be dark.
    """
    if 0 < store.peak <= DEEPEST // 2:
        likely = next(white for white in FULL_SCALES if store.peak <= white)
        raise InputError(
            f"no pixel of the {store.deep_images:,} 16-bit images is above {store.peak:,}, and "
            f"their white is {DEEPEST}: set data.options.full_scale={likely} if it is that, or "
            f"{DEEPEST} if the images are that dark"
        )


DAMAGED = (
    *(OSError, ValueError, EOFError, LookupError, TypeError, MemoryError, RecursionError),
    *(SyntaxError, tokenize.TokenError),  # numpy parses an array's header as Python does
)
"""Errors of reading a store that is damaged or not there."""


class _Arrays(NamedTuple):
    """A store's arrays, mapped into memory; see the top of this module."""

    pixels: np.memmap[Any, np.dtype[np.uint8]]
    records: np.memmap[Any, np.dtype[np.void]]
    done: np.memmap[Any, np.dtype[np.int64]]


def _layout(images: int, image_size: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Dtype and shape of each array of a store, in the order of :class:`_Arrays`."""
    return {
        PIXELS: (np.dtype(np.uint8), (images, image_size, image_size)),
        RECORDS: (RECORD, (images,)),
        DONE: (np.dtype(np.int64), (1,)),
    }


def _map(
    folder: Path, images: tuple[str, ...], image_size: int, *, decoder: str | None = None
) -> _Arrays | None:
    """The arrays in a folder, read-only; None where they are damaged or not these images'."""
    layout = _layout(len(images), image_size)
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        # numpy refuses a file that is shorter than its header says.
        arrays = _Arrays(*(np.load(folder / name, mmap_mode="r") for name in layout))
        fits = tuple(index["images"]) == images and decoder in (None, index["decoder"])
        fits = fits and 0 <= arrays.done[0] <= len(images)
    except DAMAGED:
        return None
    found = [(array.dtype, array.shape) for array in arrays]
    return arrays if fits and found == [*layout.values()] else None


def _open(
    folder: Path, images: tuple[str, ...], image_size: int, *, reused: bool = True
) -> PixelStore | None:
    """The store in a folder; None where there is none that is whole and fits."""
    arrays = _map(folder, images, image_size)
    if arrays is None or arrays.done[0] != len(images):
        return None
    records = arrays.records
    problems = []
    for row in np.flatnonzero(records["problem"] != b""):
        kind, detail = records[row][["problem", "detail"]]
        detail = detail.decode(errors="ignore")
        problems.append(Problem(kind=kind.decode(), image=images[row], detail=detail))
    return PixelStore(
        folder=folder,
        pixels=arrays.pixels,
        images=images,
        digests=tuple(records["digest"].astype(str).tolist()),
        problems=tuple(problems),
        enlarged=np.array(records["enlarged"]),
        deep_images=int((records["peak"] > 0).sum()),
        peak=int(records["peak"].max(initial=0)),
        reused=reused,
    )


def _open_partial(folder: Path, images: tuple[str, ...], image_size: int) -> _Arrays:
    """The store in the making, to be written: what an earlier attempt left, or a new one."""
    # Part of a partial store only: two decoders' pixels may differ, and are never mixed.
    decoder = f"Pillow {PIL.__version__}"
    layout = _layout(len(images), image_size)
    if _map(folder, images, image_size, decoder=decoder) is None:
        shutil.rmtree(folder, ignore_errors=True)
        _check_room(folder.parent, len(images) * (image_size**2 + RECORD.itemsize))
        folder.mkdir()
        try:
            for name, (dtype, shape) in layout.items():
                _write_zeros(folder / name, dtype, shape)
            # Last, and so the mark of a folder whose arrays are there.
            text = json.dumps({"decoder": decoder, "images": images})
            write_text(folder / INDEX, text)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)  # its room may be all there was
            raise
    return _Arrays(*(open_memmap(folder / name, mode="r+") for name in layout))


def _check_room(cache: Path, need: int) -> None:
    free = shutil.disk_usage(cache).free
    if need > free:
        raise InputError(
            f"the pixels need {need / 1e9:.1f} GB and {str(cache)!r} has {free / 1e9:.1f} GB "
            "left: make room, or choose a smaller data.image_size"
        )


def _write_zeros(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Write an array of zeros that has its room on the disk."""
    open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as file:
        # Without room, writing to the mapped file would kill the process. macOS has no such call,
        # and some file systems refuse it.
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
        os.fsync(file.fileno())


def _decode_into(
    arrays: _Arrays, originals: _Originals, *, progress: Callable[[int, int], None] | None
) -> None:
    """Decode the images that are not done, in order."""
    reader, images, stamps, full_scale = originals
    done = int(arrays.done[0])
    if done and progress:
        progress(done, len(images))
    flushed = time.monotonic()
    size = arrays.pixels.shape[1]
    decoding = decode_all(reader, images[done:], size, full_scale=full_scale)
    try:
        # Closed here, not whenever the generator is collected: an interrupt ends the threads.
        with quiet_decoders(), closing(decoding):
            for row, image in enumerate(decoding, start=done):
                _check_vanished(image.problem, stamps[row])
                arrays.pixels[row] = image.pixels
                kind, detail = (p.kind, p.detail.encode()) if (p := image.problem) else ("", b"")
                record = (image.digest, image.enlarged, image.peak, kind, detail)
                arrays.records[row] = record
                done = row + 1
                if time.monotonic() - flushed >= SECONDS_BETWEEN_FLUSHES:
                    _flush(arrays, done)
                    flushed = time.monotonic()
                if progress:
                    progress(done, len(images))
    finally:
        _flush(arrays, done)


def _check_vanished(problem: Problem | None, stamp: str) -> None:
    # As a share that is not mounted for a moment: kept, it would be missing for ever.
    if problem and problem.kind == "missing" and stamp != "missing":
        raise InputError(
            f"image {printable(problem.image)!r} was there and is gone: make its folder available "
            "and run again, which goes on from here"
        )


def _flush(arrays: _Arrays, done: int) -> None:
    """Make rows certain, and only then say so."""
    arrays.pixels.flush()
    arrays.records.flush()
    arrays.done[0] = done
    arrays.done.flush()
