"""Pixels of DICOM files as grayscale (extra ``dicom``: pydicom, and pylibjpeg with its decoders).

A stored value becomes gray in the steps of DICOM PS3.3 C.11 and PS3.4 N.2:

=========== ===================================================================================
modality    the Modality LUT, or Rescale Slope and Intercept
values of   the VOI LUT; else the first window (linear, exactly linear or sigmoid); else the whole
interest    range that Bits Stored allows, never the image's own range. Whole 16 bits that no LUT,
            slope or window explains are given as they are, like those of a 16-bit PNG
polarity    MONOCHROME1 is inverted
colour      RGB and YBR of 8 bits become luma, as in other image files
=========== ===================================================================================

A Presentation LUT Shape only repeats the polarity, and overlays and pixel padding are left alone.
Files with several frames, and pixels of more than 16 bits, in floating point or with a palette,
are refused.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.data.study import GrayValues, ImageError
from bench.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

INSTALL = "pip install 'cxnet-bench[dicom]'"

HEAD = 2048
"""Number of first bytes that :func:`is_dicom` wants to see."""

# Inflated whole before its header can be looked at, and not used for images.
_DEFLATED = b"1.2.840.10008.1.2.1.99"

# A file is read whole, by each thread one; 16 bits of Pillow's largest image are 179 MB.
LARGEST = 1 << 28  # bytes

# Markers of a frame's header: of JPEG (ISO 10918-1, table B.1) and of JPEG-LS.
_FRAMES = {*range(0xFFC0, 0xFFD0), 0xFFF7} - {0xFFC4, 0xFFC8, 0xFFCC}


def is_dicom(head: bytes) -> bool:
    """Whether a file's first bytes are those of a DICOM file (PS3.10, section 7.1).

    Also of one without the preamble, which begins with an element of group 0002 or 0008: no PNG,
    JPEG or TIFF file does.
    """
    return head[128:132] == b"DICM" or head[:2] in (b"\x02\x00", b"\x08\x00")


def read_dicom(file: BinaryIO) -> GrayValues:
    """Original pixels of a DICOM file, open at its start; see the top of this module.

    Returns:
        uint8, or uint16 where a file of 16 bits states no window; shape (height, width).

    Raises:
        ImageError: "truncated" or "unreadable".
        InputError: pydicom or a decoder is not installed.
        OSError: the file could not be read this time.
    """
    try:
        dataset = _read(file)
        _check(dataset)
        pixels = _decompressed(dataset)
        if pixels.ndim == 3:
            return _luma(pixels)
        return _gray(pixels, dataset)
    except (ImageError, InputError, MemoryError):
        raise
    except Exception as error:  # pydicom and the decoders raise nearly anything on hostile bytes.
        if isinstance(error, OSError) and error.errno:
            raise
        raise ImageError("unreadable", "the DICOM file is damaged") from None


def require_pydicom() -> None:
    """Raise an InputError where the extra ``dicom`` is not installed."""
    try:
        import pydicom  # noqa: F401
        import pylibjpeg  # noqa: F401
    except ImportError:
        raise InputError(f"these are DICOM files, which want an extra: {INSTALL}") from None


def _read(file: BinaryIO) -> Dataset:
    require_pydicom()
    from pydicom import dcmread, uid

    if _DEFLATED in file.read(HEAD):
        raise ImageError("unreadable", "a deflated DICOM file is not read")
    if file.seek(0, os.SEEK_END) > LARGEST:
        raise ImageError("unreadable", "the DICOM file is too large for one image")
    file.seek(0)
    dataset = dcmread(file, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = (
            uid.ImplicitVRLittleEndian
            if implicit
            else uid.ExplicitVRLittleEndian
            if little
            else uid.ExplicitVRBigEndian
        )
    return dataset


def _check(dataset: Dataset) -> None:
    """Refuse what cannot be read before anything is decompressed."""
    if "PixelData" not in dataset:
        # Of a file that ends within a compressed image pydicom keeps nothing.
        if "Rows" in dataset or not len(dataset):
            raise ImageError("truncated", "the DICOM file ends before its pixel data does")
        raise ImageError("unreadable", "the DICOM file holds no image")
    if (frames := int(dataset.get("NumberOfFrames") or 1)) > 1:
        raise ImageError("unreadable", f"the DICOM file has {frames:,} frames, not one image")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and dataset.Rows * dataset.Columns > limit:
        raise ImageError("unreadable", "the image has too many pixels to be genuine")
    if not 1 <= dataset.BitsStored <= 16:
        raise ImageError("unreadable", f"the DICOM file has {dataset.BitsStored} bits a pixel")
    if dataset.get("HighBit", dataset.BitsStored - 1) != dataset.BitsStored - 1:
        raise ImageError("unreadable", "the DICOM file's High Bit is not its highest stored bit")
    colour = dataset.PhotometricInterpretation
    if not colour.startswith(("MONOCHROME1", "MONOCHROME2", "RGB", "YBR")):
        raise ImageError("unreadable", f"{colour!r} pixels of a DICOM file are not read")


def _decompressed(dataset: Dataset) -> NDArray[Any]:
    """Stored values, (rows, columns) or (rows, columns, 3) of RGB."""
    from pydicom import uid
    from pydicom.encaps import get_frame
    from pydicom.pixels import get_decoder, pixel_array
    from pydicom.pixels.utils import get_expected_length

    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        if len(dataset.PixelData) < get_expected_length(dataset):
            raise ImageError("truncated", "the file ends too early")
        return pixel_array(dataset)
    # One decoder for each compression: those of others differ in single gray values.
    plugin = "pydicom" if syntax == uid.RLELossless else "pylibjpeg"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise ImageError("unreadable", f"compression {syntax.name!r} is not read") from None
    if plugin not in decoder.available_plugins:
        raise InputError(f"compressed DICOM files ({syntax.name}) want an extra: {INSTALL}")
    shape = _compressed_shape(get_frame(dataset.PixelData, 0, number_of_frames=1))
    if shape not in (None, (dataset.Rows, dataset.Columns)):
        raise ImageError("unreadable", "the size of the compressed image is not the header's")
    return pixel_array(dataset, decoding_plugin=plugin)


def _compressed_shape(stream: bytes) -> tuple[int, int] | None:
    """Height and width that a JPEG, JPEG-LS or JPEG 2000 stream states; None where it is neither.

    A decoder makes room for these, whatever the DICOM header says.
    """
    if (start := stream[:1024].find(b"\xff\x4f\xff\x51")) >= 0:  # SOC, SIZ: ISO 15444-1, A.5.1
        right, bottom, left, top = struct.unpack_from(">4I", stream, start + 8)
        return bottom - top, right - left
    if stream[:2] != b"\xff\xd8":
        return None
    position = 2  # the segments of ISO 10918-1, B.1, up to the frame's header
    while position < len(stream):
        marker, length = struct.unpack_from(">HH", stream, position)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", stream, position + 5)
            return height, width
        position += 2 + length
    return None


def _luma(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        raise ImageError("unreadable", "colours of more than 8 bits are not read")
    return np.asarray(Image.fromarray(pixels).convert("L"))


def _gray(pixels: NDArray[Any], dataset: Dataset) -> GrayValues:
    voi = _item(dataset, "VOILUTSequence")
    window = _window(dataset)
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
    plain = (slope, intercept) == (1, 0) and "ModalityLUTSequence" not in dataset
    if (
        plain
        and dataset.BitsStored == 16
        and not (voi or window or inverted or dataset.PixelRepresentation)
    ):
        return pixels.astype(np.uint16)
    # All steps see single values: those that may occur go through them, and pixels are looked up.
    # A negative index counts from the end.
    low, high = min(int(pixels.min()), 0), max(int(pixels.max()), 0)
    stored = np.concatenate([np.arange(0, high + 1), np.arange(low, 0)])
    values, black, white = _modality(stored, dataset)
    if voi:
        values, white = _look_up(np.rint(values).astype(np.int64), voi, dataset)
        black = 0.0
    elif window:
        from pydicom.pixels import apply_windowing

        with np.errstate(over="ignore"):  # a steep sigmoid, whose limit is right
            values, black, white = apply_windowing(values, window), 0.0, 255.0
    if not black < white:
        raise ImageError("unreadable", "the DICOM file's rescaling leaves no grays")
    gray = np.floor((values - black) / (white - black) * 255 + 0.5).clip(0, 255)
    table = (255 - gray if inverted else gray).astype(np.uint8)
    shown: NDArray[np.uint8] = table[pixels]
    return shown


def _item(dataset: Dataset, sequence: str) -> Dataset | None:
    """The first item of a sequence of LUTs, if there is one with data."""
    items = dataset.get(sequence) or [None]
    return items[0] if items[0] is not None and "LUTData" in items[0] else None


def _window(dataset: Dataset) -> Dataset | None:
    """The first window, as a dataset whose windowed values are 0 to 255; None if there is none."""
    from pydicom.dataset import Dataset
    from pydicom.multival import MultiValue

    window = Dataset()
    for name in ("WindowCenter", "WindowWidth"):
        value = dataset.get(name)
        if isinstance(value, MultiValue):
            value = value[0] if value else None
        if value is None:
            return None
        setattr(window, name, value)
    window.VOILUTFunction = dataset.get("VOILUTFunction") or "LINEAR"
    # What pydicom takes for the range of the result, whatever the range of the values is.
    window.BitsStored, window.PixelRepresentation = 8, 0
    window.PhotometricInterpretation = "MONOCHROME2"
    return window


def _modality(stored: NDArray[np.int64], dataset: Dataset) -> tuple[NDArray[Any], float, float]:
    """Values after the modality transform, and the least and the greatest that there can be."""
    from pydicom.pixels import apply_modality_lut

    if item := _item(dataset, "ModalityLUTSequence"):
        values, white = _look_up(stored, item, dataset)
        return values, 0.0, white
    bits = dataset.BitsStored
    ends = (
        (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if dataset.PixelRepresentation
        else (0, 2**bits - 1)
    )
    black, white = sorted(apply_modality_lut(np.array(ends), dataset).tolist())
    return apply_modality_lut(stored, dataset), black, white


def _look_up(
    values: NDArray[np.int64], item: Dataset, dataset: Dataset
) -> tuple[NDArray[np.int64], float]:
    """Values through a LUT (PS3.3 C.11.1.1.1 and C.11.2.1.1), and its white.

    Not by pydicom's functions: they keep indices in the type of the results, so that 12 bits
    through a table of 8 bits wrap around, and take no table of bytes.
    """
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count % 2**16 or 2**16
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] else ">"
        wide = len(data) >= 2 * count
        data = np.frombuffer(data, f"{order}u2" if wide else np.uint8)
    table = np.asarray(data, np.int64)[:count]
    if len(table) < count:
        raise ImageError("unreadable", "a LUT of the DICOM file is shorter than it says")
    # Some tables hold more bits than they say.
    return table[np.clip(values - first, 0, count - 1)], float(max(2**bits - 1, table.max()))
