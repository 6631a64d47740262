"""The store that the tests of evaluation write to."""

from tests.bench.report.conftest import no_pictures, runs

__all__ = ["no_pictures", "runs"]
