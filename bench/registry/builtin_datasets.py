"""Registers the built-in data sources, by importing the modules that define them."""

from bench.data.sources import manifest, medmnist, nih, phantom

__all__ = ["manifest", "medmnist", "nih", "phantom"]
