"""The store that the tests of evaluation write to."""

from tests.bench.report.conftest import nothing_drawn, runs

__all__ = ["nothing_drawn", "runs"]
