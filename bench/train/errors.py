"""Errors that end a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.errors import InputError

# Where torch raises a plain RuntimeError: its allocator for the CPU, CUDA outside torch's own
# allocator, and the workspaces of cuBLAS and cuDNN.
_OUT_OF_MEMORY = ("DefaultCPUAllocator", "out of memory", "STATUS_ALLOC_FAILED")


class TrainingFailedError(Exception):
    """The training cannot go on; the message says why and what to try."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)
    )


@contextmanager
def memory_errors_explained(message: str) -> Iterator[None]:
    """Turn torch's out-of-memory errors into one line for the user.

    Args:
        message: what did not fit, and what to try.

    Raises:
        InputError: memory ran out. It says nothing against the training so far, so a run keeps
            its checkpoint and can go on from there, with more memory.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(f"memory does not suffice for {message}") from error
