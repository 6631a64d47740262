"""Registers the built-in data sources, by importing the modules that define them."""

from bench.data.sources import dicom, folders, manifest, medmnist, nih, phantom

__all__ = ["dicom", "folders", "manifest", "medmnist", "nih", "phantom"]
