"""The store that the tests of evaluation write to."""

from tests.bench.report.conftest import runs

__all__ = ["runs"]
