"""Predictions that others made, in our tables: read from a CSV file, judged by our labels."""

from bench.imported.answers import Combine
from bench.imported.place import On
from bench.imported.write import Imported, Request, import_predictions

__all__ = ["Combine", "Imported", "On", "Request", "import_predictions"]
