"""Too little memory: how it shows, how what is left of it is got back, and what is tried next."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from bench.train.failure import MemoryExhaustedError
from bench.train.heap import give_back

Result = TypeVar("Result")

# Where torch raises a plain RuntimeError: its allocator for the CPU, CUDA outside torch's own
# allocator, and the workspaces of cuBLAS and cuDNN.
_TEXTS = ("DefaultCPUAllocator", "out of memory", "STATUS_ALLOC_FAILED")


def unless_out_of_memory(function: Callable[[], Result]) -> Result | None:
    """What a function returns; None where memory ran out, with what it had taken given back.

    Raises:
        Exception: whatever else the function raises.
    """
    try:
        return function()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Not in the block above: until it ends, the error's frames hold the function's tensors.
    release()
    return None


def release() -> None:
    """Give memory that nothing uses any more back to the device and to the system."""
    gc.collect()
    torch.cuda.empty_cache()  # does nothing where CUDA is not used
    give_back()


def halve(at_once: int, *, side: int) -> int:
    """The number of images to try after this one was too large.

    Args:
        at_once: images that were on the device at once.
        side: of an image in pixels.

    Raises:
        MemoryExhaustedError: it was a single one.
    """
    if at_once == 1:
        raise MemoryExhaustedError(
            f"memory does not suffice for one image of {side} px at once: try a smaller "
            "data.image_size, a smaller network, or a device with more memory"
        )
    return at_once // 2


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch says that memory ran out."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _TEXTS)
