"""Placement of the pixels during training, and the way of a batch from there to the device.

One of three is chosen for a data set by what fits, and shared by all cells of a process:

- :class:`OnDevice`: all pixels in the device's memory; a batch is a gather there;
- :class:`InHostMemory`: all pixels read into the host's memory; a batch is gathered there into
  pinned memory and copied on a stream of its own while the device still computes;
- :class:`MemoryMapped`: the pixels stay in their file and the operating system keeps what it has
  room for; a batch takes the same way as from the host's memory. On a CPU it is the only one:
  there the file's pages *are* the host's memory, and a copy would only cost it twice.

All three give the same bytes for the same pixel rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The share of free memory that the pixels may take. On a device the rest is for networks,
# activations and the private memory of captured steps.
DEVICE_SHARE = 0.5
HOST_SHARE = 0.5

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


class Placement(ABC):
    """All pixels of a data set, wherever they lie.

    Attributes:
        device: where batches are wanted.
        side: of an image in pixels.
    """

    device: torch.device
    side: int

    @abstractmethod
    def gather(self, pixel_rows: NDArray[np.int64]) -> Tensor:
        """Images (n, side, side) uint8 at some rows, on the device."""

    def prefetch(self, pixel_rows: NDArray[np.int64]) -> None:  # noqa: B027 -- not all can
        """Begin to move the rows that are gathered next to the device."""


class OnDevice(Placement):
    """All pixels in the device's memory.

    Args:
        pixels: (images, side, side) uint8.
        device: where they go.
    """

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
    """Pixels in a file that is mapped into memory, or wherever numpy can read them.

    Args:
        pixels: (images, side, side) uint8.
        device: where batches are wanted.
    """

    def __init__(self, pixels: NDArray[np.uint8], *, device: torch.device) -> None:
        self._pixels = pixels
        self.device, self.side = device, pixels.shape[1]
        self._copy_stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._copy_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._prefetched: tuple[NDArray[np.int64], Tensor, torch.cuda.Event] | None = None

    def gather(self, pixel_rows: NDArray[np.int64]) -> Tensor:
        """See :meth:`Placement.gather`."""
        if self._copy_stream is None:
            return torch.from_numpy(np.ascontiguousarray(self._pixels[pixel_rows]))
        if self._prefetched is None or not np.array_equal(self._prefetched[0], pixel_rows):
            self.prefetch(pixel_rows)
        assert self._prefetched is not None
        _, images, copied = self._prefetched
        self._prefetched = None
        current = torch.cuda.current_stream(self.device)
        current.wait_event(copied)
        # Made on the other stream: its memory must not be given away while this one reads it.
        images.record_stream(current)
        return images

    def prefetch(self, pixel_rows: NDArray[np.int64]) -> None:
        """See :meth:`Placement.prefetch`."""
        if self._copy_stream is None:
            return
        # Pinned, as the copy would otherwise make the host wait; torch's allocator does not give
        # the memory to the next batch before the copy has ended.
        shape = (len(pixel_rows), self.side, self.side)
        staging = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        # Rows are known to be inside; with numpy's other modes the output is copied once more.
        np.take(self._pixels, pixel_rows, axis=0, out=staging.numpy(), mode="clip")
        with torch.cuda.stream(self._copy_stream):
            images = staging.to(self.device, non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record(self._copy_stream)
        self._prefetched = pixel_rows, images, copied


class InHostMemory(MemoryMapped):
    """All pixels read into the host's memory, so that no batch waits for a disk.

    Args:
        pixels: (images, side, side) uint8.
        device: where batches are wanted.
    """

    def __init__(self, pixels: NDArray[np.uint8], *, device: torch.device) -> None:
        super().__init__(np.array(pixels), device=device)


def place_pixels(pixels: NDArray[np.uint8], *, device: torch.device) -> Placement:
    """Place pixels as near to the device as they fit.

    On the device where they take at most :data:`DEVICE_SHARE` of its free memory, otherwise in
    the host's memory where they take at most :data:`HOST_SHARE` of what is available there,
    otherwise they stay in their file.

    Args:
        pixels: (images, side, side) uint8, usually a memory map.
        device: where batches are wanted.
    """
    if device.type != "cuda":
        return MemoryMapped(pixels, device=device)
    if _fits_on_device(pixels, device):
        return OnDevice(pixels, device=device)
    if pixels.nbytes <= HOST_SHARE * _available_host_memory():
        return InHostMemory(pixels, device=device)
    return MemoryMapped(pixels, device=device)


class PlacementCache:
    """Places each data set once, for all cells of a process.

    Attributes:
        device: where batches are wanted.
    """

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


def _available_host_memory() -> int:
    """Bytes that the host can give without swapping; 0 where the system does not tell."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in lines)
    available = int(fields.get("MemAvailable", "0 kB").split()[0]) * 1024
    try:
        # A container's own limit, where there is one (cgroup v2); "max" is none.
        limit, used = (
            int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):
        return available
    return min(available, max(0, limit - used))
