"""Registers the built-in data sources, by importing the modules that define them."""

from bench.data.sources import folders, manifest, medmnist, nih, phantom

__all__ = ["folders", "manifest", "medmnist", "nih", "phantom"]
