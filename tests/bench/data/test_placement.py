"""Both placements give the same batches; which one is taken; what is placed only once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.config import AugmentConfig
from bench.data import placement
from bench.data.batches import ImageSet, TrainingStream
from bench.data.normalisation import Normalisation
from bench.data.placement import (
    MemoryMapped,
    OnDevice,
    Placement,
    PlacementCache,
    place_pixels,
)
from tests.cuda import needs_cuda

CPU = torch.device("cpu")
Place = Callable[..., Placement]
EVERY: list[Place] = [OnDevice, MemoryMapped]
AUGMENT = AugmentConfig(flip=True, shift=0.2, contrast=0.2, brightness=0.1)


def pixels(count: int = 60, side: int = 16) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, size=(count, side, side), dtype=np.uint8)


@pytest.fixture
def mapped(tmp_path: Path) -> NDArray[np.uint8]:
    """Pixels as a preparation leaves them: in a file, mapped for reading."""
    np.save(tmp_path / "pixels.npy", pixels())
    file: NDArray[np.uint8] = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    return file


def network_input(stream: TrainingStream, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    batch = stream.batch(step)
    return stream.to_input(batch), batch.targets


def batches(placed: Placement, *, augment: AugmentConfig) -> list[tuple[torch.Tensor, ...]]:
    images = ImageSet(
        placement=placed,
        pixel_rows=np.arange(59, 9, -1, dtype=np.int64),
        targets=np.arange(50, dtype=np.int64) % 2,
        normalisation=Normalisation(mean=0.4, std=0.25),
        in_channels=1,
    )
    stream = TrainingStream(images, batch_size=16, seed=3, augment=augment)
    training = [network_input(stream, step) for step in range(7)]
    # Validation comes in between, and asks for other images than were announced.
    answering = list(images.in_order(32))
    return [t for batch in [*training, network_input(stream, 7)] for t in batch] + answering


@pytest.mark.parametrize("augment", [AugmentConfig(), AUGMENT], ids=["as they are", "augmented"])
@pytest.mark.parametrize(
    "device", [CPU, pytest.param(torch.device("cuda"), marks=needs_cuda)], ids=str
)
def test_both_placements_give_the_same_batches_bit_for_bit(
    mapped: NDArray[np.uint8], device: torch.device, augment: AugmentConfig
) -> None:
    on_device, from_file = (batches(make(mapped, device=device), augment=augment) for make in EVERY)
    assert len(on_device) == 2 * (7 + 1) + 2
    for expected, found in zip(on_device, from_file, strict=True):
        assert expected.device.type == device.type
        assert torch.equal(expected, found)


@needs_cuda
def test_a_gpu_gets_the_batches_of_a_cpu(mapped: NDArray[np.uint8]) -> None:
    here = batches(MemoryMapped(mapped, device=CPU), augment=AugmentConfig(flip=True, shift=0.2))
    for make in EVERY:
        there = batches(
            make(mapped, device=torch.device("cuda")),
            augment=AugmentConfig(flip=True, shift=0.2),
        )
        # Normalisation multiplies and adds, which a GPU may round once instead of twice.
        for a, b in zip(here, there, strict=True):
            torch.testing.assert_close(a, b.cpu(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", EVERY)
@given(rows=st.lists(st.integers(0, 59), min_size=1, max_size=80))
def test_any_rows_in_any_order_and_more_than_once(make: Place, rows: list[int]) -> None:
    wanted = np.array(rows, dtype=np.int64)
    placed = make(pixels(), device=CPU)
    assert placed.side == 16
    assert torch.equal(placed.gather(wanted), torch.from_numpy(pixels()[wanted]))


def test_more_rows_than_go_to_a_device_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnDevice, "CHUNK", 7)
    placed = OnDevice(pixels(), device=CPU)
    assert torch.equal(placed.gather(np.arange(60)), torch.from_numpy(pixels()))


@pytest.mark.parametrize(
    ("free", "expected"), [(2 * 60 * 256, OnDevice), (2 * 60 * 256 - 1, MemoryMapped)]
)
def test_on_a_gpu_half_of_what_is_free_decides(
    monkeypatch: pytest.MonkeyPatch, free: int, expected: type
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 10**12))
    chosen: list[type] = []
    for kind in (OnDevice, MemoryMapped):
        monkeypatch.setattr(
            placement, kind.__name__, lambda *_, kind=kind, **__: chosen.append(kind)
        )
    place_pixels(pixels(), device=torch.device("cuda"))
    assert chosen == [expected]


def test_a_data_set_is_placed_once_however_often_its_file_is_mapped(
    mapped: NDArray[np.uint8], tmp_path: Path
) -> None:
    placements = PlacementCache(CPU)
    assert type(placements.get(mapped)) is MemoryMapped
    again = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    assert placements.get(again) is placements.get(mapped)
    np.save(tmp_path / "other.npy", pixels())
    other = placements.get(np.load(tmp_path / "other.npy", mmap_mode="r"))
    assert other is not placements.get(mapped)
    first, second = pixels(), pixels()
    assert placements.get(first) is placements.get(first)
    assert placements.get(first) is not placements.get(second)


def test_a_data_set_that_does_not_fit_beside_another_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fits = [True, True, False]
    monkeypatch.setattr(placement, "_fits_on_device", lambda *_: fits.pop(0))
    monkeypatch.setattr(
        placement, "place_pixels", lambda array, **_: MemoryMapped(array, device=CPU)
    )
    placements = PlacementCache(torch.device("cuda"))
    sets = [pixels() for _ in range(3)]
    placed = [placements.get(each) for each in sets]
    gone = [weakref.ref(placed.pop(0)), weakref.ref(placed.pop(0))]
    assert [ref() for ref in gone] == [None, None]
    assert placements.get(sets[2]) is placed[0]
