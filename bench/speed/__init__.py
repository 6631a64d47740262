"""Measurements of how fast networks train and predict on a device."""
