"""DICOM files become the gray values that a viewer would show, or say why they cannot."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.data import dicom
from bench.data.image_files import quiet_decoders, read_gray_values
from bench.data.study import ImageError
from bench.errors import InputError
from tests.shared_data import shared

pydicom = pytest.importorskip("pydicom", reason="the extra dicom is not installed")

from pydicom.uid import (  # noqa: E402
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.bench.data.dicom_files import (  # noqa: E402
    dicom_dataset,
    lut,
    radiograph,
    write_dicom,
)

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)  # every value of 12 bits


@cache
def chest_file() -> Path:
    """A child's radiograph, 128 × 128."""
    return min((shared("kermany") / "images").rglob("*.jpeg"))


@pytest.fixture
def chest() -> NDArray[np.uint8]:
    """Its gray values."""
    return radiograph(chest_file())


def gray(tmp_path: Path, pixels: NDArray[Any], **elements: Any) -> NDArray[np.uint8]:
    values = read_gray_values(write_dicom(tmp_path / "image", pixels, **elements))
    assert values.dtype == np.uint8
    return values.astype(np.uint8)


def rounded(fractions: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Gray values of fractions of white."""
    return np.floor(fractions.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def failure(path: Path) -> ImageError:
    with quiet_decoders(), pytest.raises(ImageError) as caught:
        read_gray_values(path)
    return caught.value


# --- gray values, by hand --------------------------------------------------------------------


def test_eight_bits_are_themselves_and_monochrome1_is_inverted(
    chest: NDArray[np.uint8], tmp_path: Path
) -> None:
    np.testing.assert_array_equal(gray(tmp_path, chest), chest)
    inverted = gray(tmp_path, 255 - chest, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(inverted, chest)


def test_twelve_bits_without_a_window_take_their_whole_range(
    chest: NDArray[np.uint8], tmp_path: Path
) -> None:
    stored = chest.astype(np.uint16) * 16
    pixels = gray(tmp_path, stored, BitsStored=12)
    np.testing.assert_array_equal(pixels, rounded(stored / 4095))
    # A dim image stays dim.
    dim = gray(tmp_path, stored // 8, BitsStored=12)
    np.testing.assert_array_equal(dim, rounded((stored // 8) / 4095))


@pytest.mark.parametrize("intercept", [0, -1024])
@pytest.mark.parametrize("slope", [1, 2.5, -1])
def test_the_whole_range_is_that_after_rescaling(
    slope: float, intercept: int, tmp_path: Path
) -> None:
    pixels = gray(tmp_path, RAMP, BitsStored=12, RescaleSlope=slope, RescaleIntercept=intercept)
    fractions = RAMP / 4095
    np.testing.assert_array_equal(pixels, rounded(fractions if slope > 0 else 1 - fractions))


def test_signed_values_without_a_window_take_their_whole_range(tmp_path: Path) -> None:
    stored = np.array([[-2048, -1, 0, 2047]], np.int16)
    assert gray(tmp_path, stored, BitsStored=12).tolist() == [[0, 127, 128, 255]]


def test_a_linear_window_is_that_of_the_standard(tmp_path: Path) -> None:
    """PS3.3 C.11.2.1.2.1, with center 2048 and width 4096 its own example: 12 bits to 8."""
    pixels = gray(tmp_path, RAMP, BitsStored=12, WindowCenter=2048, WindowWidth=4096)
    np.testing.assert_array_equal(pixels, rounded((RAMP - 2047.5) / 4095 + 0.5))
    narrow = gray(tmp_path, RAMP, BitsStored=12, WindowCenter=[1000, 9], WindowWidth=[101, 2])
    assert narrow[RAMP <= 949].max() == 0
    assert narrow[RAMP >= 1050].min() == 255
    assert narrow[RAMP == 999] == 126  # ((999 - 999.5) / 100 + 0.5) × 255 = 126.2
    one = gray(tmp_path, RAMP, BitsStored=12, WindowCenter=1000, WindowWidth=1)
    assert (one[RAMP <= 999].max(), one[RAMP >= 1000].min()) == (0, 255)


def test_other_functions_of_a_window(tmp_path: Path) -> None:
    window = {"BitsStored": 12, "WindowCenter": 2000, "WindowWidth": 1000}
    exact = gray(tmp_path, RAMP, **window, VOILUTFunction="LINEAR_EXACT")
    np.testing.assert_array_equal(exact, rounded((RAMP - 2000.0) / 1000 + 0.5))
    sigmoid = gray(tmp_path, RAMP, **window, VOILUTFunction="SIGMOID")
    np.testing.assert_array_equal(sigmoid, rounded(1 / (1 + np.exp(-4 * (RAMP - 2000.0) / 1000))))
    window = {"BitsStored": 12, "WindowCenter": 2000, "WindowWidth": 1}
    steep = gray(tmp_path, RAMP, **window, VOILUTFunction="SIGMOID")
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(steep, rounded(1 / (1 + np.exp(-4 * (RAMP - 2000.0)))))


def test_a_window_is_of_rescaled_values_and_before_the_inversion(
    chest: NDArray[np.uint8], tmp_path: Path
) -> None:
    """As CR files of the nineties: MONOCHROME1, 12 bits, a slope and an intercept, one window."""
    stored = (4095 - chest.astype(np.uint16) * 16).astype(np.uint16)
    pixels = gray(
        tmp_path, stored, BitsStored=12, PhotometricInterpretation="MONOCHROME1",
        RescaleSlope=0.5, RescaleIntercept=-100, WindowCenter=900, WindowWidth=1001,
    )  # fmt: skip
    shown = rounded((stored * 0.5 - 100 - 899.5) / 1000 + 0.5)
    np.testing.assert_array_equal(pixels, 255 - shown)


def test_signed_values_through_a_window(tmp_path: Path) -> None:
    stored = np.array([[-1000, -51, -50, 0, 49, 50, 900]], np.int16)
    pixels = gray(tmp_path, stored, WindowCenter=0, WindowWidth=101)
    assert pixels.tolist() == [[0, 0, 1, 129, 254, 255, 255]]


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_voi_lut_comes_before_the_window(bits: int, tmp_path: Path) -> None:
    """4,096 entries of 8 bits too, whose indices do not fit the type of the entries."""
    curve = ((np.arange(4096) / 4095) ** 2 * (2**bits - 1)).astype(np.uint16)
    pixels = gray(
        tmp_path, RAMP, BitsStored=12, VOILUTSequence=[lut(curve, first=0, bits=bits)],
        WindowCenter=10, WindowWidth=20,
    )  # fmt: skip
    np.testing.assert_array_equal(pixels.ravel(), rounded(curve / (2**bits - 1)))


def test_a_lut_of_bytes_and_values_outside_of_a_lut(tmp_path: Path) -> None:
    table = np.array([10, 20, 30, 255], np.uint8)
    stored = np.array([[0, 4, 5, 6, 7, 8, 250]], np.uint8)
    pixels = gray(tmp_path, stored, VOILUTSequence=[lut(table, first=5, bits=8)])
    assert pixels.tolist() == [[10, 10, 10, 20, 30, 255, 255]]


def test_a_lut_of_negative_values_after_rescaling(tmp_path: Path) -> None:
    table = np.array([0, 1023, 511], np.uint16)
    stored = np.array([[0, 1, 2]], np.uint16)
    pixels = gray(
        tmp_path, stored, BitsStored=12, PixelRepresentation=1, RescaleSlope=1,
        RescaleIntercept=-1, VOILUTSequence=[lut(table, first=-1, bits=10)],
    )  # fmt: skip
    assert pixels.tolist() == [[0, 255, 127]]


def test_a_modality_lut_alone_and_with_a_window(tmp_path: Path) -> None:
    table = np.linspace(65535, 0, 4096).astype(np.uint16)
    modality = {"BitsStored": 12, "ModalityLUTSequence": [lut(table, first=0, bits=16)]}
    np.testing.assert_array_equal(gray(tmp_path, RAMP, **modality).ravel(), rounded(table / 65535))
    pixels = gray(tmp_path, RAMP, **modality, WindowCenter=1000, WindowWidth=2001)
    np.testing.assert_array_equal(pixels.ravel(), rounded((table - 999.5) / 2000 + 0.5))


@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": 1, "RescaleIntercept": 0}])
def test_sixteen_bits_that_nothing_explains_are_those_of_a_16_bit_png(
    rescale: dict[str, int], tmp_path: Path
) -> None:
    """So data.options.full_scale holds for them, and the refusal of what is dark throughout."""
    values = read_gray_values(write_dicom(tmp_path / "image", RAMP, **rescale))
    assert values.dtype == np.uint16
    np.testing.assert_array_equal(values, RAMP)


def test_colours_become_luma(chest: NDArray[np.uint8], tmp_path: Path) -> None:
    colours = np.stack([chest, chest // 2, 255 - chest], axis=-1)
    expected = np.asarray(Image.fromarray(colours).convert("L"))
    np.testing.assert_array_equal(gray(tmp_path, colours), expected)
    np.testing.assert_array_equal(gray(tmp_path, np.stack([chest] * 3, axis=-1)), chest)


# --- forms of files --------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize("bits", [8, 12])
def test_lossless_compression_changes_nothing(
    syntax: str, bits: int, chest: NDArray[np.uint8], tmp_path: Path
) -> None:
    stored = chest if bits == 8 else chest.astype(np.uint16) * 16 + chest % 16
    dataset = dicom_dataset(stored, BitsStored=bits)
    dataset.compress(syntax)
    dataset.save_as(tmp_path / "image", enforce_file_format=True)
    expected = rounded(stored / (2**bits - 1))
    np.testing.assert_array_equal(read_gray_values(tmp_path / "image"), expected)


def test_jpeg_baseline_is_read_by_one_decoder(tmp_path: Path) -> None:
    chest, stream = radiograph(chest_file()), chest_file().read_bytes()
    dataset = dicom_dataset(chest)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = pydicom.encaps.encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(tmp_path / "image", enforce_file_format=True)
    pixels = read_gray_values(tmp_path / "image")
    # The rounding of the inverse transform is a decoder's own: Pillow's differs a little.
    assert np.abs(pixels.astype(int) - chest).max() <= 2


def of_pydicom(name: str) -> Path:
    """A file that pydicom brings along for tests, of another program."""
    path = Path(pydicom.__file__).parent / "data" / "test_files" / name
    if not path.is_file():
        pytest.skip(f"this pydicom comes without {name}")
    return path


@pytest.mark.parametrize(
    "form",
    ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"],
)
def test_one_image_in_the_forms_of_other_programs(form: str) -> None:
    with quiet_decoders():
        expected = read_gray_values(of_pydicom("MR_small.dcm"))
        pixels = read_gray_values(of_pydicom(f"MR_small_{form}.dcm"))
    np.testing.assert_array_equal(pixels, expected)


def test_lossless_jpeg_of_another_program() -> None:
    """The compression of most archives of radiographs."""
    with quiet_decoders():
        pixels = read_gray_values(of_pydicom("SC_rgb_jpeg_gdcm.dcm"))
        expected = read_gray_values(of_pydicom("SC_rgb_rle.dcm"))
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, None])
def test_files_without_preamble_or_meta_information(
    syntax: str | None, chest: NDArray[np.uint8], tmp_path: Path
) -> None:
    dataset = dicom_dataset(chest)
    if syntax != ExplicitVRBigEndian:
        del dataset.file_meta
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    if not little:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dataset.save_as(tmp_path / "image", enforce_file_format=True)
    else:
        dataset.save_as(tmp_path / "image", implicit_vr=implicit, little_endian=True)
        assert (tmp_path / "image").read_bytes()[:2] == b"\x08\x00"
    np.testing.assert_array_equal(read_gray_values(tmp_path / "image"), chest)


# --- refusals --------------------------------------------------------------------------------

CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "multi-frame": ({"NumberOfFrames": 2}, "unreadable", "2 frames"),
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "unreadable", "PALETTE COLOR"),
    "many pixels": ({"Rows": 65535, "Columns": 65535}, "unreadable", "too many pixels"),
    "little data": ({"Rows": 9000, "Columns": 9000}, "truncated", "ends too early"),
    "32 bits": ({"BitsStored": 32, "BitsAllocated": 32}, "unreadable", "32 bits"),
    "no bits": ({"BitsStored": 0, "HighBit": 0}, "unreadable", "0 bits"),
    "high bit": ({"HighBit": 11}, "unreadable", "High Bit"),
    "no rows": ({"Rows": None}, "unreadable", "damaged"),
    "empty rows": ({"Rows": 0}, "unreadable", "damaged"),
    "a window of no width": ({"WindowCenter": 5, "WindowWidth": 0}, "unreadable", "damaged"),
    "a slope of 0": ({"RescaleSlope": 0, "RescaleIntercept": 3}, "unreadable", "no grays"),
    "colours": ({"PhotometricInterpretation": "CMYK"}, "unreadable", "CMYK"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_single_gray_image_is_refused_in_one_clause(case: str, tmp_path: Path) -> None:
    elements, kind, clause = CASES[case]
    path = write_dicom(tmp_path / "image", np.zeros((8, 8), np.uint16), **elements)
    error = failure(path)
    assert error.kind == kind
    assert clause in str(error)
    assert "\n" not in str(error)


def test_a_file_too_large_for_one_image_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "image", RAMP)
    monkeypatch.setattr(dicom, "LARGEST", path.stat().st_size - 1)
    assert "too large" in str(failure(path))


def test_a_file_without_an_image_and_one_that_ends_before_it(tmp_path: Path) -> None:
    report = dicom_dataset(RAMP)
    del report.PixelData
    report.save_as(tmp_path / "image", enforce_file_format=True)
    assert failure(tmp_path / "image").kind == "truncated"
    del report.Rows
    report.save_as(tmp_path / "image", enforce_file_format=True)
    assert failure(tmp_path / "image").kind == "unreadable"
    assert "no image" in str(failure(tmp_path / "image"))


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_anywhere_is_truncated(
    syntax: str | None, kept: float, chest: NDArray[np.uint8], tmp_path: Path
) -> None:
    dataset = dicom_dataset(chest)
    if syntax:
        dataset.compress(syntax)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    whole = buffer.getvalue()
    (tmp_path / "image").write_bytes(whole[: int(len(whole) * kept)])
    assert failure(tmp_path / "image").kind == "truncated"


def test_a_compressed_image_of_another_size_than_the_header_is_never_decoded(
    chest: NDArray[np.uint8], tmp_path: Path
) -> None:
    dataset = dicom_dataset(chest)
    dataset.compress(JPEG2000Lossless)
    stream = bytearray(pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1))
    at = stream.index(b"\xff\x51") + 6
    stream[at : at + 8] = (60_000).to_bytes(4, "big") * 2  # a bomb of 3.6 gigapixels
    dataset.PixelData = pydicom.encaps.encapsulate([bytes(stream)])
    dataset.save_as(tmp_path / "image", enforce_file_format=True)
    assert "size of the compressed image" in str(failure(tmp_path / "image"))


@pytest.mark.parametrize(
    "name", ["JPEG2000-embedded-sequence-delimiter.dcm", "badVR.dcm", "image_dfl.dcm"]
)
def test_broken_and_odd_files_of_other_programs(name: str) -> None:
    assert failure(of_pydicom(name)).kind == "unreadable"


def test_warnings_of_pydicom_reach_nobody(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "image", RAMP, BitsStored=12)
    path.write_bytes(path.read_bytes() + b"\0" * 3)  # pydicom warns of what follows
    with warnings.catch_warnings(record=True) as caught, quiet_decoders():
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module="PIL|pydicom")
        read_gray_values(path)
    assert [str(warning.message) for warning in caught] == []


def without(*modules: str) -> Callable[[pytest.MonkeyPatch], None]:
    def hide(patch: pytest.MonkeyPatch) -> None:
        for module in modules:
            patch.setitem(sys.modules, module, None)

    return hide


@pytest.mark.parametrize("hide", [without("pydicom"), without("pylibjpeg")])
def test_without_the_extra_the_message_says_how_to_install_it(
    hide: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "image", RAMP)
    hide(monkeypatch)
    with pytest.raises(InputError, match=r"DICOM .*pip install 'cxnet-bench\[dicom\]'"):
        read_gray_values(path)
