"""What a training that cannot go on says."""

from __future__ import annotations


class TrainingFailedError(Exception):
    """The training cannot go on; the message says why and what to try."""


class MemoryExhaustedError(TrainingFailedError):
    """Memory does not suffice for a single image at once."""
