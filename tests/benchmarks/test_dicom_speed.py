"""Reading DICOM files beside a plain loop of pydicom, which stops at the stored values.

Ours also takes them through rescale and window to gray values. The ratios are in the extra info.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data.decode import resize
from bench.data.image_files import read_gray_values
from tests.shared_data import shared

pydicom = pytest.importorskip("pydicom", reason="the extra dicom is not installed")

from pydicom.uid import JPEG2000Lossless  # noqa: E402

from tests.bench.data.dicom_files import dicom_dataset, radiograph  # noqa: E402

ROUNDS = 5


def files(folder: Path, *, side: int, compressed: bool) -> list[Path]:
    """Children's radiographs of 12 bits, enlarged to the size of a detector's."""
    paths = []
    for path in sorted((shared("kermany") / "images").rglob("*.jpeg"))[:4]:
        pixels = resize(radiograph(path), side).astype(np.uint16) * 16
        dataset = dicom_dataset(
            pixels, BitsStored=12, RescaleSlope=1, RescaleIntercept=0, WindowCenter=2048,
            WindowWidth=4096,
        )  # fmt: skip
        if compressed:
            dataset.compress(JPEG2000Lossless)
        paths.append(folder / path.stem)
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def seconds(read: Callable[[Path], object], paths: Sequence[Path]) -> float:
    """Processor seconds, which other processes change little."""
    begin = time.process_time()
    for path in paths:
        read(path)
    return time.process_time() - begin


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("side", [256, pytest.param(2048, marks=pytest.mark.slow)])
def test_rounds_of_both_in_turns(
    benchmark: BenchmarkFixture, side: int, compressed: bool, tmp_path: Path
) -> None:
    rounds = 1 if benchmark.disabled else ROUNDS
    paths = files(tmp_path, side=side, compressed=compressed) * max(1, 1024 // side)

    def plain(path: Path) -> object:
        return pydicom.dcmread(path).pixel_array

    def ratios() -> list[float]:
        return [seconds(read_gray_values, paths) / seconds(plain, paths) for _ in range(rounds)]

    found = benchmark.pedantic(ratios, rounds=1, warmup_rounds=1)
    benchmark.extra_info["ours / plain"] = [round(ratio, 3) for ratio in found]
    benchmark.extra_info["median"] = round(statistics.median(found), 3)
    assert read_gray_values(paths[0]).shape == (side, side)
