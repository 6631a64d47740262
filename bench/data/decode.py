"""Decoding images to gray squares of one size, in threads, in order.

Images are squashed to a square, and each side is area-averaged where it shrinks (Pillow's box
filter: the mean of the original pixels whose centres lie in the new one) and interpolated
linearly where it grows. The paper states neither; both are ours.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.data.image_files import to_bytes
from bench.data.study import ImageError, PixelReader, Problem
from bench.environment import processors

# Images that a thread decodes at a time: handing over single small ones costs a tenth more. Large
# ones go in fewer, since twice as many chunks as threads wait in memory.
CHUNK = 16
CHUNK_BYTES = 1 << 20


class Decoded(NamedTuple):
    """An image as a pixel store keeps it."""

    # uint8, shape (image_size, image_size); zeros where it could not be read.
    pixels: NDArray[np.uint8]
    digest: str  # of the original pixels (:func:`digest`); "" where they could not be read
    enlarged: bool  # whether a side of the original is shorter than the square's
    peak: int  # largest original gray value of an image of 16 bits; 0 for others
    problem: Problem | None  # why the image could not be read; None where it could


def decode_all(
    reader: PixelReader, images: Sequence[str], image_size: int, *, full_scale: int | None = None
) -> Generator[Decoded, None, None]:
    """Decode in threads (Pillow and hashlib release the interpreter's lock), in order.

    Only a few images are under way at any time, so that memory stays small and an interrupt
    is obeyed at once; closing the generator ends the threads. White in 16 bits is 65535, if the
    full scale is None.
    """
    workers = processors()
    size = max(1, min(CHUNK, CHUNK_BYTES // image_size**2))
    under_way: deque[Future[list[Decoded]]] = deque()
    pool = ThreadPoolExecutor(workers)
    ended = Event()

    def decode(chunk: Sequence[str]) -> list[Decoded]:
        wanted = (image for image in chunk if not ended.is_set())
        return [_decode(reader, image, image_size, full_scale) for image in wanted]

    try:
        for start in range(0, len(images), size):
            under_way.append(pool.submit(decode, images[start : start + size]))
            if len(under_way) > 2 * workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    finally:
        ended.set()  # a chunk of large images takes seconds
        pool.shutdown(cancel_futures=True)


def resize(pixels: NDArray[np.uint8], image_size: int) -> NDArray[np.uint8]:
    """Squash a gray image (height, width) to a square of a side in pixels; both are uint8.

    See the top of this module for how.
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


def _decode(reader: PixelReader, image: str, image_size: int, full_scale: int | None) -> Decoded:
    try:
        values = reader.read(image)
        pixels = to_bytes(values, full_scale=full_scale)
    except ImageError as error:
        problem = Problem(kind=error.kind, image=image, detail=str(error))
        blank = np.zeros((image_size, image_size), dtype=np.uint8)
        return Decoded(blank, "", False, 0, problem)
    enlarged = min(pixels.shape) < image_size
    peak = 0 if values.dtype == np.uint8 else int(values.max(initial=0))
    return Decoded(resize(pixels, image_size), digest(pixels), enlarged, peak, None)
