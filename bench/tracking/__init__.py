"""Watching runs while they train, in a tool of one's own: a tracker, and TensorBoard as one.

Results never come from here: they come from stored predictions.
"""

from bench.tracking.tracker import Tracked, Tracker

__all__ = ["Tracked", "Tracker"]
