"""Placement of the pixels during training, and the way of a batch from there to the device.

One of two is chosen for a data set by what fits, and shared by all cells of a process:

- :class:`OnDevice`: all pixels in the device's memory; a batch is a gather there;
- :class:`MemoryMapped`: the pixels stay in their file and the operating system keeps what it has
  room for; a batch is gathered into pinned memory and copied without making the host wait. On a
  CPU it is the only one: there the file's pages *are* the host's memory, and a copy would only cost
  it twice.

Both give the same bytes for the same pixel rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from mmap import mmap
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The share of free memory that the pixels may take. On a device the rest is for networks,
# activations and the private memory of captured steps.
DEVICE_SHARE = 0.5


class Placement(ABC):
    """All pixels of a data set, wherever they lie."""

    device: torch.device  # where batches are wanted
    side: int  # of an image in pixels

    @abstractmethod
    def gather(self, pixel_rows: NDArray[np.int64]) -> Tensor:
        """Images (n, side, side) uint8 at some rows, on the device."""


class OnDevice(Placement):
    """All pixels, (images, side, side) uint8, in the device's memory."""

    # Rows that are on their way at once: a pageable copy of the whole would need it all twice.
    CHUNK = 4096

    def __init__(self, pixels: NDArray[np.uint8], *, device: torch.device) -> None:
        self._pixels = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
        self.device, self.side = self._pixels.device, pixels.shape[1]
        for start in range(0, len(pixels), self.CHUNK):
            chunk = np.array(pixels[start : start + self.CHUNK])
            self._pixels[start : start + self.CHUNK].copy_(torch.from_numpy(chunk))

    def gather(self, pixel_rows: NDArray[np.int64]) -> Tensor:
        """See :meth:`Placement.gather`."""
        return self._pixels.index_select(0, to_device(pixel_rows, self.device))


class MemoryMapped(Placement):
    """Pixels, (images, side, side) uint8, in a mapped file, or wherever numpy can read them.

    Another process gets the name of the file, and maps it too.
    """

    def __init__(self, pixels: NDArray[np.uint8], *, device: torch.device) -> None:
        self.pixels = pixels
        self.device, self.side = device, pixels.shape[1]

    def gather(self, pixel_rows: NDArray[np.int64]) -> Tensor:
        """See :meth:`Placement.gather`."""
        return to_device(np.ascontiguousarray(self.pixels[pixel_rows]), self.device)

    def __reduce__(self) -> tuple[Any, ...]:
        pixels = self.pixels
        # A view of a map does not know where in the file it begins.
        if isinstance(pixels, np.memmap) and isinstance(cast(object, pixels.base), mmap):
            return _map_again, (str(pixels.filename), pixels.offset, pixels.shape, self.device)
        return partial(MemoryMapped, device=self.device), (np.asarray(pixels),)


def place_pixels(pixels: NDArray[np.uint8], *, device: torch.device) -> Placement:
    """Place pixels, (images, side, side) uint8, as near to the device as they fit.

    On the device where they take at most :data:`DEVICE_SHARE` of its free memory; otherwise they
    stay in their file.
    """
    if device.type == "cuda" and _fits_on_device(pixels, device):
        return OnDevice(pixels, device=device)
    return MemoryMapped(pixels, device=device)


def _map_again(
    file: str, offset: int, shape: tuple[int, ...], device: torch.device
) -> MemoryMapped:
    pixels = np.memmap(file, dtype=np.uint8, mode="r", offset=offset, shape=shape)
    return MemoryMapped(pixels, device=device)


class PlacementCache:
    """Places each data set once, for all cells of a process."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        # With the pixels, so that no other array takes the id of one that is gone.
        self._placed: dict[str | int, tuple[NDArray[np.uint8], Placement]] = {}

    def get(self, pixels: NDArray[np.uint8]) -> Placement:
        """The placement of a data set's pixels; see :func:`place_pixels`.

        One that would not fit on the device beside the others replaces them there.
        """
        # Every level of an experiment maps its file anew; it is the file that is placed.
        key = str(pixels.filename) if isinstance(pixels, np.memmap) else id(pixels)
        if key not in self._placed:
            if not _fits_on_device(pixels, self.device):
                self._placed.clear()
            self._placed[key] = pixels, place_pixels(pixels, device=self.device)
        return self._placed[key][1]

    def unplaced(self, pixels: NDArray[np.uint8]) -> MemoryMapped:
        """A data set's pixels in their file, for other processes; these have the device."""
        self._placed.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return MemoryMapped(pixels, device=torch.device("cpu"))


def to_device(values: NDArray[np.generic], device: torch.device) -> Tensor:
    """An array as a tensor on a device, without making the host wait for the copy.

    On a CPU the tensor shares the array's memory.
    """
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _fits_on_device(pixels: NDArray[np.uint8], device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    # What earlier cells' tensors left with torch's allocator is as free as the driver's.
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    return pixels.nbytes <= DEVICE_SHARE * free
