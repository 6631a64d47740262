"""Predictions that others made, in our tables: read from a CSV file, judged by our labels."""

from bench.imported.columns import Combine
from bench.imported.write import Imported, import_predictions

__all__ = ["Combine", "Imported", "import_predictions"]
