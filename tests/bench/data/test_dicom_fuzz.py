"""DICOM files with any header give the right pixels, or one error that names the fault."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from bench.data.image_files import quiet_decoders, read_gray_values
from bench.data.study import ImageError

pydicom = pytest.importorskip("pydicom", reason="the extra dicom is not installed")

from pydicom.datadict import dictionary_VR, tag_for_keyword  # noqa: E402
from pydicom.pixels import apply_modality_lut, apply_windowing  # noqa: E402
from pydicom.tag import Tag  # noqa: E402
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless  # noqa: E402

from tests.bench.data.dicom_files import dicom_dataset  # noqa: E402

EXAMPLES, MANY = 100, 10_000  # in each run, and in the slow form


# --- valid headers ---------------------------------------------------------------------------


@st.composite
def radiographs(draw: st.DrawFn) -> tuple[NDArray[Any], dict[str, Any]]:
    """Stored values and a valid header."""
    bits = draw(st.integers(8, 16))
    signed = draw(st.booleans())
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    kind = ("int" if signed else "uint") + ("8" if bits == 8 else "16")
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    pixels = draw(arrays(kind, shape, elements=st.integers(low, high)))
    header: dict[str, Any] = {"BitsStored": bits}
    header["PhotometricInterpretation"] = draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"]))
    if draw(st.booleans()):
        header["RescaleSlope"] = draw(st.sampled_from([1, 0.5, 2, -1, 0.684, 1.25]))
        header["RescaleIntercept"] = draw(st.sampled_from([0, -1024, 3.5, 100]))
    if draw(st.booleans()):
        header["WindowCenter"] = draw(st.integers(-2000, 5000))
        header["WindowWidth"] = draw(st.integers(1, 5000))
        header["VOILUTFunction"] = draw(st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]))
    return pixels, header


def expected(pixels: NDArray[Any], dataset: Any) -> NDArray[np.float64]:
    """Gray values, not yet rounded, by pydicom's own functions of whole images."""
    bits = dataset.BitsStored
    ends = np.array([0, 2**bits - 1])
    if dataset.PixelRepresentation:
        ends -= 2 ** (bits - 1)
    black, white = sorted(apply_modality_lut(ends, dataset))
    with np.errstate(over="ignore"):
        shown = apply_windowing(apply_modality_lut(pixels.astype(np.int64), dataset), dataset)
    if "WindowWidth" in dataset and dataset.get("RescaleSlope", 1) < 0:
        black, white = white, black  # the range of a windowed value keeps the slope's sign
    gray: NDArray[np.float64] = (shown - black) / (white - black) * 255
    return 255 - gray if dataset.PhotometricInterpretation == "MONOCHROME1" else gray


def check_valid(folder: Path, radiograph: tuple[NDArray[Any], dict[str, Any]]) -> None:
    pixels, header = radiograph
    dataset = dicom_dataset(pixels, **header)
    dataset.save_as(folder / "image", enforce_file_format=True)
    values = read_gray_values(folder / "image")
    if values.dtype == np.uint16:
        np.testing.assert_array_equal(values, pixels)
        assert "WindowWidth" not in dataset
        return
    assert values.shape == pixels.shape
    assert np.abs(values - expected(pixels, dataset)).max() <= 0.5 + 1e-9


