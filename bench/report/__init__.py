"""Results in every format: each formats what it is given and computes nothing."""

from bench.report.formats import FORMATS

__all__ = ["FORMATS"]
