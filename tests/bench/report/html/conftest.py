"""A page with a bit of everything, made once, and a browser for it."""

from __future__ import annotations

import pytest

from bench.evaluate.results import Results
from bench.report.html.page import html
from tests.bench.report.conftest import EMPTY
from tests.bench.report.html.pages import full_results, keep_pixels
from tests.browser import browser

__all__ = ["browser"]


@pytest.fixture(scope="package")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return full_results(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="package")
def page(results: Results) -> str:
    """The page with empty pictures, but for their words."""
    keep_pixels()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.report.figures.picture._address", lambda _: EMPTY)
        return html(results)
