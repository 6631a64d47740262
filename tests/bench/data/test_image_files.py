"""Image files of every kind become the gray values they state, or say why they cannot."""

from __future__ import annotations

import errno
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.data.image_files import file_stamp, quiet_decoders, read_grayscale, to_bytes
from bench.data.study import ImageError
from bench.errors import InputError

GRAY = np.arange(256, dtype=np.uint8).reshape(8, 32)


def saved(folder: Path, image: Image.Image, name: str = "image.png") -> Path:
    path = folder / name
    image.save(path)
    return path


def failure(path: Path) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_grayscale(path)
    return caught.value


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "PA"])
def test_gray_values_survive_every_colour_mode(mode: str, tmp_path: Path) -> None:
    path = saved(
        tmp_path, Image.fromarray(GRAY).convert(mode), "image.tif" if mode == "PA" else "image.png"
    )
    pixels = read_grayscale(path)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, GRAY)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ESTALE])
def test_what_may_pass_is_not_held_against_the_image(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, Image.fromarray(GRAY))

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as failing:
        failing.setattr(Image, "open", fail)
        with pytest.raises(InputError, match=r"could not be read: .*: run again"):
            read_grayscale(path)
    np.testing.assert_array_equal(read_grayscale(path), GRAY)


def test_alpha_is_dropped_not_composited_and_without_a_warning(tmp_path: Path) -> None:
    alpha = np.arange(GRAY.size, dtype=np.uint8).reshape(GRAY.shape)
    rgba = np.stack([GRAY, GRAY, GRAY, alpha], axis=-1)
    np.testing.assert_array_equal(read_grayscale(saved(tmp_path, Image.fromarray(rgba))), GRAY)
    path = tmp_path / "palette.png"
    Image.fromarray(GRAY).convert("P").save(path, transparency=bytes(range(256)))
    np.testing.assert_array_equal(read_grayscale(path), GRAY)


def test_palette_colours_become_their_luma_not_their_number(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    assert read_grayscale(saved(tmp_path, image)).tolist() == [[76, 29]]  # ITU-R 601-2


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = np.array([[True, False, True]])
    assert read_grayscale(saved(tmp_path, Image.fromarray(bits))).tolist() == [[255, 0, 255]]


@pytest.mark.parametrize("name", ["image.png", "image.tif"])
def test_sixteen_bits_are_scaled_from_full_scale_and_rounded(name: str, tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65406, 65407, 65535]], dtype=np.uint16)
    pixels = read_grayscale(saved(tmp_path, Image.fromarray(values), name))
    assert pixels.tolist() == [[0, 0, 1, 1, 128, 254, 255, 255]]
    np.testing.assert_array_equal(pixels, np.round(values / 257))


def test_every_16_bit_value_is_rounded_from_the_stated_full_scale() -> None:
    for white in (1, 254, 255, 1023, 4095, 65535):
        values = np.arange(white + 1, dtype=np.uint16)
        exact = np.floor(values.astype(np.float64) * 255 / white + 0.5)
        np.testing.assert_array_equal(to_bytes(values, full_scale=white), exact)


@pytest.mark.parametrize(("dtype", "reason"), [(np.int32, "32-bit"), (np.float32, "floating")])
def test_pixels_without_a_full_scale_are_refused(dtype: type, reason: str, tmp_path: Path) -> None:
    error = failure(saved(tmp_path, Image.fromarray(np.ones((4, 4), dtype)), "image.tif"))
    assert error.kind == "unreadable"
    assert reason in str(error)


def test_grayscale_and_cmyk_jpeg(tmp_path: Path) -> None:
    flat = Image.new("L", (16, 16), 120)
    gray = read_grayscale(saved(tmp_path, flat, "gray.jpeg"))
    cmyk = read_grayscale(saved(tmp_path, flat.convert("CMYK"), "cmyk.jpg"))
    assert set(gray.ravel().tolist()) == {120}
    assert np.abs(cmyk.astype(int) - 120).max() <= 1


def test_exif_orientation_is_not_applied(tmp_path: Path) -> None:
    image = Image.fromarray(GRAY)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(tmp_path / "image.jpg", exif=exif)
    assert read_grayscale(tmp_path / "image.jpg").shape == GRAY.shape


def test_what_is_no_image_is_missing_or_unreadable(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "page.png").write_text("<html>404 Not Found</html>")
    for name, kind in (
        ("absent.png", "missing"),
        ("folder.png", "unreadable"),
        ("page.png", "unreadable"),
        ("page.png/image.png", "unreadable"),
    ):
        assert failure(tmp_path / name).kind == kind


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif"])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.9])
def test_a_file_cut_anywhere_is_truncated(name: str, kept: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    # A TIFF's directory may stand at its end: without it, nothing says that it was an image.
    kinds = {"truncated", "unreadable"} if name == "image.tif" else {"truncated"}
    assert failure(path).kind in kinds


def test_decompression_bomb_is_unreadable_whatever_the_warning_filters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, Image.fromarray(GRAY))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GRAY.size - 1)
    assert failure(path).kind == "unreadable"
    with quiet_decoders():
        assert "too many pixels" in str(failure(path))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GRAY.size // 3)
    assert failure(path).kind == "unreadable"


@given(
    format_=st.sampled_from(["PNG", "JPEG", "TIFF"]),
    start=st.floats(0, 1, exclude_max=True),
    noise=st.binary(min_size=1, max_size=8),
)
def test_damaged_bytes_give_pixels_or_an_image_error(
    format_: str, start: float, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(GRAY).save(buffer, format_)
    whole = bytearray(buffer.getvalue())
    first = int(start * len(whole))
    whole[first : first + len(noise)] = noise
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(whole)
    with quiet_decoders():
        try:
            pixels = read_grayscale(path)
        except ImageError as error:
            assert error.kind in ("truncated", "unreadable")  # noqa: PT017 -- pixels are fine too
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 2


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(GRAY))
    before = file_stamp(path)
    assert file_stamp(path) == before
    path.write_bytes(path.read_bytes() + b"\0")
    assert file_stamp(path) != before
    path.unlink()
    assert file_stamp(path) == "missing"


def test_stamps_of_same_sized_files_with_a_time_set_back_differ(tmp_path: Path) -> None:
    """Reproducible archives unpack with equal sizes and times; only the status change differs."""
    first, second = tmp_path / "first", tmp_path / "second"
    for path, content in ((first, b"a"), (second, b"b")):
        path.write_bytes(content)
        os.utime(path, ns=(0, 0))
        time.sleep(0.05)  # more than the tick of any file system's clock
    assert first.stat().st_size == second.stat().st_size
    assert first.stat().st_mtime_ns == second.stat().st_mtime_ns == 0
    assert file_stamp(first) != file_stamp(second)


def test_libtiff_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It writes to the file descriptor, which `capsys` does not see."""
    path = saved(tmp_path, Image.fromarray(GRAY), "image.tif")
    Image.fromarray(np.tile(GRAY, 8)).save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[40:120] = b"\xff" * 80
    path.write_bytes(content)
    assert failure(path).kind == "unreadable"
    assert capfd.readouterr() == ("", "")
