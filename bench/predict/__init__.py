"""Predictions for images that no run has seen, by the network of a run or of a row's seeds."""

from __future__ import annotations

from bench.predict.arguments import Arguments, sort_arguments
from bench.predict.formats import FORMATS, summary_lines, table
from bench.predict.images import ImageList, list_images
from bench.predict.predict import predict_images
from bench.predict.records import ImageRecord, PredictionReport
from bench.predict.row import NetworkRow

__all__ = [
    "Arguments",
    "FORMATS",
    "ImageList",
    "ImageRecord",
    "NetworkRow",
    "PredictionReport",
    "list_images",
    "predict_images",
    "sort_arguments",
    "summary_lines",
    "table",
]