@settings(max_examples=EXAMPLES)
@given(radiograph=radiographs())
def test_valid_headers(radiograph: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_valid(tmp_path_factory.getbasetemp(), radiograph)


@pytest.mark.slow
@settings(max_examples=MANY)
@given(radiograph=radiographs())
def test_many_valid_headers(radiograph: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_valid(tmp_path_factory.getbasetemp(), radiograph)


# --- hostile headers -------------------------------------------------------------------------

NUMBERS = [b"", b"\0", b"\0\0", b"\1\0", b"\3\0", b"\x07\0", b"\x0c\0", b"\x10\0", b"\x20\0",
           b"\xff\xff", b"\0\x80", b"\x08\0\x08\0", b"x" * 7]  # fmt: skip
TEXTS = [b"", b" ", b"abc ", b"-1", b"0 ", b"1\\2 ", b"1e400 ", b"nan ", b"-inf", b"1e-320",
         b"\xff\xfe\xfd\0", b"99999999999999999999", b"MONOCHROME1 ", b"PALETTE COLOR ", b"RGB ",
         b"YBR_FULL_422", b"SIGMOID ", b"1.2.840.10008.1.2.4.201", b"\\" * 8]  # fmt: skip
KEYWORDS = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "SamplesPerPixel", "PlanarConfiguration", "PhotometricInterpretation", "NumberOfFrames",
    "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "VOILUTSequence", "ModalityLUTSequence", "SpecificCharacterSet", "PixelData", "SOPClassUID",
    "SmallestImagePixelValue", "PixelPaddingValue", "ExtendedOffsetTable",
)  # fmt: skip


@cache
def forms() -> tuple[tuple[bytes, dict[int, bytes]], ...]:
    """An image raw, as run lengths, JPEG 2000 and JPEG: the transfer syntax, and each element."""
    pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    window = {"BitsStored": 12, "WindowCenter": 2000, "WindowWidth": 3000}
    datasets = [dicom_dataset(pixels, **window) for _ in range(3)]
    datasets[1].compress(RLELossless)
    datasets[2].compress(JPEG2000Lossless)
    buffer = io.BytesIO()
    Image.fromarray((pixels // 16).astype(np.uint8)).save(buffer, "JPEG")
    jpeg = dicom_dataset((pixels // 16).astype(np.uint8))
    jpeg.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    jpeg.PixelData = pydicom.encaps.encapsulate([buffer.getvalue()])
    jpeg["PixelData"].is_undefined_length = True
    return tuple(
        (str(d.file_meta.TransferSyntaxUID).encode(), {int(e.tag): written(e) for e in d})
        for d in (*datasets, jpeg)
    )


def written(element: Any) -> bytes:
    """An element in explicit little endian."""
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    pydicom.filewriter.write_data_element(buffer, element)
    value: bytes = buffer.getvalue()
    return value


def encoded(tag: int, vr: str, value: bytes) -> bytes:
    """An element of any bytes in explicit little endian."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in ("OB", "OW", "UN", "SQ", "OV"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def lut_bytes(descriptor: bytes, data: bytes) -> bytes:
    """A sequence of one LUT, in explicit little endian."""
    item = (
        b"\x28\x00\x02\x30US" + len(descriptor).to_bytes(2, "little") + descriptor
        + b"\x28\x00\x06\x30OW\0\0" + len(data).to_bytes(4, "little") + data
    )  # fmt: skip
    return b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item


values = st.one_of(
    st.sampled_from(NUMBERS + TEXTS),
    st.binary(max_size=20),
    st.builds(lut_bytes, st.sampled_from([b"\x04\0\0\0\x08\0", b"\0\0\0\0\x10\0", b"\x04\0", b"",
                                          b"\x02\0\xff\xff\xff\xff"]), st.binary(max_size=9)),
)  # fmt: skip
hostile = {
    "form": st.integers(0, 3),
    "elements": st.dictionaries(st.sampled_from(KEYWORDS), values, max_size=3),
    "syntax": st.one_of(st.none(), st.sampled_from([*map(str, pydicom.uid.AllTransferSyntaxes)])),
    "start": st.floats(0, 1, exclude_max=True),
    "noise": st.binary(max_size=6),
    "kept": st.one_of(st.just(1.0), st.floats(0, 1)),
    "preamble": st.booleans(),
}


def hostile_bytes(
    *, form: int, elements: dict[str, bytes], syntax: str | None, start: float, noise: bytes,
    kept: float, preamble: bool,
) -> bytes:  # fmt: skip
    """A file of one of the forms, with some elements, bytes and its end damaged."""
    uid, parts = forms()[form]
    parts = dict(parts)
    for keyword, value in elements.items():
        tag = int(Tag(tag_for_keyword(keyword) or 0))
        parts[tag] = encoded(tag, dictionary_VR(tag).split(" ")[0], value)
    meta = encoded(0x00020010, "UI", syntax.encode() if syntax else uid)
    start_of_file = b"\0" * 128 + b"DICM" if preamble else b""
    whole = bytearray(start_of_file + meta + b"".join(parts[tag] for tag in sorted(parts)))
    first = int(start * len(whole))
    whole[first : first + len(noise)] = noise
    return bytes(whole[: int(len(whole) * kept)])


def check_hostile(folder: Path, damage: dict[str, Any]) -> None:
    with quiet_decoders():
        (folder / "hostile").write_bytes(hostile_bytes(**damage))
        try:
            pixels = read_gray_values(folder / "hostile")
        except ImageError as error:
            found = (error.kind in ("truncated", "unreadable"), len(str(error).splitlines()))
            assert found == (True, 1)
        else:
            assert pixels.dtype in (np.uint8, np.uint16)
            assert pixels.ndim == 2
            assert pixels.size


@settings(max_examples=EXAMPLES)
@given(damage=st.fixed_dictionaries(hostile))
def test_hostile_headers(damage: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_hostile(tmp_path_factory.getbasetemp(), damage)


@pytest.mark.slow
@settings(max_examples=MANY)
@given(damage=st.fixed_dictionaries(hostile))
def test_many_hostile_headers(damage: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_hostile(tmp_path_factory.getbasetemp(), damage)
