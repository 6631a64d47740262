"""Decoding image files for prediction: squares in batches, with facts on the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from bench.data.decode import Decoded, decode_all
from bench.data.image_files import quiet_decoders, read_gray_values
from bench.data.study import GrayValues, ImageError
from bench.errors import InputError
from bench.model import LoadedModel
from bench.predict.images import ImageFile
from bench.runs.checksums import file_checksum
from bench.train.prediction import prediction_batch

COLOURED = 8.0
"""Mean difference between an image's colour channels, in gray levels, above which it is in colour.

That of a gray JPEG with three channels is about 1.
"""
_REDUCED = 8  # colour is looked at in so many times fewer pixels a side


class InspectedImage(NamedTuple):
    """An image, decoded, with facts on its file."""

    image: ImageFile
    decoded: Decoded  # its square, or why there is none
    sha256: str  # of the file; "" where it could not be read
    # Width and height of the original in pixels; None where it could not be read.
    size: tuple[int, int] | None
    in_colour: bool  # whether its channels differ; unknown, and so False, of a DICOM file


@dataclass
class _Facts:
    """Facts on a file that is being read."""

    sha256: str = ""
    size: tuple[int, int] | None = None
    in_colour: bool = False

    def see(self, image: Image.Image) -> None:
        """Look at the colours of an image before it becomes gray."""
        if image.mode in ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            factor = max(1, min(_REDUCED, *(side // _REDUCED for side in image.size)))
            # Palettes cannot be averaged.
            small = (image if "P" not in image.mode else image.convert("RGB")).reduce(factor)
            channels = np.asarray(small.convert("RGB")).astype(np.int16)
            self.in_colour = bool(np.ptp(channels, axis=2).mean() > COLOURED)


class _Reader:
    """Reads image files by their position, and keeps facts on them until they are taken."""

    def __init__(self, images: Sequence[ImageFile]) -> None:
        self.images = images
        self.facts: dict[str, _Facts] = {}

    def read(self, image: str) -> GrayValues:
        """See :meth:`bench.data.study.PixelReader.read`; all errors are of the one image."""
        facts = self.facts[image] = _Facts()
        path = self.images[int(image)].path
        try:
            facts.sha256 = file_checksum(path)
            values = read_gray_values(path, inspect=facts.see)
        except FileNotFoundError:
            raise ImageError("missing", "the file is not there") from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ImageError("unreadable", reason) from None
        except InputError as error:  # an extra is missing, or a network does not answer
            raise ImageError("unreadable", str(error)) from None
        facts.size = values.shape[1], values.shape[0]
        return values

    def stamp(self, image: str) -> str:
        """See :meth:`bench.data.study.PixelReader.stamp`; nothing is kept of these images."""
        return image


def decoded_batches(
    model: LoadedModel, images: Sequence[ImageFile]
) -> Iterator[list[InspectedImage]]:
    """Decode images in threads, ahead of the network, as its own images were decoded.

    They come in order, as many together as a prediction takes at once: memory stays small, however
    many there are.
    """
    reader = _Reader(images)
    positions = [str(position) for position in range(len(images))]
    decoding = decode_all(reader, positions, model.image_size, full_scale=model.data.full_scale)
    size = prediction_batch(model.image_size, model.device)
    with quiet_decoders(), closing(decoding):
        numbered = enumerate(decoding)
        while batch := list(islice(numbered, size)):
            yield [
                InspectedImage(images[n], decoded, facts.sha256, facts.size, facts.in_colour)
                for n, decoded in batch
                for facts in [reader.facts.pop(str(n))]
            ]
