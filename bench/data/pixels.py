"""Pixels decoded once: a memory map of equal-sized gray images, reused by every run.

A store is a folder named by what went into it: image ids, the stamps of their files (sizes and
times, see ``image_files.file_stamp``; not their content) and the image size. Files with other
stamps or another size have another folder. It holds

- ``pixels.npy``: uint8, shape (images, size, size), row i is the study table's row i;
- ``index.json``: the image ids, the digests of their original pixels, and what could not be read.

A store in the making lies beside it, in a ``.partial`` folder of the same name: an interrupted
preparation goes on where it was (:mod:`bench.data.unfinished`). One that nobody goes on with, since
its files have changed, can be removed like any store.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from bench.data.decode import Record, decode_all, digest, resize
from bench.data.image_files import quiet_pillow
from bench.data.study import PixelReader, Problem, StudyTable
from bench.data.unfinished import JOURNAL, PIXELS, UnfinishedStore
from bench.errors import InputError

__all__ = ["FORMAT", "PixelStore", "digest", "open_pixels", "resize"]

# Part of every store's name: raise it when decoding or resizing changes a pixel.
FORMAT = 1

INDEX = "index.json"


@dataclass(frozen=True, kw_only=True)
class PixelStore:
    """A study table's pixels at one size.

    Attributes:
        folder: where the store lies.
        pixels: uint8, shape (images, size, size), read-only, row i is ``images[i]``; zeros where
            the image could not be read.
        images: image ids in the study table's order.
        digests: SHA-256, in hex, of the original pixels (shape and gray values), equal for
            pixel-identical images; "" where the image could not be read.
        problems: the images that could not be read.
        enlarged: how many images had fewer pixels than ``size`` along a side; their sharpness is
            not that of the size at which they are trained on.
    """

    folder: Path
    pixels: NDArray[np.uint8]
    images: tuple[str, ...]
    digests: tuple[str, ...]
    problems: tuple[Problem, ...]
    enlarged: int


def open_pixels(
    study: StudyTable,
    *,
    image_size: int,
    cache: Path,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> PixelStore:
    """Open a study's pixels, decoding them first where that has not been done yet.

    Safe to call from several processes at once: one decodes, the others wait for it. A store
    that was interrupted in the making, however hard, goes on where it was; one that is damaged
    is made again.

    Args:
        study: the images and the way to their pixels.
        image_size: side of the square images in pixels.
        cache: the folder of all stores; made if it is not there.
        progress: called with (images done, images in all) while decoding; first with those
            that an earlier attempt had done, if any.
        workers: decoding threads; by default one per processor.

    Raises:
        InputError: the cache folder cannot be written or has too little room.
    """
    images = tuple(study.rows["image"])
    name = _store_name(study.reader, images, image_size)
    folder = cache / name
    shape = (len(images), image_size, image_size)
    store = _open(folder, images, shape)
    if store is not None:
        return store
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{name}.lock"):
            store = _open(folder, images, shape)  # another process may have made it meanwhile
            if store is None:
                _make(
                    folder,
                    study.reader,
                    images,
                    shape,
                    progress=progress or (lambda _done, _total: None),
                    workers=workers,
                )
                store = _open(folder, images, shape)
    except BrokenPipeError:
        raise  # who read our progress has gone; the disk is not at fault
    except OSError as error:
        raise InputError(
            f"the pixels cannot be kept in {str(cache)!r}: {error.strerror or error}"
        ) from None
    if store is None:
        raise InputError(f"the pixels in {str(folder)!r} changed while being opened: run again")
    return store


def _store_name(reader: PixelReader, images: Sequence[str], image_size: int) -> str:
    hashed = hashlib.sha256(f"{FORMAT} {image_size}\n".encode())
    for image in images:
        # Through JSON, so that no id can be mistaken for an id and its neighbour.
        hashed.update(json.dumps([image, reader.stamp(image)]).encode())
    return hashed.hexdigest()


def _open(folder: Path, images: tuple[str, ...], shape: tuple[int, int, int]) -> PixelStore | None:
    """The store in a folder; None where there is none that is whole and fits."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        # numpy refuses a file that is shorter than its header says; an empty one cannot be mapped.
        pixels = np.load(folder / PIXELS, mmap_mode="r" if images else None)
        store = PixelStore(
            folder=folder,
            pixels=pixels,
            images=tuple(index["images"]),
            digests=tuple(index["digests"]),
            problems=tuple(Problem(**problem) for problem in index["problems"]),
            enlarged=int(index["enlarged"]),
        )
    except (OSError, ValueError, EOFError, KeyError, TypeError):
        return None
    fits = pixels.shape == shape and pixels.dtype == np.uint8 and store.images == images
    return store if fits and len(store.digests) == len(images) else None


def _make(
    folder: Path,
    reader: PixelReader,
    images: tuple[str, ...],
    shape: tuple[int, int, int],
    *,
    progress: Callable[[int, int], None],
    workers: int | None,
) -> None:
    """Decode what is missing of a store, and put it in its place when it is whole."""
    # The lock is held: a folder that could not be opened is damaged, and a partial one nobody's.
    shutil.rmtree(folder, ignore_errors=True)
    partial = folder.with_suffix(".partial")
    if _open(partial, images, shape) is None:
        (partial / INDEX).unlink(missing_ok=True)
        store = UnfinishedStore(partial, shape)
        _check_room(folder.parent, store.missing_bytes)
        if store.records:
            progress(len(store.records), len(images))
        decoding = decode_all(reader, images[len(store.records) :], shape[1], workers)
        # Closed here, not whenever the generator is collected: an interrupt ends the threads.
        with quiet_pillow(), closing(decoding):
            store.fill(decoding, progress=lambda done: progress(done, len(images)))
        _write_index(partial / INDEX, images, store.records)
    (partial / JOURNAL).unlink(missing_ok=True)
    partial.replace(folder)


def _check_room(cache: Path, need: int) -> None:
    free = shutil.disk_usage(cache).free
    if need > free:
        raise InputError(
            f"the pixels need {need / 1e9:.1f} GB and {str(cache)!r} has {free / 1e9:.1f} GB "
            "left: make room, or choose a smaller data.image_size"
        )


def _write_index(path: Path, images: Sequence[str], records: Sequence[Record]) -> None:
    index = {
        "images": images,
        "digests": [record.digest for record in records],
        "problems": [asdict(record.problem) for record in records if record.problem],
        "enlarged": sum(record.enlarged for record in records),
    }
    with path.open("w", encoding="utf-8") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())
