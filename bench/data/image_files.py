"""Reading image files (PNG, JPEG, TIFF, DICOM) as original grayscale pixels of 8 or 16 bits.

Each kind of pixel becomes gray as follows (the choices are ours):

============================ ==============================================================
stored as                    becomes
============================ ==============================================================
8-bit gray, 1-bit            itself (1-bit as 0 and 255)
RGB, palette, CMYK, YCbCr    luma by ITU-R 601-2, Pillow's ``convert("L")``; equal channels
                             give exactly that value
any with alpha               the alpha channel is dropped, not composited: NIH's RGBA files are
                             opaque gray, and a radiograph has no background to show through
16-bit gray                  rounded from 0..full scale (65535, or what the user says) to 0..255;
                             never from the image's own range, which would change contrast image
                             by image
32-bit and floating point    refused: such pixels state no full scale
DICOM                        see :mod:`bench.data.dicom`
============================ ==============================================================

Of a PNG or TIFF with several frames the first is read; an EXIF orientation is not applied.
"""

from __future__ import annotations

import ctypes
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, _imaging

from bench.data.dicom import HEAD, is_dicom, read_dicom
from bench.data.study import GrayValues, ImageError
from bench.errors import InputError

# Pillow also opens formats that run other programs (EPS); a radiograph comes as one of these.
FORMATS = ("PNG", "JPEG", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

DEEPEST = 65535
"""The largest gray value of 16 bits."""

# The bytes that end a whole file, searched for in its last kilobyte: some programs pad.
_ENDINGS = {b"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82", b"\xff\xd8": b"\xff\xd9"}


def read_grayscale(path: Path, *, full_scale: int | None = None) -> NDArray[np.uint8]:
    """Original pixels of an image file in 8 bits, uint8 (height, width), before any resizing.

    White in 16 bits is 65535, if the full scale is None.

    Raises:
        ImageError, InputError: as :func:`read_gray_values` and :func:`to_bytes`.
    """
    return to_bytes(read_gray_values(path), full_scale=full_scale)


def to_bytes(values: GrayValues, *, full_scale: int | None) -> NDArray[np.uint8]:
    """Gray values in 8 bits: those of 16 bits are scaled and rounded, others are left alone.

    Any shape, uint8 or uint16. White in 16 bits is 65535, if the full scale is None.

    Raises:
        ImageError: a value is above the full scale.
    """
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    white = full_scale or DEEPEST
    if (peak := int(values.max(initial=0))) > white:
        detail = f"a pixel of {peak:,} is above data.options.full_scale={white}"
        raise ImageError("unreadable", detail)
    return ((values.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)


def read_gray_values(
    path: Path, *, inspect: Callable[[Image.Image], object] | None = None
) -> GrayValues:
    """Original pixels of an image file, before any resizing.

    Args:
        path: a PNG, JPEG, TIFF or DICOM file, whatever its suffix.
        inspect: called with the loaded Pillow image before it becomes gray; not of a DICOM file.

    Returns:
        uint8, or uint16 of a file of 16 bits; see the table at the top of this module.

    Raises:
        ImageError: "missing" (no such file), "truncated" (it ends too early; not always known
            of a TIFF) or "unreadable" (no image, more pixels than Pillow's limit against
            decompression bombs, or pixels without a known full scale).
        InputError: the file could not be read this time; the image is not at fault. Or it is a
            DICOM file, and the extra ``dicom`` is not installed.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            return read_dicom(file) if is_dicom(head) else _read_with_pillow(file, inspect)
    except (ImageError, InputError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageError("missing", "the file is not there") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError("unreadable", "the image has too many pixels to be genuine") from None
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise ImageError("unreadable", (error.strerror or str(error)).lower()) from None
    except Exception as error:  # Pillow's decoders raise nearly anything on hostile bytes.
        if isinstance(error, OSError) and error.errno:
            # Of the system, not of Pillow: too many open files, say, or a network that does not
            # answer. The image is not at fault.
            raise InputError(
                f"{str(path)!r} could not be read: {(error.strerror or str(error)).lower()}: run "
                "again, which goes on from here; if it stays so, take the file away"
            ) from None
        if _ends_early(path, error):
            raise ImageError("truncated", "the file ends too early") from None
        detail = "the file is not a PNG, JPEG, TIFF or DICOM image, or is damaged"
        raise ImageError("unreadable", detail) from None


def _read_with_pillow(
    file: BinaryIO, inspect: Callable[[Image.Image], object] | None
) -> GrayValues:
    # Without it Pillow loads the file's own format alone, and all of its fifty where that is not
    # the first of ours.
    Image.preinit()
    _silence_pillow()
    with Image.open(file, formats=FORMATS) as image:
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            raise Image.DecompressionBombError
        image.load()
        if inspect is not None:
            inspect(image)
        return _to_gray(image)


@cache
def _silence_pillow() -> None:
    """Keep what Pillow and its libtiff write about a damaged file away from the terminal.

    libtiff writes to the process's standard error, past Python, and names no file of the user's;
    the error that it makes Pillow raise says enough.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    # Pillow has no function for it. Where libtiff's symbols are hidden, its lines stay.
    with suppress(OSError, AttributeError):
        pillow = ctypes.CDLL(_imaging.__file__)
        pillow.TIFFSetErrorHandler(None)
        pillow.TIFFSetWarningHandler(None)


def luma(image: Image.Image) -> NDArray[np.uint8]:
    """Gray values, uint8 (height, width), of an 8-bit Pillow image of any mode, alpha dropped."""
    # Pillow warns where transparency is lost in a conversion, which is what is wanted here.
    image.info.pop("transparency", None)
    if image.mode in ("LA", "La"):
        image = image.getchannel(0)
    elif image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def _to_gray(image: Image.Image) -> GrayValues:
    if image.mode == "F":
        raise ImageError("unreadable", "floating-point pixels have no known full scale")
    if not image.mode.startswith("I"):
        return luma(image)
    # Some versions of Pillow give 16-bit PNGs in the 32-bit mode "I"; PNG has no 32-bit pixels.
    if image.mode == "I" and image.format != "PNG":
        raise ImageError("unreadable", "32-bit or signed pixels have no known full scale")
    return np.asarray(image).astype(np.uint16)


def _ends_early(path: Path, error: Exception) -> bool:
    if "truncated" in str(error).lower():
        return True
    try:
        with path.open("rb") as file:
            head = file.read(8)
            size = file.seek(0, 2)
            file.seek(max(0, size - 1024))
            tail = file.read()
    except OSError:
        return False
    if not size:
        return True
    return any(
        head[: len(begin)] == begin[: len(head)] and end not in tail
        for begin, end in _ENDINGS.items()
    )


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Silence the warnings of Pillow and pydicom about odd files while threads decode.

    To be entered before the threads start: Python's warning filters belong to the process.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL|pydicom|bench.data.dicom")
        yield


class FileReader:
    """Pixel reader of sources whose images are files, by the image id."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = files

    def read(self, image: str) -> GrayValues:
        """See :meth:`bench.data.study.PixelReader.read`."""
        return read_gray_values(self.files[image])

    def stamp(self, image: str) -> str:
        """See :func:`file_stamp`."""
        return file_stamp(self.files[image])


def file_stamp(path: Path) -> str:
    """A text that changes when the file changes; "missing" where there is no file.

    Size in bytes, and the times (ns) of the last change of content and of status. Programs set
    the first back, to 0 in reproducible archives; nobody sets back the second.
    """
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def without_suffix(path: str) -> str:
    """A path without the suffix of an image file; any other suffix stays."""
    stem, dot, suffix = path.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in (*SUFFIXES, *DICOM_SUFFIXES) else path
