"""Pixels decoded once: a memory map of equal-sized gray images, reused by every run.

A store is a folder named by what went into it: image ids, the stamps of their files (sizes and
times, see ``image_files.file_stamp``; not their content) and the image size. Files with other
stamps or another size have another folder. It holds

- ``pixels.npy``: uint8, shape (images, size, size), row i is the study table's row i;
- ``index.json``: the image ids, the digests of their original pixels, and what could not be read.

Images are squashed to a square, and each side is area-averaged where it shrinks (Pillow's box
filter: the mean of the original pixels whose centres lie in the new one) and interpolated
linearly where it grows. The paper states neither; both are ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from bench.data.image_files import quiet_pillow
from bench.data.study import ImageError, PixelReader, Problem, StudyTable
from bench.errors import InputError

# Part of every store's name: raise it when decoding or resizing changes a pixel.
FORMAT = 1

# Images that a thread decodes at a time: handing over single small ones costs a tenth more.
CHUNK = 16


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
    that is incomplete or damaged is made again.

    Args:
        study: the images and the way to their pixels.
        image_size: side of the square images in pixels.
        cache: the folder of all stores; made if it is not there.
        progress: called with (images done, images in all) while decoding.
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
                _check_room(cache, shape)
                _make(folder, study.reader, images, shape, progress=progress, workers=workers)
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


def resize(pixels: NDArray[np.uint8], image_size: int) -> NDArray[np.uint8]:
    """Squash a gray image to a square; see the top of this module for how.

    Args:
        pixels: uint8, shape (height, width).
        image_size: side of the result in pixels.

    Returns:
        uint8, shape (image_size, image_size).
    """
    image = Image.fromarray(pixels)
    width, height = image.size
    # One side at a time, since a side that shrinks and one that grows take different filters.
    image = image.resize((image_size, height), _filter(width, image_size))
    return np.asarray(image.resize((image_size, image_size), _filter(height, image_size)))


def digest(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of a gray image, in hex: equal for images of one shape with equal pixels."""
    hashed = hashlib.sha256(repr(pixels.shape).encode())
    hashed.update(np.ascontiguousarray(pixels).data)
    return hashed.hexdigest()


def _filter(old: int, new: int) -> Image.Resampling:
    return Image.Resampling.BOX if new < old else Image.Resampling.BILINEAR


def _store_name(reader: PixelReader, images: Sequence[str], image_size: int) -> str:
    hashed = hashlib.sha256(f"{FORMAT} {image_size}\n".encode())
    for image in images:
        # Through JSON, so that no id can be mistaken for an id and its neighbour.
        hashed.update(json.dumps([image, reader.stamp(image)]).encode())
    return hashed.hexdigest()


def _open(folder: Path, images: tuple[str, ...], shape: tuple[int, int, int]) -> PixelStore | None:
    """The store in a folder; None where there is none that is whole and fits."""
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        # numpy refuses a file that is shorter than its header says; an empty one cannot be mapped.
        pixels = np.load(folder / "pixels.npy", mmap_mode="r" if images else None)
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


def _check_room(cache: Path, shape: tuple[int, int, int]) -> None:
    need, free = float(np.prod(shape, dtype=np.float64)), shutil.disk_usage(cache).free
    if need > free:
        raise InputError(
            f"the pixels need {need / 1e9:.1f} GB and {str(cache)!r} has {free / 1e9:.1f} GB "
            "left: make room, or choose a smaller data.image_size"
        )


def _make(
    folder: Path,
    reader: PixelReader,
    images: tuple[str, ...],
    shape: tuple[int, int, int],
    *,
    progress: Callable[[int, int], None] | None,
    workers: int | None,
) -> None:
    """Decode all images into a store."""
    decoding = _decode_all(reader, images, shape[1], workers)
    # Closed here, not whenever the generator is collected: an interrupt ends the threads.
    with _replacing(folder) as partial, quiet_pillow(), closing(decoding):
        digests: list[str] = []
        problems: list[Problem] = []
        enlarged = 0
        blank = np.zeros(shape[1:], dtype=np.uint8)
        # Plain writes in order rather than a writable map: on a full disk they raise an error
        # where a map kills the process.
        with (partial / "pixels.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": shape}
            )
            for done, decoded in enumerate(decoding, start=1):
                file.write((blank if decoded.pixels is None else decoded.pixels).tobytes())
                digests.append(decoded.digest)
                enlarged += decoded.enlarged
                if decoded.problem is not None:
                    problems.append(decoded.problem)
                if progress is not None:
                    progress(done, len(images))
            file.flush()
            os.fsync(file.fileno())
        index = {
            "images": images,
            "digests": digests,
            "problems": [asdict(problem) for problem in problems],
            "enlarged": enlarged,
        }
        (partial / "index.json").write_text(json.dumps(index), encoding="utf-8")


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """An empty folder that becomes ``folder`` when all has gone well, and else is removed."""
    # The lock is held: whatever lies here is from a process that was killed, or is damaged.
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class _Decoded(NamedTuple):
    pixels: NDArray[np.uint8] | None
    digest: str
    enlarged: bool
    problem: Problem | None


def _decode(reader: PixelReader, image: str, image_size: int) -> _Decoded:
    try:
        pixels = reader.read(image)
    except ImageError as error:
        problem = Problem(kind=error.kind, image=image, detail=str(error))
        return _Decoded(None, "", False, problem)
    enlarged = min(pixels.shape) < image_size
    return _Decoded(resize(pixels, image_size), digest(pixels), enlarged, None)


def _decode_all(
    reader: PixelReader, images: Sequence[str], image_size: int, workers: int | None
) -> Generator[_Decoded, None, None]:
    """Decode in threads (Pillow and hashlib release the interpreter's lock), in order.

    Only a few images are under way at any time, so that memory stays small and an interrupt
    is obeyed at once.
    """
    workers = workers or os.cpu_count() or 1
    under_way: deque[Future[list[_Decoded]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(images), CHUNK):
            chunk = images[start : start + CHUNK]
            under_way.append(pool.submit(_decode_chunk, reader, chunk, image_size))
            if len(under_way) > 2 * workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()


def _decode_chunk(reader: PixelReader, images: Sequence[str], image_size: int) -> list[_Decoded]:
    return [_decode(reader, image, image_size) for image in images]
